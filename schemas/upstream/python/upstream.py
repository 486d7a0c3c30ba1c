#!/usr/bin/env python3
"""An upstream system in small: sends one unit's annual review to nianshen and waits for the answers.

    pip install confluent-kafka
    export NIANSHEN_KAFKA_BOOTSTRAP=localhost:9092
    python3 upstream.py U0001 2026 import 211011196605229673=retired 432500197707302784=left
    python3 upstream.py U0001 2026 list   211011196605229673=retired 110101197001011019 110101198205151026

NUMBER=REASON is a member who fails, a bare NUMBER one who passes. Import mode names failing members only, list mode every member.
Answers go to standard output, one a line: type, then value. Exit status: 0 it waits for the superior, 65 refused, 69 no broker, 75 no answer in time.
All that is used here is in schemas/: nothing of nianshen itself.
"""

import json
import os
import sys
import time
import uuid

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

BOOTSTRAP = os.environ.get("NIANSHEN_KAFKA_BOOTSTRAP", "localhost:9092")
PREFIX = os.environ.get("NIANSHEN_TOPIC_PREFIX", "nianshen.")  # of topics; the types of events never change
SOURCE = "urn:example:upstream-python"  # the same in all events of one upstream system: it is part of their identity
CHUNK_ENTRIES = int(os.environ.get("CHUNK_ENTRIES", "5000"))  # 5000 is the most that a chunk may hold; tests set less
WAIT_SECONDS = 60


def main():
    if len(sys.argv) < 4 or sys.argv[3] not in ("import", "list"):
        sys.exit(f"usage: {sys.argv[0]} UNIT YEAR import|list [NUMBER=REASON | NUMBER]...")
    unit, year, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    outcomes = Outcomes()  # before anything is sent, so that no answer is missed
    sender = Sender()

    # 1. The unit confirms its information: "profile" holds what changed, {} says that nothing did.
    unit_review = str(uuid.uuid4())
    data = {"unit": unit, "year": year, "submitted_by": "clerk-17", "profile": {}}
    sender.send("unit-review", "nianshen.unit-review.confirmed.v1", unit_review, data)
    sender.finish()
    if outcomes.wait_for(unit_review) != "nianshen.unit-review.accepted.v1":
        sys.exit(65)

    # 2. The submission, in chunks. The last chunk completes it: the answer names its id.
    submission = str(uuid.uuid4())
    header = {"unit": unit, "year": year, "submission": submission, "unit_review": unit_review, "mode": mode, "submitted_by": "clerk-17"}
    for chunk in chunks(header, sorted_entries(sys.argv[4:])):
        last_id = f"{submission}/{chunk['chunk']}"
        sender.send("member-review", "nianshen.member-review.submitted.v1", last_id, chunk)
    sender.finish()
    if outcomes.wait_for(last_id) != "nianshen.member-review.pending.v1":
        sys.exit(65)


def sorted_entries(arguments):
    """(number, reason or None), ascending by the bytes of the normalised number: 18 characters, upper-case X, no blanks."""
    entries = [argument.partition("=") for argument in arguments]
    return sorted((number.strip().upper(), reason if equals else None) for number, equals, reason in entries)


def chunks(header, entries):
    """Cuts the sorted entries, so that each list ascends and every chunk lies above the one before it. Nobody at all is one empty chunk."""
    groups = [entries[i : i + CHUNK_ENTRIES] for i in range(0, len(entries), CHUNK_ENTRIES)] or [[]]
    for number, group in enumerate(groups, 1):
        chunk = dict(header, chunk=number, chunks=len(groups), entries_total=len(entries))
        chunk["failed"] = [{"id_number": n, "reason": reason} for n, reason in group if reason is not None]
        if header["mode"] == "list":
            chunk["passed"] = [n for n, reason in group if reason is None]
        yield chunk


class Sender:
    def __init__(self):
        # murmur2_random: the partition of a key as the Java client computes it. The default of this client is another one, and a record
        # in the wrong partition becomes a dead letter. The idempotent producer keeps order and sends nothing twice on a retry.
        settings = {"bootstrap.servers": BOOTSTRAP, "partitioner": "murmur2_random", "enable.idempotence": True}
        self.producer = Producer(settings)
        self.refused = []

    def send(self, topic, event_type, event_id, data):
        """One CloudEvent in binary mode. Sent again with the same id and content it has no effect: after a crash, simply send again."""
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event_id,
            "ce_source": SOURCE,
            "ce_type": event_type,
            "content-type": "application/json",
        }
        value = json.dumps(data, ensure_ascii=False).encode()
        while True:
            try:
                self.producer.produce(PREFIX + topic, value, data["unit"].encode(), headers=headers, on_delivery=self.delivered)
                break
            except BufferError:  # the client's queue is full: let it work off some
                self.producer.poll(1)
        self.producer.poll(0)

    def delivered(self, error, _message):
        if error is not None:
            self.refused.append(error)

    def finish(self):
        """Sent means that the broker says so, for every record."""
        if self.producer.flush(WAIT_SECONDS) > 0 or self.refused:
            print(f"the broker {BOOTSTRAP} did not take all records: {self.refused or 'no answer'}; send them again", file=sys.stderr)
            sys.exit(69)


class Outcomes:
    """Reads the outcome topic from now on. A real system reads it all the time, in a consumer group of its own."""

    def __init__(self):
        # log_level 2: without it the client tells of every attempt to reach an absent broker.
        settings = {"bootstrap.servers": BOOTSTRAP, "group.id": str(uuid.uuid4()), "enable.auto.commit": False, "log_level": 2}
        self.consumer = Consumer(settings)
        topic = PREFIX + "outcome"
        try:
            numbers = self.consumer.list_topics(topic, timeout=10).topics[topic].partitions
            places = [TopicPartition(topic, number) for number in numbers]
            for place in places:
                place.offset = self.consumer.get_watermark_offsets(place, timeout=10)[1]
        except KafkaException as problem:
            print(f"no answer from the broker {BOOTSTRAP}: {problem}; check NIANSHEN_KAFKA_BOOTSTRAP", file=sys.stderr)
            sys.exit(69)
        if not places:
            print(f"the broker {BOOTSTRAP} has no topic {topic}; check NIANSHEN_TOPIC_PREFIX", file=sys.stderr)
            sys.exit(69)
        self.consumer.assign(places)

    def wait_for(self, event_id):
        """Shows the answers to one event until one settles it, and returns its type. `waiting` says why it is not settled yet."""
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            message = self.consumer.poll(1)
            if message is None or message.error():
                continue  # the client reconnects by itself
            headers = {name: value.decode() for name, value in message.headers() or []}
            if headers.get("ce_causationid") != event_id:
                continue
            print(headers["ce_type"], message.value().decode(), flush=True)
            if headers["ce_type"] != "nianshen.member-review.waiting.v1":
                return headers["ce_type"]
        print(f"no answer within {WAIT_SECONDS} s: is a worker running, or is the record a dead letter?", file=sys.stderr)
        sys.exit(75)


if __name__ == "__main__":
    main()
