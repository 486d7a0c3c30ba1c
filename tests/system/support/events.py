"""Events as the schemas describe them, made without any code of ours, and two clients that are not ours: confluent-kafka and kcat."""

import json
import subprocess
import uuid
from dataclasses import dataclass, field

from confluent_kafka import Producer

SOURCE = "upstream-of-the-tests"
TYPES = {
    "unit-review": "nianshen.unit-review.confirmed.v1",
    "member-review": "nianshen.member-review.submitted.v1",
    "approved": "nianshen.review.approved.v1",
    "returned": "nianshen.review.returned.v1",
    "withdrawn": "nianshen.review.withdrawn.v1",
}


@dataclass
class Event:
    topic: str  # after the prefix
    type: str
    data: dict
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    source: str = SOURCE

    @property
    def key(self):
        return self.data["unit"].encode()

    def binary(self):
        """Headers and value in CloudEvents' binary mode."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": self.id,
            "ce_source": self.source,
            "ce_type": self.type,
            "content-type": "application/json",
        }
        return headers, json.dumps(self.data, ensure_ascii=False).encode()

    def structured(self):
        envelope = {"specversion": "1.0", "id": self.id, "source": self.source, "type": self.type, "datacontenttype": "application/json"}
        value = json.dumps({**envelope, "data": self.data}, ensure_ascii=False).encode()
        return {"content-type": "application/cloudevents+json"}, value


def unit_review(unit, year, profile=None, submitted_by="clerk-17", **more):
    data = {"unit": unit, "year": year, "submitted_by": submitted_by, "profile": profile or {}}
    return Event("unit-review", TYPES["unit-review"], data, **more)


def submission(unit, year, unit_review_id, failed, passed=None, chunk_entries=5000, submitted_by="clerk-17", submission_id=None, **more):
    """The chunks of one submission. `failed` maps ID numbers to reasons; `passed` (a list) makes it list mode."""
    submission_id = submission_id or str(uuid.uuid4())
    entries = sorted([(n, r) for n, r in failed.items()] + [(n, None) for n in passed or []])
    groups = [entries[i: i + chunk_entries] for i in range(0, len(entries), chunk_entries)] or [[]]
    events = []
    for number, group in enumerate(groups, 1):
        data = {
            "unit": unit,
            "year": year,
            "submission": submission_id,
            "unit_review": unit_review_id,
            "mode": "import" if passed is None else "list",
            "submitted_by": submitted_by,
            "chunk": number,
            "chunks": len(groups),
            "entries_total": len(entries),
            "failed": [{"id_number": n, "reason": r} for n, r in group if r is not None],
        }
        if passed is not None:
            data["passed"] = [n for n, r in group if r is None]
        events.append(Event("member-review", TYPES["member-review"], data, id=f"{submission_id}/{number}", **more))
    return events


def approved(unit, year, submission_id, digest, superior, reviewer, kind="approved", comment=None, **more):
    data = {"unit": unit, "year": year, "submission": submission_id, "digest": digest, "superior": superior, "reviewer": reviewer}
    if comment is not None:
        data["comment"] = comment
    return Event("approval", TYPES[kind], data, **more)


def returned(*args, comment="请核对", **more):
    return approved(*args, kind="returned", comment=comment, **more)


def withdrawn(unit, year, submission_id, submitted_by="clerk-17", **more):
    data = {"unit": unit, "year": year, "submission": submission_id, "submitted_by": submitted_by}
    return Event("approval", TYPES["withdrawn"], data, **more)


def partition_of(key, partitions):
    """The partition that Java's default partitioner gives a key: murmur2, the sign bit off, modulo."""
    mask, m, length = 0xFFFFFFFF, 0x5BD1E995, len(key)
    h = (0x9747B28C ^ length) & mask
    for at in range(0, length - length % 4, 4):
        k = int.from_bytes(key[at: at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ (k >> 24)) * m & mask)
    rest = key[length - length % 4:]
    if rest:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ (h >> 13)) * m & mask
    return ((h ^ (h >> 15)) & 0x7FFFFFFF) % partitions


class Confluent:
    """A producer of another maker, with the one setting the README asks for."""

    def __init__(self, bootstrap, prefix, **settings):
        self.prefix = prefix
        # Outages are part of the tests: reconnect soon, and don't tell of every attempt.
        quiet = {"linger.ms": 2, "reconnect.backoff.max.ms": 500, "log_level": 0}
        self.producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", **quiet, **settings})

    def record(self, topic, key, value, headers=(), **where):
        """Hands one record over; the place it got is in the returned list once `flush` is done."""
        place = []

        def delivered(error, message):
            place.append(error or (message.partition(), message.offset()))

        headers = list(headers.items()) if isinstance(headers, dict) else list(headers)
        self.producer.produce(self.prefix + topic, value=value, key=key, headers=headers, on_delivery=delivered, **where)
        return place

    def flush(self):
        assert self.producer.flush(30) == 0, "the broker did not take all records within 30 s"

    def send(self, *events, structured=False):
        """Publishes events and waits for their delivery; returns their places (partition, offset)."""
        places = []
        for event in events:
            headers, value = event.structured() if structured else event.binary()
            places.append(self.record(event.topic, event.key, value, headers))
        self.flush()
        return [self._place(p) for p in places]

    def send_record(self, *args, **more):
        place = self.record(*args, **more)
        self.flush()
        return self._place(place)

    @staticmethod
    def _place(place):
        assert isinstance(place[0], tuple), f"the broker refused a record: {place[0]}"
        return place[0]


def kcat_send(bootstrap, prefix, event, structured=False, partitioner="murmur2_random"):
    """The same by the command line client kcat, as an operator would type it."""
    headers, value = event.structured() if structured else event.binary()
    command = ["kcat", "-P", "-b", bootstrap, "-t", prefix + event.topic, "-X", f"partitioner={partitioner}", "-k", event.key.decode()]
    for name, text in headers.items():
        command += ["-H", f"{name}={text}"]
    subprocess.run(command, input=value + b"\n", check=True, timeout=30)
