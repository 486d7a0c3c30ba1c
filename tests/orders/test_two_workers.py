"""Several workers at once: on the same topics, on different topics of one unit, coming and going under load. The state is that of one worker."""

import random
import threading

import pytest
from confluent_kafka import Consumer

import interleaving
from interleaving import Copy, Publication, Way, cut_in_waves, random_turns
from model import history
from model.history import TOPICS
from support.books import wait_all_consumed
from support.events import partition_of
from support.programs import SHORT_SESSION
from support.wait import eventually

UNITS, PARTITIONS = 150, 3
SPLIT = PARTITIONS - 1  # the partition that bystanders tear apart
# Small micro-batches: many transactions stand against each other.
EAGER = [*SHORT_SESSION, "--batch-records=5"]
SLICES, WAVES, SEED = 12, 30, 20260302


class Bystander:
    """A member of the workers' group that takes part in the assignment of some topics only, and does nothing with its partitions.

    The range assignor gives each topic's partitions in order to those members that want the topic; ours sorts before the workers. So it gets the
    first partition of its topics, and the other partitions of these topics move on by one worker."""

    def __init__(self, world, name, topics):
        settings = {"bootstrap.servers": world.stack.broker.bootstrap, "group.id": f"{world.name}-worker", "client.id": name}
        quick = {"partition.assignment.strategy": "range", "session.timeout.ms": 6000, "heartbeat.interval.ms": 300, "log_level": 0}
        self.consumer = Consumer({**settings, **quick, "enable.auto.commit": False})
        self.consumer.subscribe([world.prefix + topic for topic in topics])
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._poll, daemon=True)
        self.thread.start()

    def _poll(self):
        while not self.is_over.is_set():
            self.consumer.poll(0.05)

    def leave(self):
        self.is_over.set()
        self.thread.join()
        self.consumer.close()


@pytest.fixture(scope="module")
def played(stack):
    """A world, scripts for units that all have the same partition, and their digests after one worker has done it all alone."""
    codes = filter(lambda code: partition_of(code.encode(), PARTITIONS) == SPLIT, (f"W{n:05d}" for n in range(10 * UNITS)))
    histories = dict(zip(codes, history.drawn(UNITS, SEED)))
    world = interleaving.build(stack, "workers", [code for code, one in histories.items() if one.unit_is_known], PARTITIONS)
    scripts = interleaving.scripts_for(world, histories)
    alone = Copy(world, "workers-alone")
    Way("alone", batch_records=1000, slices=1).play(alone, scripts, random.Random(SEED))
    return world, scripts, interleaving.digests_in(alone, list(histories))


def owner_of(world, topic, partition):
    rows = world.sql("SELECT owner FROM nianshen.partition_status WHERE (topic, partition) = (%s, %s)", [topic, partition])
    return rows[0][0] if rows else None


def check(publication, digests, what):
    wait_all_consumed(publication.world)
    interleaving.check_by_model(publication, what)
    assert interleaving.digests_in(publication.world, list(digests)) == digests


def test_three_workers_own_one_units_topics(played):
    """Each of a unit's three topics in the hands of another worker. In waves of a few units all three work on the same units at the same time: none
    misses the others' rows, no submission is left waiting."""
    original, scripts, digests = played
    world, chance = Copy(original, "workers-split"), random.Random(SEED)
    workers = [world.worker(*SHORT_SESSION, name=f"split-{n}").start() for n in range(3)]
    bystanders = [Bystander(world, "a-bystander", ["member-review", "approval"]), Bystander(world, "b-bystander", ["approval"])]

    def is_split():
        owners = {owner_of(world, topic, SPLIT) for topic in TOPICS}
        return owners == {worker.name for worker in workers}

    try:
        eventually(is_split, "each topic of the partition has another owner")
        publication = Publication(world, scripts, WAVES, chance, cut_in_waves(UNITS))
        publication.run([TOPICS] * WAVES, after_turn=lambda: wait_taken_in(publication))
        wait_taken_in(publication)
        assert is_split(), "the owners have changed meanwhile"
    finally:
        for bystander in bystanders:
            bystander.leave()
    check(publication, digests, "three workers, each with one topic of the same units")
    assert [worker.stop() for worker in workers] == [0, 0, 0]


def wait_taken_in(publication):
    eventually(lambda: publication.is_taken_in(SPLIT), "the partition is taken in", 60, pause=0.01)


def test_workers_join_and_leave_under_load(played):
    """While the histories flow in, workers come, stop, are killed and are replaced; at last one is left."""
    original, scripts, digests = played
    world, chance = Copy(original, "workers-many"), random.Random(SEED + 1)
    crew = Crew(world, chance)
    publication = Publication(world, scripts, SLICES, chance).run(random_turns(SLICES, chance), after_turn=crew.change)
    crew.leave_one()
    check(publication, digests, f"workers joining and leaving: {crew.story}")
    assert crew.joined >= 6 and crew.killed >= 2 and crew.stopped >= 2, crew.story


class Crew:
    """Workers at work, one to three of them, that change after each slice."""

    def __init__(self, world, chance):
        self.world, self.chance, self.story = world, chance, []
        self.at_work, self.joined, self.killed, self.stopped = [], 0, 0, 0
        self.join()

    def join(self):
        self.joined += 1
        self.at_work.append(self.world.worker(*EAGER, name=f"crew-{self.joined}").start())

    def kill(self):
        self.killed += 1
        self.at_work.pop(0).kill()

    def stop(self):
        self.stopped += 1
        assert self.at_work.pop(0).stop() == 0

    def change(self):
        self.await_progress()
        choices = {0: [self.join], 1: [self.join], 2: [self.join, self.kill, self.stop], 3: [self.kill, self.stop]}
        act = self.chance.choice(choices[len(self.at_work)])
        self.story.append(act.__name__)
        act()

    def await_progress(self):
        """Some of what was published last is taken in, and some of it not yet."""
        def taken():
            return self.world.sql("SELECT sum(next_offset) FROM nianshen.kafka_partition")[0][0] or 0

        target = taken() + self.chance.randint(0, 15)
        ends = sum(sum(self.world.ends(topic)) for topic in TOPICS)
        eventually(lambda: taken() >= min(target, ends), "the workers go on", 45)

    def leave_one(self):
        while len(self.at_work) > 1:
            self.stop()
