"""Reads the outcome and the dead-letter topic with a client that is not ours, and holds each outcome against schemas/."""

import json
import time
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

import outcome_schemas
from support import codes, leaks
from support.offsets import bounds
from support.wait import DeadlinePassed


class Follower:
    """All records of one topic from its beginning, in `records`. It belongs to no group and commits nothing."""

    def __init__(self, bootstrap, topic, partitions):
        self.topic, self.records = topic, []
        self.consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": f"follower-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 50,
                "reconnect.backoff.max.ms": 500,
                "log_level": 0,
                "isolation.level": "read_committed",
            }
        )
        self.consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in range(partitions)])

    def poll(self, seconds=0.1):
        """Takes in what has come, waiting up to `seconds` for the first record."""
        first = self.consumer.poll(seconds)
        # Not `if first`: a message is as long as its value, and a tombstone would count as none.
        messages = [] if first is None else [first, *self.consumer.consume(500, 0)]
        for message in messages:
            error = message.error()
            if error is None:
                self.records.append(self.taken(message))
            else:  # An outage is part of some tests: the client reconnects by itself.
                assert error.retriable() or error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT), error
        return bool(messages)

    def taken(self, message):
        """What is kept of a message."""
        return message

    def wait_for(self, matches, what, seconds=30, count=1):
        """The first `count` records that match (one: the record itself), waiting for them to come."""
        deadline = time.monotonic() + seconds
        while True:
            found = [r for r in self.records if matches(r)]
            if len(found) >= count:
                return found[0] if count == 1 else found
            if time.monotonic() > deadline:
                raise DeadlinePassed(f"not within {seconds:.0f} s on {self.topic}: {what}\n{self.tail()}")
            self.poll()

    def drain(self):
        """Takes in everything that stands in the topic now."""
        ends = {}
        for p in self.consumer.assignment():
            first, end = bounds(self.consumer, TopicPartition(self.topic, p.partition))
            ends[p.partition] = end if end > first else 0  # of one that was emptied nothing comes, not even a position
        self.wait_for_ends(ends)
        return self.records

    def wait_for_ends(self, ends, seconds=30):
        deadline = time.monotonic() + seconds
        while True:
            # Before the first fetch the position is a negative marker; only a partition that holds something counts.
            behind = [p for p in self.consumer.position(self.consumer.assignment()) if max(p.offset, 0) < ends[p.partition]]
            if not behind:
                return
            if time.monotonic() > deadline:
                raise DeadlinePassed(f"the end of {self.topic} was not reached: {behind}")
            self.poll()

    def tail(self):
        return "\n".join(str(r) for r in self.records[-10:])

    def close(self):
        self.consumer.close()


class Outcome:
    def __init__(self, message):
        self.headers = {name: (value or b"").decode() for name, value in message.headers() or []}
        self.key = message.key().decode()
        self.value = message.value()
        self.data = json.loads(self.value)
        self.type = self.headers["ce_type"]
        self.id = self.headers["ce_id"]
        self.causation = self.headers.get("ce_causationid")  # none: the id of a refused record can not be read
        self.place = (message.partition(), message.offset())

    @property
    def kind(self):
        """The type without its frame: "member-review.pending"."""
        return self.type.removeprefix("nianshen.").removesuffix(".v1")

    def __str__(self):
        return f"{self.kind} of {self.key} for {self.causation}: {json.dumps(self.data, ensure_ascii=False)[:2000]}"


class Outcomes(Follower):
    """The outcome topic. Every record that is read is validated and searched for personal data."""

    def taken(self, message):
        outcome = Outcome(message)
        outcome_schemas.check(outcome.headers, outcome.value)
        leaks.check_no_personal_data(outcome.value.decode() + str(outcome.headers), str(outcome))
        assert outcome.data["unit"] == outcome.key, str(outcome)
        codes.note_outcome(outcome.data)
        return outcome

    def of(self, unit):
        return [o for o in self.records if o.key == unit]

    def wait(self, unit, kind, **fields):
        """The first outcome of that unit and kind whose data (or `causation`) has these values."""
        causation = fields.pop("causation", None)

        def matches(o):
            return (
                o.key == unit
                and o.kind == kind
                and (causation is None or o.causation == causation)
                and all(o.data.get(name) == value for name, value in fields.items())
            )

        return self.wait_for(matches, f"{kind} of {unit} with {fields or ''}{causation or ''}; it has {[str(o) for o in self.of(unit)]}")


class DeadLetters(Follower):
    """The dead-letter topic."""

    def taken(self, message):
        codes.in_dead_letters.add(self.added_headers(message)["nianshen_dl_code"])
        return message

    def wait(self, topic, partition, offset):
        """The dead letter of one record of an input topic (full name), as (message, its own nianshen_dl_* headers)."""

        def matches(message):
            added = self.added_headers(message)
            place = (added["nianshen_dl_topic"], int(added["nianshen_dl_partition"]), int(added["nianshen_dl_offset"]))
            return place == (topic, partition, offset)

        message = self.wait_for(matches, f"the dead letter of {topic}[{partition}]@{offset}")
        return message, self.added_headers(message)

    @staticmethod
    def added_headers(message):
        return {name: value.decode() for name, value in message.headers() or [] if name.startswith("nianshen_dl_")}

    @staticmethod
    def original_headers(message):
        return [(name, value) for name, value in message.headers() or [] if not name.startswith("nianshen_dl_")]
