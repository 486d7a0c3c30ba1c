"""Records that break the contract: each goes to the dead-letter topic byte for byte, and the next good event is applied."""

import json
import uuid

import pytest

import outcome_schemas
from conftest import YEAR
from support import events
from support.people import id_number

OTHER_TOPICS_TYPE = events.TYPES["approved"]


class Broken:
    """One broken record, made from a good unit review of `unit` by changing one thing."""

    def __init__(self, unit):
        self.event = events.unit_review(unit.code, YEAR)
        self.unit = unit
        self.topic, self.key, self.partition = self.event.topic, self.event.key, None
        headers, self.value = self.event.binary()
        self.headers = [(name, text.encode()) for name, text in headers.items()]

    def data(self, text=None, **changes):
        """Other data: the text as it is, or the good one with these fields."""
        self.value = (text or json.dumps({**self.event.data, **changes})).encode()
        return self

    def header(self, name, value):
        """Another value of a header; None takes it away."""
        self.headers = [(n, v) for n, v in self.headers if n != name] + ([(name, value)] if value is not None else [])
        return self

    def of(self, event, **changes):
        """Another event in its place."""
        headers, _ = event.binary()
        self.event, self.topic, self.key = event, event.topic, event.key
        self.headers = [(name, text.encode()) for name, text in headers.items()]
        return self.data(**changes)

    def at(self, **place):
        for name, value in place.items():
            setattr(self, name, value)
        return self


def chunk(unit, failed=None, number=0, **more):
    return events.submission(unit.code, YEAR, "review", failed or {unit.members[0].id_number: "left", unit.members[1].id_number: "left"},
                             chunk_entries=1, **more)[number]


def nested(depth):
    return '{"unit":"%s","year":2026,"submitted_by":"c","profile":{},"x":' + "[" * depth + "]" * depth + "}"


# Each: the code it must get, and how it is made. Where a good event must go before, `before` sends it.
KINDS = {
    "cut-off": ("not-json", lambda b, w: b.data('{"unit":')),
    "not-utf-8": ("not-json", lambda b, w: b.at(value=b'{"unit":"\xff\xfe"}')),
    "an-array": ("schema", lambda b, w: b.data("[1,2,3]")),
    "a-tombstone": ("null-value", lambda b, w: b.at(value=None)),
    "without-key": ("key-missing", lambda b, w: b.at(key=None, partition=w.partition_of(b.unit.code))),
    "under-another-units-key": ("key-mismatch", lambda b, w: b.data(unit="SOMEBODY-ELSE")),
    "in-another-partition": ("wrong-partition", lambda b, w: b.at(partition=(w.partition_of(b.unit.code) + 1) % w.partitions)),
    "without-id": ("bad-header", lambda b, w: b.header("ce_id", None)),
    "of-an-old-specversion": ("bad-header", lambda b, w: b.header("ce_specversion", b"0.3")),
    "of-another-content-type": ("bad-header", lambda b, w: b.header("content-type", b"text/plain")),
    "of-an-unknown-type": ("unknown-type", lambda b, w: b.header("ce_type", b"nianshen.unit-review.confirmed.v9")),
    "in-the-wrong-topic": ("wrong-topic", lambda b, w: b.header("ce_type", OTHER_TOPICS_TYPE.encode())),
    "with-a-year-in-quotes": ("schema", lambda b, w: b.data(year=str(YEAR))),
    "without-a-field": ("schema", lambda b, w: b.data('{"unit":"%s","year":2026}' % b.unit.code)),
    "with-a-control-character": ("schema", lambda b, w: b.data(submitted_by="clerk\u0007")),
    "with-a-key-twice": ("duplicate-key", lambda b, w: b.data('{"unit":"%s","year":2026,"year":2026}' % b.unit.code)),
    "with-a-real-number": ("real-number", lambda b, w: b.data(year=2026.0)),
    "nested-too-deep": ("too-deep", lambda b, w: b.data(nested(100) % b.unit.code)),
    "too-large": ("too-large", lambda b, w: b.data(profile={"address": "a" * 600_000})),
    "with-too-many-entries": (
        "too-many-elements",
        lambda b, w: b.of(chunk(b.unit, {id_number(n): "left" for n in range(2)}),
                          failed=[{"id_number": id_number(n), "reason": "left"} for n in range(5001)]),
    ),
    "of-a-unit-nobody-knows": ("unknown-unit", lambda b, w: b.of(events.submission("NOBODY", YEAR, "r", {})[0])),
}


def check_dead_letter(world, broken, place, code):
    """It is in the dead-letter topic as it was, with the right code, in the partition of the same number; operators find it."""
    message, added = world.dead_letters.wait(world.prefix + broken.topic, *place)
    assert (message.key(), message.value()) == (broken.key, broken.value)
    assert world.dead_letters.original_headers(message) == broken.headers
    assert message.partition() == place[0]
    assert added["nianshen_dl_code"] == code, added
    outcome_schemas.check_dead_letter(added)
    rows = world.sql("SELECT code FROM nianshen.dead_letter WHERE topic = %s AND partition = %s AND record_offset = %s",
                     [broken.topic, *place], "nianshen_ops")
    assert rows == [(code,)]


def publish(world, broken):
    where = {} if broken.partition is None else {"partition": broken.partition}
    return world.client().send_record(broken.topic, broken.key, broken.value, broken.headers, **where)


def check_next_is_applied(world, unit):
    good = events.unit_review(unit.code, YEAR)
    world.client().send(good)
    world.outcomes.wait(unit.code, "unit-review.accepted", unit_review=good.id)


@pytest.mark.parametrize("kind", KINDS)
def test_record(kind, main, take):
    """A record of this kind is a dead letter with this code; the unit's next good event is applied."""
    code, make = KINDS[kind]
    broken = make(Broken(take()), main)
    place = publish(main, broken)
    check_next_is_applied(main, broken.unit)
    check_dead_letter(main, broken, place, code)


def test_headers_byte_for_byte(main, take):
    """Headers that repeat, are null or no text at all come through unchanged and in their order."""
    broken = Broken(take()).data("{")
    broken.headers = [("x", b"\xff\x00\x01"), *broken.headers, ("x", None), ("x", b""), ("nicht-ascii", "原件".encode())]
    place = publish(main, broken)
    check_dead_letter(main, broken, place, "not-json")
    check_next_is_applied(main, broken.unit)


def test_identity_used_with_other_content(main, take):
    """The same identity with other content is a dead letter; a dead letter uses up no identity, so the id of one can still be used."""
    unit, identity = take(), str(uuid.uuid4())
    first = Broken(unit).header("ce_id", identity.encode()).data("{")
    check_dead_letter(main, first, publish(main, first), "not-json")
    good = events.unit_review(unit.code, YEAR, id=identity)
    main.client().send(good)
    main.outcomes.wait(unit.code, "unit-review.accepted", unit_review=identity)
    other = Broken(unit).header("ce_id", identity.encode()).data(submitted_by="somebody-else")
    check_dead_letter(main, other, publish(main, other), "identity-reused")


def test_chunks_that_do_not_fit(main, take):
    """A chunk whose header contradicts the first, and a chunk number sent again with other content; the submission itself goes on."""
    unit = take()
    review = events.unit_review(unit.code, YEAR)
    failed = {unit.members[0].id_number: "left", unit.members[1].id_number: "left"}
    first, second = events.submission(unit.code, YEAR, review.id, failed, chunk_entries=1)
    main.client().send(review, first)
    contradicting = Broken(unit).of(second, chunks=3).header("ce_id", b"contradicting")
    check_dead_letter(main, contradicting, publish(main, contradicting), "chunk-contradicts")
    differing = Broken(unit).of(first, failed=second.data["failed"]).header("ce_id", b"differing")
    check_dead_letter(main, differing, publish(main, differing), "chunk-differs")
    main.client().send(second)
    main.outcomes.wait(unit.code, "member-review.pending", causation=second.id)


def test_dead_letter_list_and_show(main, take):
    """nianshen-ops lists dead letters and shows one with its bytes masked: 18 digits never leave."""
    broken = Broken(take()).data('{"id_number":"%s"' % id_number(7))
    partition, offset = publish(main, broken)
    main.dead_letters.wait(main.prefix + broken.topic, partition, offset)
    main.ops("dead-letter", "list").expect(0, says=["not-json", "unit-review"])
    found = json.loads(main.ops("dead-letter", "list", "--json").expect(0).out)
    assert [d for d in found if (d["topic"], d["partition"], d["offset"]) == (broken.topic, partition, offset)]
    shown = main.ops("dead-letter", "show", "--topic", broken.topic, "--partition", partition, "--offset", offset).expect(0, says=["not-json"])
    assert "id_number" in shown.out and "remedy" not in shown.err


def test_many_broken_records_among_good_ones(main, take):
    """Two hundred broken records between good ones of many units stop nobody."""
    units = [take() for _ in range(5)]
    client, places, good = main.client(), [], []
    for round_number in range(40):
        for unit in units:
            place = client.record("unit-review", unit.code.encode(), b"\x00broken", {"ce_id": str(round_number)})
            places.append((unit, place))
    for unit in units:
        event = events.unit_review(unit.code, YEAR)
        good.append(event)
        client.record(event.topic, event.key, event.binary()[1], event.binary()[0])
    client.flush()
    for event in good:
        main.outcomes.wait(event.data["unit"], "unit-review.accepted", unit_review=event.id)
    for unit, place in places:
        main.dead_letters.wait(main.prefix + "unit-review", *place[0])
