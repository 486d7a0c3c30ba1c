"""Records that look wrong and are not, others at the edge of what the broker takes, and what it does not take."""

import json

import pytest
from confluent_kafka import KafkaError

from conftest import SUPERIOR, YEAR
from support import events, people
from support.books import check_ledger

BROKER_BYTES_MAX = 1 << 20  # max.message.bytes of the input topics
LARGE_CLIENT = {"message.max.bytes": 64 << 20, "linger.ms": 0}
CODECS = ["gzip", "zstd", "lz4", "snappy"]


# ---- accepted ----

def extended(event):
    """Fields that no schema knows, at every level."""
    event.data.update({"new_in_v1_1": {"a": [1, {"b": None}], "数": True, "large": 2**63 - 1}, "profile": {"address": "x", "fax": 7}})
    return event.binary()


def binary_with(event, **headers):
    made, value = event.binary()
    return {**made, **headers}, value


def structured_with(event, *more, content_type="application/cloudevents+json", **attributes):
    _, value = event.structured()
    return [("content-type", content_type), *more], json.dumps({**json.loads(value), **attributes}).encode()


# How a good unit review is sent.
ACCEPTED = {
    "with-unknown-fields": extended,
    "with-unknown-headers": lambda e: binary_with(e, ce_traceparent=b"\xff\x00", baggage="x" * 30_000),
    "with-headers-that-repeat": lambda e: ([*e.binary()[0].items(), ("x", None), ("x", b""), ("x", b"2")], e.binary()[1]),
    "with-64-headers": lambda e: ([*e.binary()[0].items(), *[("x", b"")] * 59], e.binary()[1]),
    "with-a-nonsense-time": lambda e: binary_with(e, ce_time="the day before yesterday"),
    "with-a-charset": lambda e: binary_with(e, **{"content-type": 'Application/JSON ; x=y; Charset="utf-8"'}),
    "with-an-id-of-255-bytes": lambda e: binary_with(e, ce_id=e.id + "年" * 73),
    "with-white-space": lambda e: (e.binary()[0], b"\r\n\t " + e.binary()[1].replace(b",", b"\n,\t ") + b"\n\n"),
    "with-every-letter-escaped": lambda e: (e.binary()[0], e.binary()[1].replace(b"clerk-17", "".join(
        f"\\u{ord(c):04x}" for c in "clerk-17").encode())),
    "structured": structured_with,
    "structured-with-a-charset": lambda e: structured_with(e, content_type="application/cloudevents+json; charset=UTF-8"),
    "structured-with-extensions": lambda e: structured_with(e, subject="x", dataschema="urn:x", traceparent={"a": 1}, time="nonsense"),
    "structured-with-headers-of-binary-mode": lambda e: structured_with(e, ("ce_id", b"ignored"), ("ce_type", b"ignored")),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_accepted(kind, main, take):
    """Unknown fields, headers and attributes, and other ways to write the same, are no reason to refuse an event."""
    event = events.unit_review(take().code, YEAR)
    headers, value = ACCEPTED[kind](event)
    main.client().send_record(event.topic, event.key, value, headers)
    accepted = main.outcomes.wait(event.data["unit"], "unit-review.accepted")
    assert accepted.data["unit_review"].startswith(event.id)


def test_submission_id_of_another_unit(main, take):
    """A submission's id belongs to its unit: another unit's submission may have the same, and a decision on one is none on the other."""
    first, second = take(), take()
    pending = {}
    for unit in (first, second):
        review = events.unit_review(unit.code, YEAR)
        chunk = events.submission(unit.code, YEAR, review.id, {unit.members[0].id_number: "left"}, submission_id="the-same-id-twice")[0]
        main.client().send(review, chunk)
        pending[unit.code] = main.outcomes.wait(unit.code, "member-review.pending", causation=chunk.id)
    digests = [pending[unit.code].data["digest"] for unit in (first, second)]
    wrong = events.approved(first.code, YEAR, "the-same-id-twice", digests[1], SUPERIOR, "R007")
    main.client().send(wrong)
    assert main.outcomes.wait(first.code, "decision.rejected", causation=wrong.id).data["code"] == "stale-digest"
    right = events.approved(second.code, YEAR, "the-same-id-twice", digests[1], SUPERIOR, "R007")
    main.client().send(right)
    main.outcomes.wait(second.code, "member-review.completed", causation=right.id)
    assert main.removed(second.code) == {second.members[0].id_number: "left"}
    assert not main.removed(first.code)


def test_years(make_world):
    """
    Ids that start again from 1 each year are new events each year. Last year's unit review is none of this year: a submission that names
    it waits, says so, and can be withdrawn.
    """
    unit = people.unit("YEARS", SUPERIOR, 480_000, 4)
    world = make_world([unit])

    def send(year, failing, review_id="1"):
        review = events.unit_review(unit.code, year, id=review_id)
        chunk = events.submission(unit.code, year, "1", {failing.id_number: "left"}, submission_id="1")[0]
        world.client().send(review, chunk)
        world.run_until_end().expect(0)
        return chunk

    send(YEAR, unit.members[0])
    digest = world.sql("SELECT digest FROM nianshen.review_status")[0][0]
    world.client().send(events.approved(unit.code, YEAR, "1", digest, SUPERIOR, "R007", id="1"))
    world.run_until_end().expect(0)
    assert world.removed(unit.code) == {unit.members[0].id_number: "left"}

    world.ops("campaign", "close", "--year", YEAR).expect(0)
    world.ops("campaign", "open", "--year", YEAR + 1).expect(0)
    chunk = send(YEAR + 1, unit.members[1], review_id="2")  # names unit review 1, which is last year's
    waiting = world.outcomes.wait(unit.code, "member-review.waiting", causation=chunk.id, year=YEAR + 1)
    assert waiting.data["code"] == "unit-review-missing"
    world.client().send(events.withdrawn(unit.code, YEAR + 1, "1", id="1"))
    world.run_until_end().expect(0)
    world.outcomes.wait(unit.code, "member-review.closed", year=YEAR + 1)
    world.client().send(events.unit_review(unit.code, YEAR + 1, id="1"))
    again = events.submission(unit.code, YEAR + 1, "1", {unit.members[1].id_number: "left"}, submission_id="2")[0]
    world.client().send(again)
    world.run_until_end().expect(0)
    world.outcomes.wait(unit.code, "member-review.pending", year=YEAR + 1, submission="2")
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]
    check_ledger(world)


# ---- at the edge, and beyond ----

def place_of(world, client, topic, key, value, headers):
    """Where the broker put the record; None when it was too large for it."""
    place = client.record(topic, key, value, headers)
    client.flush()
    if isinstance(place[0], tuple):
        return place[0]
    assert place[0].code() == KafkaError.MSG_SIZE_TOO_LARGE, place[0]
    return None


def largest(world, make):
    """The largest record that the broker takes of those that `make(bytes)` gives, as (place, record)."""
    client, refused, found = world.client(**LARGE_CLIENT), BROKER_BYTES_MAX, None
    taken = BROKER_BYTES_MAX - 256
    while refused - taken > 1 or found is None:
        size = (taken + refused) // 2 if found else taken
        record = make(size)
        place = place_of(world, client, "approval", *record)
        if place is None:
            assert found, "not even that size"
            refused = size
        else:
            taken, found = size, (place, record)
    return found


# Where the bytes of the record are.
LARGE = {
    "value": lambda size: (b"LARGE", b"[" * size, [("x", b"1")]),
    "header": lambda size: (b"LARGE", b"{", [("x", b"\x00\xff" * (size // 2))]),
    "key": lambda size: (b"k" * size, b"{", [("x", b"1")]),
    "headers": lambda size: (b"LARGE", b"{", [("x%d" % n, b"\xff" * 1000) for n in range(size // 1012)]),
}


@pytest.mark.parametrize("where", LARGE)
def test_largest_record(where, main, take):
    """What the broker just takes can still be dead-lettered, byte for byte, whatever its bytes are in."""
    (partition, offset), (key, value, headers) = largest(main, LARGE[where])
    message, added = main.dead_letters.wait(main.prefix + "approval", partition, offset)
    assert (message.key(), message.value()) == (key, value)
    assert main.dead_letters.original_headers(message) == headers
    assert added["nianshen_dl_code"]


@pytest.mark.parametrize("codec", CODECS)
def test_compression_bomb(codec, main, take):
    """A few kilobytes that unpack to many megabytes are refused by the broker, which says so; nothing of it is in the topic."""
    before = main.ends("member-review")
    client = main.client(**LARGE_CLIENT, **{"compression.type": codec})
    unit = take()
    headers, _ = events.unit_review(unit.code, YEAR).binary()
    assert place_of(main, client, "member-review", unit.code.encode(), b"\x00" * (20 << 20), headers) is None
    assert main.ends("member-review") == before
    check_alive(main, unit)


def test_five_megabytes(main, take):
    """5 MB are refused by the broker, if the client's own limit lets them go at all."""
    before, unit = main.ends("member-review"), take()
    client = main.client(**LARGE_CLIENT)
    assert place_of(main, client, "member-review", unit.code.encode(), b"x" * 5_000_000, {}) is None
    assert main.ends("member-review") == before
    check_alive(main, unit)


def test_compressed_by_the_client(main, take):
    """Compression as such is nobody's mistake."""
    for codec in CODECS:
        unit = take()
        event = events.unit_review(unit.code, YEAR)
        main.client(**{"compression.type": codec}).send(event)
        main.outcomes.wait(unit.code, "unit-review.accepted", unit_review=event.id)


def check_alive(world, unit):
    event = events.unit_review(unit.code, YEAR)
    world.client().send(event)
    world.outcomes.wait(unit.code, "unit-review.accepted", unit_review=event.id)
