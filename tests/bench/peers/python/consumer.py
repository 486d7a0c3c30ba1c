"""The batch consumer that a careful Python programmer writes: confluent-kafka, batches of 50,000 rows, COPY to a staging table and one upsert in the order
of the key; the next batch is read while the database works. No validation, no rules. `consumer.py BOOTSTRAP PREFIX` ends at the topics' ends."""

import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import psycopg
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

BATCH_ROWS = 50_000
TOPICS = ["unit-review", "member-review", "approval"]
STAGING = """
CREATE TEMP TABLE staged_entry (unit text, year integer, id_number text, result text, reason text, submission text, submitted_by text);
CREATE TEMP TABLE staged_event (unit text, year integer, topic text, event_id text, body text);
"""
UPSERTS = """
INSERT INTO entry SELECT DISTINCT ON (unit COLLATE "C", year, id_number COLLATE "C") * FROM staged_entry ORDER BY unit COLLATE "C", year, id_number COLLATE "C"
ON CONFLICT (unit, year, id_number) DO UPDATE SET result = excluded.result, reason = excluded.reason, submission = excluded.submission,
    submitted_by = excluded.submitted_by;
INSERT INTO event SELECT DISTINCT ON (unit COLLATE "C", year, topic, event_id) * FROM staged_event ORDER BY unit COLLATE "C", year, topic, event_id
ON CONFLICT (unit, year, topic, event_id) DO UPDATE SET body = excluded.body;
TRUNCATE staged_entry, staged_event;
"""


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


def write(connection, rows):
    with connection.transaction(), connection.cursor() as cursor:
        for table, lines in (("staged_entry", rows.entries), ("staged_event", rows.events)):
            with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                copy.write("".join(lines))
        cursor.execute(UPSERTS)
    return [TopicPartition(*place, offset) for place, offset in rows.offsets.items()]


def main(bootstrap, prefix):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": os.environ["BENCH_GROUP"], "enable.auto.commit": False,
                         "enable.partition.eof": True, "queued.max.messages.kbytes": 65536, "queued.min.messages": 1000000})
    places = [TopicPartition(prefix + t, p, OFFSET_BEGINNING) for t in TOPICS
              for p in consumer.list_topics(prefix + t, timeout=10).topics[prefix + t].partitions]
    consumer.assign(places)
    open_partitions, rows = len(places), Rows()
    with psycopg.connect(autocommit=True) as connection, ThreadPoolExecutor(1) as writer:
        connection.execute(STAGING)
        writing = None
        while open_partitions > 0:
            for message in consumer.consume(1000, timeout=1):
                if message.error() is None:
                    rows.add(message.topic().removeprefix(prefix), message)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    open_partitions -= 1
                else:
                    raise SystemExit(str(message.error()))
            if rows.count >= BATCH_ROWS or open_partitions == 0:
                if writing is not None:
                    consumer.commit(offsets=writing.result(), asynchronous=True)
                writing, rows = writer.submit(write, connection, rows), Rows()
        if offsets := writing.result():
            consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


main(*sys.argv[1:])
