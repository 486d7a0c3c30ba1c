"""The batch consumer that a careful Python programmer writes: confluent-kafka, batches of 50,000 rows, COPY to a staging table and one upsert in the order
of the key; the next batch is read while the database works. No validation, no rules. `consumer.py BOOTSTRAP PREFIX` ends at the topics' ends."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

BATCH_ROWS = 50_000
TOPICS = ["unit-review", "member-review", "approval"]
MESSAGES_A_CALL, CALL_SECONDS = 100, 0.05  # a call that is not filled lasts as long as it may
SQL = Path(os.environ["BENCH_SQL"])


def escaped(text):
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


class Rows:
    """The COPY text of a batch, and the offsets behind it."""

    def __init__(self):
        self.entries, self.events, self.count, self.offsets = [], [], 0, {}

    def add(self, topic, message):
        data = json.loads(message.value())
        self.offsets[message.topic(), message.partition()] = message.offset() + 1
        if topic != "member-review":
            event_id = dict(message.headers())["ce_id"].decode()
            self.events.append(f"{data['unit']}\t{data['year']}\t{topic}\t{event_id}\t{escaped(message.value().decode())}\n")
            self.count += 1
            return
        before, after = f"{data['unit']}\t{data['year']}\t", f"\t{data['submission']}\t{data['submitted_by']}\n"
        self.entries += [f"{before}{e['id_number']}\tfailed\t{e['reason']}{after}" for e in data["failed"]]
        self.entries += [f"{before}{number}\tpassed\t{after}" for number in data.get("passed", ())]
        self.count += len(data["failed"]) + len(data.get("passed", ()))


def write(connection, upsert, rows):
    with connection.transaction(), connection.cursor() as cursor:
        for table, lines in (("staged_entry", rows.entries), ("staged_event", rows.events)):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write("".join(lines))
        cursor.execute(upsert)
    return [TopicPartition(*place, offset) for place, offset in rows.offsets.items()]


def ends(consumer, prefix):
    """Where each partition that holds anything ends now."""
    found = {}
    for topic in (prefix + name for name in TOPICS):
        for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
            found[topic, partition] = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
    return {place: end for place, end in found.items() if end > 0}


def batches(consumer, prefix, ends):
    """All there is, in batches."""
    rows, is_open = Rows(), set(ends)
    while is_open:
        for message in consumer.consume(MESSAGES_A_CALL, timeout=CALL_SECONDS):
            if message.error() is not None:
                raise SystemExit(str(message.error()))
            rows.add(message.topic().removeprefix(prefix), message)
            place = message.topic(), message.partition()
            if message.offset() + 1 == ends[place]:
                is_open.discard(place)
            if rows.count >= BATCH_ROWS:
                yield rows
                rows = Rows()
    yield rows


def main(bootstrap, prefix):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": os.environ["BENCH_GROUP"], "enable.auto.commit": False,
                         "queued.max.messages.kbytes": 65536, "queued.min.messages": 1000000, "fetch.wait.max.ms": 20})
    places = ends(consumer, prefix)
    consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in places])
    with psycopg.connect(autocommit=True) as connection, ThreadPoolExecutor(1) as writer:
        connection.execute((SQL / "staging.sql").read_text())
        upsert, writing = (SQL / "upsert.sql").read_text(), None
        for rows in batches(consumer, prefix, places):
            if writing is not None:
                consumer.commit(offsets=writing.result(), asynchronous=True)
            writing = writer.submit(write, connection, upsert, rows)
        if offsets := writing.result():
            consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


main(*sys.argv[1:])
