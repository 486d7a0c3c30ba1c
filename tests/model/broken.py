"""Ways in which a record can break the contract: each makes a good record into one that must become a dead letter with that code."""

import json
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Record:
    """What is handed to a Kafka client; `shift` moves it from the partition where its key belongs."""

    topic: str
    key: bytes
    headers: dict
    value: bytes | None
    shift: int = 0


def with_data(record, **fields):
    return replace(record, value=json.dumps({**json.loads(record.value), **fields}, ensure_ascii=False).encode())


def without_header(record, name):
    return replace(record, headers={n: v for n, v in record.headers.items() if n != name})


def with_header(record, name, text):
    return replace(record, headers={**record.headers, name: text})


def other_topic(record):
    return replace(record, topic="approval" if record.topic == "unit-review" else "unit-review")


# name → (code of the dead letter, what is done to a record in binary mode)
WAYS = {
    "truncated": ("not-json", lambda r: replace(r, value=r.value[:-1])),
    "no value": ("null-value", lambda r: replace(r, value=None)),
    "nested": ("too-deep", lambda r: replace(r, value=b"[" * 5000)),
    "duplicate key": ("duplicate-key", lambda r: replace(r, value=b'{"unit":"U",' + r.value[1:])),
    "real number": ("real-number", lambda r: replace(r, value=b'{"extra":1.5,' + r.value[1:])),
    "another unit": ("key-mismatch", lambda r: with_data(r, unit="another-unit")),
    "elsewhere": ("wrong-partition", lambda r: replace(r, shift=1)),
    "no id": ("bad-header", lambda r: without_header(r, "ce_id")),
    "new version": ("unknown-type", lambda r: with_header(r, "ce_type", "nianshen.unit-review.confirmed.v9")),
    "other topic": ("wrong-topic", other_topic),
    "year": ("schema", lambda r: with_data(r, year=99999)),
    "no submitter": ("schema", lambda r: with_data(r, submitted_by=7, submission=7)),
}
