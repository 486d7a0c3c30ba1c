"""W5: submissions at a steady rate, sent when they are due whether or not the one before was answered; from when one was due until its outcome was read. Beside
it the least that any exactly-once consumer has to do at that rate: the record is produced, read, and one row of it committed."""

import threading
import time

from confluent_kafka import Consumer, Producer

from parts import REVIEWER, SUPERIOR, YEAR, Measure, cpu_of, peak_mib, tidy
from results import Series
from support import events, people
from support.events import partition_of
from support.stack import World
from support.wait import eventually

RATE = 200  # submissions a second
SECONDS = 20
MEMBERS, FAILING = 40, 2
ID_NUMBERS = 400_000  # that `people` has; they need only differ within a unit
ANSWER_SECONDS_MAX = 60
PARTITIONS = 12


class Reader(threading.Thread):
    """Reads a topic from its end and notes when what `answers` names was there."""

    def __init__(self, world, topic, act=None):
        super().__init__(daemon=True)
        self.seen, self.act, self.is_ended = {}, act, False
        self.consumer = Consumer({"bootstrap.servers": world.stack.broker.bootstrap, "group.id": f"{world.name}-reader", "log_level": 0,
                                  "enable.auto.commit": False, "auto.offset.reset": "earliest"})
        ready = threading.Event()
        self.consumer.subscribe([world.prefix + topic], on_assign=lambda *_: ready.set())
        while not ready.is_set():
            self._take(self.consumer.poll(0.1))

    def _take(self, message):
        if message is None or message.error() is not None:
            return
        headers = dict(message.headers())
        if self.act is not None:
            self.act(message)
        self.seen[headers.get("ce_causationid", headers["ce_id"]).decode()] = time.monotonic()

    def run(self):
        while not self.is_ended:
            self._take(self.consumer.poll(0.1))
        self.consumer.close()

    def end(self):
        self.is_ended = True
        self.join()


def part(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def open_loop(world, chunks, reader):
    """Sends each when it is due; returns the latencies in ms."""
    producer = Producer({"bootstrap.servers": world.stack.broker.bootstrap, "linger.ms": 0, "enable.idempotence": True})
    due, start = {}, time.monotonic() + 0.5
    for n, chunk in enumerate(chunks):
        due[chunk.id] = start + n / RATE
        headers, value = chunk.binary()
        while (rest := due[chunk.id] - time.monotonic()) > 0:
            time.sleep(rest)
        producer.produce(world.prefix + "member-review", value=value, key=chunk.key, headers=list(headers.items()),
                         partition=partition_of(chunk.key, world.partitions))
        producer.poll(0)
    producer.flush(ANSWER_SECONDS_MAX)
    end = time.monotonic() + ANSWER_SECONDS_MAX
    while not due.keys() <= reader.seen.keys():
        if time.monotonic() > end:
            raise SystemExit(f"bench: W5: {len(due.keys() - reader.seen.keys())} submissions were not answered")
        time.sleep(0.05)
    return [(reader.seen[event] - at) * 1000 for event, at in due.items()]


def submissions(units, reviews):
    reasons = ("left", "deceased")
    for unit in units:
        failed = {m.id_number: reasons[n] for n, m in enumerate(unit.members[:FAILING])}
        yield events.submission(unit.code, YEAR, reviews[unit.code].id, failed)[0]


def prepared_world(stack, count):
    """Units whose reviews were taken, in a database as autovacuum and checkpoints would have left it by the time of their submissions."""
    world = World(stack, "w5", partitions=PARTITIONS)
    units = [people.unit(f"L{n:06d}", SUPERIOR, n * MEMBERS % ID_NUMBERS, MEMBERS) for n in range(count)]
    world.load(units, seconds=600).expect(0)
    world.open_campaign(YEAR, [(REVIEWER, SUPERIOR)])
    reviews = {unit.code: events.unit_review(unit.code, YEAR) for unit in units}
    for review in reviews.values():
        headers, value = review.binary()
        world.client().record(review.topic, review.key, value, headers)
    world.client().flush()
    world.run_until_end(seconds=600).expect(0)
    tidy(stack, world.database)
    with stack.cluster.connect(world.database) as admin:
        admin.execute("CHECKPOINT")
    stack.worlds.append(world)
    return world, units, reviews


def run(stack, report, say, scaled, rounds):
    count = scaled(RATE * SECONDS)
    say(f"W5: {count} submissions a round, {RATE} a second")
    world, units, reviews = prepared_world(stack, count * rounds)
    bare = World(stack, "w5-bare", partitions=PARTITIONS)
    stack.worlds.append(bare)
    connection = stack.cluster.connect(bare.database)
    connection.execute("CREATE TABLE bare (event_id text PRIMARY KEY)")
    worker = world.worker().start()
    eventually(lambda: "event=ready" in worker.log, "the worker is ready", 60)
    outcomes = Reader(world, "outcome")
    commits = Reader(bare, "member-review", lambda m: connection.execute("INSERT INTO bare VALUES (%s)", [dict(m.headers())["ce_id"].decode()]))
    outcomes.start(), commits.start()
    latencies, runs, pid = {"worker": [], "bare": []}, [], worker.process.pid
    for n in range(rounds):
        chunks = list(submissions(units[n * count: (n + 1) * count], reviews))
        before = cpu_of(pid)
        with Measure(stack) as measure:
            latencies["worker"].append(open_loop(world, chunks, outcomes))
        runs.append(measure.run(cpu_of(pid) - before, peak_mib(pid), ""))
        latencies["bare"].append(open_loop(bare, chunks, commits))
    for reader in (outcomes, commits):
        reader.end()
    worker.stop()
    connection.close()
    report.ran("W5", f"worker, {RATE} submissions a second", runs, count, "submissions")
    for name, what in (("worker", "publish to outcome"), ("bare", "limit: produce, consume, one bare commit")):
        for share in (0.5, 0.99, 0.999):
            report.figure("W5", f"{what}, p{share * 100:g}", "ms", Series(part(values, share) for values in latencies[name]))
    p99 = {name: Series(part(values, 0.99) for values in latencies[name]) for name in latencies}
    report.target("W5 p99 ÷ p99 of produce, consume and one bare commit", 3, 1.5, p99["worker"] / p99["bare"], at_most=True)
    return [run.rss_mib for run in runs]
