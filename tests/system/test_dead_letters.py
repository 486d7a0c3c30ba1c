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

    def with_text(self, before, after):
        """The good data, another piece of JSON or of bytes in the place of one."""
        assert before in self.value
        self.value = self.value.replace(before, after)
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

    def structured(self, **changes):
        """The same event in structured mode, with these attributes changed; None takes one away."""
        _, value = self.event.structured()
        envelope = {name: v for name, v in {**json.loads(value), **changes}.items() if v is not None}
        self.headers = [("content-type", b"application/cloudevents+json")]
        self.value = json.dumps(envelope).encode()
        return self

    def also(self, *headers):
        """More headers behind those there are."""
        self.headers += headers
        return self

    def at(self, **place):
        for name, value in place.items():
            setattr(self, name, value)
        return self


def chunk(unit, failed=None, number=0, **more):
    return events.submission(unit.code, YEAR, "review", failed or {unit.members[0].id_number: "left", unit.members[1].id_number: "left"},
                             chunk_entries=1, **more)[number]


def nested(depth):
    return '{"unit":"%s","year":2026,"submitted_by":"c","profile":{},"x":' + "[" * depth + "]" * depth + "}"


def list_chunk(unit, **fields):
    """A chunk of list mode, its only one, which these fields of its data make a bad one."""
    event = events.submission(unit.code, YEAR, "review", {}, passed=[m.id_number for m in unit.members])[0]
    event.data.update(fields)
    return event


def approval(unit, **fields):
    event = events.approved(unit.code, YEAR, "s", "sha256:0", unit.superior, "R007")
    event.data.update(fields)
    return event


NUMBER = 211011196605229673
SIX_KB = "i" * 6000

# Each: the code it must get, and how it is made.
JSON_KINDS = {
    "cut-off": ("not-json", lambda b, w: b.data('{"unit":')),
    "empty": ("not-json", lambda b, w: b.at(value=b"")),
    "blank": ("not-json", lambda b, w: b.at(value=b" \n")),
    "not-utf-8": ("not-json", lambda b, w: b.at(value=b'{"unit":"\xff\xfe"}')),
    "with-overlong-utf-8": ("not-json", lambda b, w: b.with_text(b"clerk-17", b"\xc0\xaf")),
    "with-a-surrogate-in-utf-8": ("not-json", lambda b, w: b.with_text(b"clerk-17", b"\xed\xa0\x80")),
    "with-a-lone-surrogate": ("not-json", lambda b, w: b.with_text(b"clerk-17", b"\\ud800")),
    "with-a-NUL-byte": ("not-json", lambda b, w: b.with_text(b"clerk-17", b"clerk\x0017")),
    "with-a-NUL-byte-behind": ("not-json", lambda b, w: b.at(value=b.value + b"\x00")),
    "with-a-NUL-escape": ("schema", lambda b, w: b.with_text(b"clerk-17", b"clerk\\u000017")),
    "with-a-NUL-in-a-key": ("schema", lambda b, w: b.with_text(b'"profile"', b'"\\u0000x": 1, "profile"')),
    "with-a-byte-order-mark": ("not-json", lambda b, w: b.at(value=b"\xef\xbb\xbf" + b.value)),
    "in-utf-16": ("not-json", lambda b, w: b.at(value=b.value.decode().encode("utf-16"))),
    "with-garbage-behind": ("not-json", lambda b, w: b.at(value=b.value + b"}")),
    "with-a-comment": ("not-json", lambda b, w: b.at(value=b"/* */" + b.value)),
    "with-NaN": ("not-json", lambda b, w: b.with_text(b"2026", b"NaN")),
    "in-single-quotes": ("not-json", lambda b, w: b.at(value=b.value.replace(b'"', b"'"))),
    "an-array": ("schema", lambda b, w: b.data("[1,2,3]")),
    "a-text": ("schema", lambda b, w: b.data('"unit"')),
    "null": ("schema", lambda b, w: b.data("null")),
    "with-a-key-twice": ("duplicate-key", lambda b, w: b.data('{"unit":"%s","year":2026,"year":2026}' % b.unit.code)),
    "with-a-key-twice-by-an-escape": ("duplicate-key", lambda b, w: b.with_text(b'"year"', b'"y\\u0065ar": 2025, "year"')),
    "with-a-real-number": ("real-number", lambda b, w: b.data(year=2026.0)),
    "with-a-huge-exponent": ("real-number", lambda b, w: b.with_text(b"2026", b"1e999999999")),
    "with-a-hundred-digits": ("schema", lambda b, w: b.with_text(b"2026", b"9" * 100)),
    "nested-too-deep": ("too-deep", lambda b, w: b.data(nested(100) % b.unit.code)),
    "of-open-brackets": ("too-deep", lambda b, w: b.at(value=b"[" * 60 * 1024)),
    "of-open-objects": ("too-deep", lambda b, w: b.at(value=b'{"a":' * 10 * 1024)),
    "of-900-KiB-of-open-brackets": ("too-large", lambda b, w: b.at(value=b"[" * 900 * 1024)),
    "too-large": ("too-large", lambda b, w: b.data(profile={"address": "a" * 600_000})),
    "of-too-many-members": ("too-many-elements", lambda b, w: b.of(chunk(b.unit), x=[0] * 50_000)),
}
FIELD_KINDS = {
    "with-a-year-in-quotes": ("schema", lambda b, w: b.data(year=str(YEAR))),
    "of-the-year-99999": ("schema", lambda b, w: b.data(year=99999)),
    "of-a-negative-year": ("schema", lambda b, w: b.data(year=-YEAR)),
    "of-the-year-true": ("schema", lambda b, w: b.data(year=True)),
    "of-a-year-of-32-bits": ("schema", lambda b, w: b.data(year=2**32 + YEAR)),
    "of-a-year-of-64-bits": ("schema", lambda b, w: b.data(year=2**63)),
    "without-a-field": ("schema", lambda b, w: b.data('{"unit":"%s","year":2026}' % b.unit.code)),
    "with-an-empty-field": ("schema", lambda b, w: b.data(submitted_by="")),
    "with-a-field-of-null": ("schema", lambda b, w: b.data(submitted_by=None)),
    "with-a-control-character": ("schema", lambda b, w: b.data(submitted_by="clerk\u0007")),
    "with-a-C1-control-character": ("schema", lambda b, w: b.data(submitted_by="clerk\u0085")),
    "with-a-name-of-256-bytes": ("schema", lambda b, w: b.data(submitted_by="a" * 256)),
    "with-a-submission-of-6-kB": ("schema", lambda b, w: b.of(chunk(b.unit), submission=SIX_KB)),
    "of-a-unit-in-an-object": ("schema", lambda b, w: b.data(unit={"code": b.unit.code})),
    "of-a-unit-of-65-bytes": ("schema", lambda b, w: b.of(events.unit_review("u" * 65, YEAR))),
    "of-a-unit-with-a-newline": ("schema", lambda b, w: b.of(events.unit_review("u\nu", YEAR))),
    "of-chunk-0-of-0": ("schema", lambda b, w: b.of(chunk(b.unit), chunk=0, chunks=0)),
    "of-chunk-3-of-2": ("schema", lambda b, w: b.of(chunk(b.unit), chunk=3, chunks=2)),
    "of-chunk-minus-1": ("schema", lambda b, w: b.of(chunk(b.unit), chunk=-1)),
    "of-10001-chunks": ("schema", lambda b, w: b.of(chunk(b.unit), chunks=10_001)),
    "of-minus-1-entries": ("schema", lambda b, w: b.of(chunk(b.unit), entries_total=-1)),
    "of-2-to-the-31-entries": ("schema", lambda b, w: b.of(chunk(b.unit), entries_total=2**31)),
    "of-2-to-the-63-entries": ("schema", lambda b, w: b.of(chunk(b.unit), entries_total=2**63)),
    "with-an-ID-number-as-a-number": ("schema", lambda b, w: b.of(chunk(b.unit), failed=[{"id_number": NUMBER, "reason": "left"}])),
    "with-passed-ID-numbers-as-numbers": ("schema", lambda b, w: b.of(list_chunk(b.unit, passed=[NUMBER]))),
    "with-a-reason-in-an-array": ("schema", lambda b, w: b.of(chunk(b.unit), failed=[{"id_number": str(NUMBER), "reason": ["left"]}])),
    "with-an-entry-that-is-null": ("schema", lambda b, w: b.of(chunk(b.unit), failed=[None])),
    "with-5001-entries": ("too-many-elements", lambda b, w: b.of(chunk(b.unit), failed=[{"id_number": "1", "reason": "left"}] * 5001)),
    "with-20000-entries": ("too-many-elements", lambda b, w: b.of(list_chunk(b.unit, passed=["1" * 18] * 20_000))),
    "with-15000-failing-entries": ("too-large", lambda b, w: b.of(chunk(b.unit), failed=[{"id_number": "1" * 18, "reason": "left"}] * 15_000)),
    "with-a-digest-of-6-kB": ("schema", lambda b, w: b.of(approval(b.unit, digest=SIX_KB))),
    "with-a-comment-of-bells": ("schema", lambda b, w: b.of(approval(b.unit, comment="\a\a"))),
    "of-a-unit-nobody-knows": ("unknown-unit", lambda b, w: b.of(events.submission("NOBODY", YEAR, "r", {})[0])),
    "of-a-unit-that-is-an-ID-number": ("unknown-unit", lambda b, w: b.of(events.submission(str(NUMBER), YEAR, "r", {})[0])),
}
KEY_KINDS = {
    "a-tombstone": ("null-value", lambda b, w: b.at(value=None)),
    "without-key": ("key-missing", lambda b, w: b.at(key=None, partition=w.partition_of(b.unit.code))),
    "with-an-empty-key": ("key-missing", lambda b, w: b.at(key=b"")),
    "under-another-units-key": ("key-mismatch", lambda b, w: b.data(unit="SOMEBODY-ELSE")),
    "under-a-key-that-is-not-utf-8": ("key-mismatch", lambda b, w: b.at(key=b"\xff\xfe\x00")),
    "under-a-key-with-NUL": ("key-mismatch", lambda b, w: b.at(key=b.key + b"\x00")),
    "under-a-key-in-Chinese": ("key-mismatch", lambda b, w: b.at(key="单位".encode() * 20)),
    "under-a-key-of-900-KB": ("key-mismatch", lambda b, w: b.at(key=b"k" * 900_000)),
    "in-another-partition": ("wrong-partition", lambda b, w: b.at(partition=(w.partition_of(b.unit.code) + 1) % w.partitions)),
}
HEADER_KINDS = {
    "without-headers": ("bad-header", lambda b, w: b.at(headers=[])),
    "without-id": ("bad-header", lambda b, w: b.header("ce_id", None)),
    "with-an-id-of-null": ("bad-header", lambda b, w: b.header("ce_id", None).also(("ce_id", None))),
    "with-an-empty-id": ("bad-header", lambda b, w: b.header("ce_id", b"")),
    "with-an-id-of-6-kB": ("bad-header", lambda b, w: b.header("ce_id", SIX_KB.encode())),
    "with-an-id-that-is-not-utf-8": ("bad-header", lambda b, w: b.header("ce_id", b"\xff\xfe")),
    "with-a-NUL-in-the-id": ("bad-header", lambda b, w: b.header("ce_id", b"a\x00b")),
    "with-a-newline-in-the-source": ("bad-header", lambda b, w: b.header("ce_source", b"a\nlevel=error")),
    "with-the-id-twice": ("bad-header", lambda b, w: b.also(("ce_id", b.event.id.encode()))),
    "with-the-id-in-two-cases": ("bad-header", lambda b, w: b.also(("CE_ID", b"another"))),
    "with-the-type-twice": ("bad-header", lambda b, w: b.also(("ce_type", b.event.type.encode()))),
    "with-the-content-type-twice": ("bad-header", lambda b, w: b.also(("Content-Type", b"application/cloudevents+json"))),
    "of-an-old-specversion": ("bad-header", lambda b, w: b.header("ce_specversion", b"0.3")),
    "of-a-later-specversion": ("bad-header", lambda b, w: b.header("ce_specversion", b"1.1")),
    "of-another-content-type": ("bad-header", lambda b, w: b.header("content-type", b"text/plain")),
    "in-another-charset": ("bad-header", lambda b, w: b.header("content-type", b"application/json; charset=GBK")),
    "a-batch-of-events": ("bad-header", lambda b, w: b.header("content-type", b"application/cloudevents-batch+json")),
    "of-an-unknown-type": ("unknown-type", lambda b, w: b.header("ce_type", b"nianshen.unit-review.confirmed.v9")),
    "of-a-type-with-formats": ("unknown-type", lambda b, w: b.header("ce_type", b"%s%n%s%n")),
    "in-the-wrong-topic": ("wrong-topic", lambda b, w: b.header("ce_type", OTHER_TOPICS_TYPE.encode())),
    "with-5000-headers": ("bad-header", lambda b, w: b.also(*[("x", b"y")] * 5000)),
    "with-90000-empty-headers": ("bad-header", lambda b, w: b.also(*[("", None)] * 90_000)),
    "with-a-header-of-900-KB": ("not-json", lambda b, w: b.data("{").also(("x", b"\xff" * 900_000))),
    "with-a-header-name-of-30-KB": ("not-json", lambda b, w: b.data("{").also(("x" * 30_000, b"y"))),
    "with-odd-header-names": ("not-json", lambda b, w: b.data("{").also(("", b"y"), ("原件 %s", b""), ("nianshen dl code", b"z"))),
}
STRUCTURED_KINDS = {
    "structured-without-id": ("bad-header", lambda b, w: b.structured(id=None)),
    "structured-with-an-id-of-6-kB": ("bad-header", lambda b, w: b.structured(id=SIX_KB)),
    "structured-with-a-number-as-id": ("bad-header", lambda b, w: b.structured(id=7)),
    "structured-with-a-later-specversion": ("bad-header", lambda b, w: b.structured(specversion="1.1")),
    "structured-of-xml": ("bad-header", lambda b, w: b.structured(datacontenttype="application/xml")),
    "structured-without-data": ("schema", lambda b, w: b.structured(data=None)),
    "structured-with-data-in-a-text": ("schema", lambda b, w: b.structured(data=json.dumps(b.event.data))),
    "structured-with-base64": ("schema", lambda b, w: b.structured(data_base64="e30=")),
    "structured-in-the-wrong-topic": ("wrong-topic", lambda b, w: b.structured(type=OTHER_TOPICS_TYPE)),
    "structured-with-an-id-twice": ("duplicate-key", lambda b, w: b.structured().with_text(b'"id"', b'"id": "x", "id"')),
    "structured-cut-off": ("not-json", lambda b, w: b.structured().at(value=b.value[:40])),
    "structured-an-array": ("schema", lambda b, w: b.structured().at(value=b"[]")),
}
KINDS = {**JSON_KINDS, **FIELD_KINDS, **KEY_KINDS, **HEADER_KINDS, **STRUCTURED_KINDS}


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


def test_more_headers_than_can_be_read(main, take):
    """No client of librdkafka reads more than 100,000 headers: the copy has none, says so, and is not redriven without them."""
    broken = Broken(take()).also(*[("", None)] * 150_000)
    place = publish(main, broken)
    check_next_is_applied(main, broken.unit)
    message, added = main.dead_letters.wait(main.prefix + broken.topic, *place)
    assert (message.key(), message.value()) == (broken.key, broken.value)
    assert added["nianshen_dl_code"] == "bad-header" and "100000" in added["nianshen_dl_text"]
    flags = ["--topic", broken.topic, "--partition", place[0], "--offset", place[1]]
    main.ops("dead-letter", "redrive", *flags, "--execute").expect(65, says=["1 refused", "100000"])


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
