"""The peer that is a product: Kafka Connect with Debezium's JDBC sink, at the best settings found. It turns one record into one row, so it gets the same content
once more in flat topics, and it never ends: its time goes from when its consumers begin to read until the last commit, without the start of the JVM and of Connect."""

import datetime
import json
import re
import subprocess
import time

from parts import PEER_BUILDS, Measure, cpu_of, peak_mib

# Taken by trial: batches of 20,000, one task, the parallel and the G1 collector were not better on two cores. A batch is at most what one poll gives.
TASKS, BATCH_ROWS = 2, 5000
JVM = ["-Xms1g", "-Xmx1g", "-XX:+UseSerialGC"]
TEXT = ("unit", "id_number", "result", "reason", "submission", "submitted_by", "topic", "event_id", "body")
TABLES = {  # a topic and table each: columns, of them the key
    "entry": (("unit", "year", "id_number", "result", "reason", "submission", "submitted_by"), ("unit", "year", "id_number")),
    "event": (("unit", "year", "topic", "event_id", "body"), ("unit", "year", "topic", "event_id")),
}
START_SECONDS_MAX, STALL_SECONDS_MAX, IDLE_SECONDS = 120, 60, 1.0
READING = re.compile(r"^(\S+) .*Resetting offset for partition", re.MULTILINE)
SESSIONS = """
SELECT coalesce(bool_and(state = 'idle'), false), extract(epoch FROM clock_timestamp() - max(state_change))::float8,
       extract(epoch FROM max(state_change) FILTER (WHERE query = 'COMMIT'))::float8
FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE '%JDBC%'
"""


def schema(columns):
    fields = [{"field": column, "type": "string" if column in TEXT else "int32", "optional": False} for column in columns]
    return json.dumps({"type": "struct", "optional": False, "fields": fields})


def write_properties(path, properties):
    path.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
    return path


def worker_properties(bench, folder):
    return write_properties(folder / "connect.properties", {
        "bootstrap.servers": bench.stack.broker.bootstrap,
        "listeners": "http://127.0.0.1:0",
        "plugin.discovery": "service_load",
        "offset.storage.file.filename": folder / "connect.offsets",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "consumer.auto.offset.reset": "earliest",
        "consumer.max.poll.records": BATCH_ROWS,
        "consumer.fetch.max.bytes": 64 << 20,
        "consumer.max.partition.fetch.bytes": 8 << 20,
    })


def sink_properties(bench, folder, database, table):
    columns, key = TABLES[table]
    socket = f"{bench.stack.cluster.host}/.s.PGSQL.5432"
    return write_properties(folder / f"{table}.properties", {
        "name": f"{database}-{table}",  # the consumer group's, too: new in each run
        "connector.class": "io.debezium.connector.jdbc.JdbcSinkConnector",
        "tasks.max": TASKS,
        "topics": bench.prefix + table,
        "connection.url": f"jdbc:postgresql://localhost/{database}?socketFactory=org.newsclub.net.unix.AFUNIXSocketFactory$FactoryArg"
                          f"&socketFactoryArg={socket}",
        "connection.username": "nianshen",
        "connection.password": "",
        "insert.mode": "upsert",
        "primary.key.mode": "record_value",
        "primary.key.fields": ",".join(key),
        "schema.evolution": "none",
        "collection.name.format": table,
        "batch.size": BATCH_ROWS,
        "dialect.postgres.unnest.insert.enabled": "true",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "true",
        "value.converter.schema.content": schema(columns),
    })


def start(bench, database, tables):
    """Starts Connect; returns the process and its log."""
    folder = bench.folder / "connect"
    folder.mkdir(exist_ok=True)
    files = [worker_properties(bench, folder), *(sink_properties(bench, folder, database, table) for table in tables)]
    log = folder / "connect.log"
    levels = {"defaultLogLevel": "warn", "log.org.apache.kafka.clients.consumer.internals.SubscriptionState": "info",
              "showDateTime": "true", "dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSXXX"}
    command = ["java", *JVM, *(f"-Dorg.slf4j.simpleLogger.{name}={value}" for name, value in levels.items()),
               "-cp", f"{PEER_BUILDS}/debezium/*", "org.apache.kafka.connect.cli.ConnectStandalone", *map(str, files)]
    with open(log, "wb") as out:
        return subprocess.Popen(command, stdout=out, stderr=out, cwd=folder), log


def fail(log, what):
    raise SystemExit(f"bench: Kafka Connect {what}:\n{log.read_text()[-3000:]}")


def wait_until_reading(process, log):
    """Returns when, by the wall clock, the first consumer began to read."""
    end = time.monotonic() + START_SECONDS_MAX
    while (found := READING.search(log.read_text())) is None:
        if process.poll() is not None:
            fail(log, f"ended with {process.returncode}")
        if time.monotonic() > end:
            fail(log, "does not begin to read")
        time.sleep(0.02)
    return datetime.datetime.fromisoformat(found[1].replace("Z", "+00:00")).timestamp()


def wait_until_written(process, log, connection, expected):
    """Returns when, by the wall clock, the last commit was done: all rows are there, and every session rests."""
    stalled_at = None
    while True:
        if process.poll() is not None:
            fail(log, f"ended with {process.returncode}")
        is_idle, idle_seconds, committed_at = connection.execute(SESSIONS).fetchone()
        if is_idle and idle_seconds >= IDLE_SECONDS:
            found = {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in expected}
            if found == expected:
                return committed_at
            stalled_at = stalled_at or time.monotonic()
            if time.monotonic() - stalled_at > STALL_SECONDS_MAX:
                fail(log, f"writes nothing more, with {found} rows of {expected}")
        else:
            stalled_at = None
        time.sleep(0.1)


def run(bench, database, expected):
    """One run that must write the expected number of rows, by table."""
    process, log = start(bench, database, [table for table, count in expected.items() if count > 0])
    try:
        began_at = wait_until_reading(process, log)
        cpu_before = cpu_of(process.pid)
        with bench.stack.cluster.connect(database) as connection, Measure(bench.stack) as measure:
            ended_at = wait_until_written(process, log, connection, expected)
            cpu = cpu_of(process.pid) - cpu_before
            memory = peak_mib(process.pid)
    finally:
        process.kill()
        process.wait()
    measure.seconds = ended_at - began_at
    return measure.run(cpu, memory, "")
