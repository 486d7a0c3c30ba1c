"""Workers that are killed, stopped, replaced or asleep: nothing lost, nothing twice."""

import random

import psycopg
import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.books import INPUTS, check_books
from support.edition import IS_NEXT, RECORDS_TAKEN, claim_of
from support.programs import SHORT_SESSION
from support.wait import eventually

UNITS, MEMBERS, CHUNK_ENTRIES = 80 if IS_NEXT else 40, 30, 6  # the second edition is faster
RECORDS = UNITS * (1 + MEMBERS // CHUNK_ENTRIES + 1)
KILLS = 6
# A dead member of the group is noticed soon, and each micro-batch is small: many of them stand open when a kill comes.
FAST = [*SHORT_SESSION, "--batch-records=5"]
SEED = 20260301


class Stream:
    """Many units on their whole way at once; approvals are sent as soon as the superior sees the pending outcome."""

    def __init__(self, world, units):
        self.world, self.client = world, world.client()
        self.units = {u.code: u for u in units}
        self.failing, self.last_chunk, self.approval = {}, {}, {}

    def send_all(self):
        for unit in self.units.values():
            self.failing[unit.code] = {m.id_number: "left" for m in unit.members[:3]}
            review = events.unit_review(unit.code, YEAR)
            passed = [n for n in unit.id_numbers if n not in self.failing[unit.code]]
            chunks = events.submission(unit.code, YEAR, review.id, self.failing[unit.code], passed, chunk_entries=CHUNK_ENTRIES)
            self.last_chunk[unit.code] = chunks[-1]
            self.client.send(review, *chunks)
        return self

    def approve_what_is_pending(self):
        """Answers each unit's pending outcome once; returns how many outcomes have come so far."""
        outcomes = self.world.outcomes
        outcomes.poll(0.01)
        for outcome in outcomes.records:
            if outcome.kind == "member-review.pending" and outcome.key not in self.approval:
                decision = events.approved(outcome.key, YEAR, outcome.data["submission"], outcome.data["digest"], SUPERIOR, "R007")
                self.approval[outcome.key] = decision
                self.client.send(decision)
        return len(outcomes.records)

    def completed(self):
        return {o.key for o in self.world.outcomes.records if o.kind == "member-review.completed"}

    def run_until_complete(self, seconds=90):
        def complete():
            self.approve_what_is_pending()
            return self.completed() == set(self.units)

        eventually(complete, lambda: f"all units are completed; missing: {sorted(set(self.units) - self.completed())}", seconds)

    def check(self):
        """Complete, and nothing twice: ledger, outcomes, rosters, archive."""
        by_id = check_books(self.world)
        expected = {}
        for code in self.units:
            expected[code, "member-review.pending"] = self.last_chunk[code].id
            expected[code, "member-review.completed"] = self.approval[code].id
        seen = {(o.key, o.kind): o.causation for o in by_id.values() if o.kind not in ("unit-review.accepted", "member-review.waiting")}
        assert seen == expected
        accepted = [o for o in by_id.values() if o.kind == "unit-review.accepted"]
        waiting = [o for o in by_id.values() if o.kind == "member-review.waiting"]  # advisory: depends on arrival
        assert len(accepted) == len(self.units)
        assert len(by_id) == 3 * len(self.units) + len(waiting)
        for code, unit in self.units.items():
            assert self.world.removed(code) == self.failing[code]
            assert self.world.members(code) == [n for n in unit.id_numbers if n not in self.failing[code]]
        assert self.world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"C{n:02d}", SUPERIOR, 420_000 + MEMBERS * n, MEMBERS) for n in range(UNITS)])


@pytest.fixture
def stream(world):
    units = [people.unit(f"C{n:02d}", SUPERIOR, 420_000 + MEMBERS * n, MEMBERS) for n in range(UNITS)]
    return Stream(world, units).send_all()


def test_kill_in_the_middle(world, stream):
    """kill -9 again and again while a stream of many units passes, at random points of its progress; each time another worker takes over."""
    chance, worker = random.Random(SEED), None
    for kill in range(KILLS):
        worker = world.worker(*FAST, name=f"victim-{kill}").start()
        wait_for_progress(stream, chance.randint(1, RECORDS // (KILLS + 2)), worker)
        worker.kill()
    assert stream.completed() != set(stream.units), "the stream was over before the last kill"
    world.worker(*FAST, name="survivor").start()
    stream.run_until_complete()
    stream.check()


def wait_for_progress(stream, records, worker):
    """Until the database holds so many more records than now."""
    with stream.world.stack.cluster.connect(stream.world.database) as session:  # one for all its looks: between two of them the stream goes on
        def taken():
            return session.execute(RECORDS_TAKEN).fetchone()[0]

        def moved():
            stream.approve_what_is_pending()
            return taken() >= target

        target = taken() + records
        eventually(moved, lambda: f"{records} more records are taken\n{worker.log[-3000:]}", 45, pause=0)


def test_sigterm_stops_cleanly(world, stream):
    """SIGTERM in the middle: exit status 0, soon, the rest is left for the next one, which finds a free partition at once."""
    worker = world.worker(*FAST).start().wait_ready()
    eventually(lambda: stream.approve_what_is_pending() >= 5, "the stream flows")
    assert worker.stop(seconds=10) == 0
    world.worker(*FAST).start().wait_ready(seconds=10)
    stream.run_until_complete()
    stream.check()


def test_two_workers_share_and_one_leaves(world, stream):
    """Two workers of a group share the partitions, each unit's three topics in the same hands; when one stops the other takes all."""
    first = world.worker(*FAST).start()
    second = world.worker(*FAST).start()
    eventually(lambda: first.owns() and second.owns() and len(first.owns() | second.owns()) == 3 * world.partitions, "both workers own partitions")
    for worker in (first, second):
        by_topic = {topic: {p for t, p in worker.owns() if t == topic} for topic in ("unit-review", "member-review", "approval")}
        assert len(set(map(frozenset, by_topic.values()))) == 1, by_topic
    stream.run_until_complete(60)
    assert second.stop() == 0
    first.wait_ready()
    stream.check()


def test_zombie_is_fenced(world, stream):
    """A worker that sleeps (SIGSTOP) until another has its partitions wakes up to nothing: what it still held has no effect."""
    zombie = world.worker(*FAST, name="zombie").start().wait_ready()
    eventually(lambda: stream.approve_what_is_pending() >= 4, "the stream flows")
    zombie.freeze()
    world.worker(*FAST, name="successor").start().wait_ready(seconds=45)
    stream.run_until_complete()
    zombie.thaw()
    eventually(lambda: zombie.owns() or not zombie.is_running, "the zombie is back in the group", 45)
    assert zombie.is_running, f"the zombie should join again\n{zombie.log[-3000:]}"
    late = events.unit_review("C00", YEAR)
    world.client().send(late)
    world.outcomes.wait("C00", "unit-review.accepted", unit_review=late.id)
    zombie.stop()
    by_id = check_books(world)
    assert sum(o.kind == "member-review.completed" for o in by_id.values()) == UNITS


def test_session_that_holds_its_locks_is_ended(world, stream):
    """A dead owner's session that stands open inside a transaction does not stop the partition: the new owner ends it."""
    claim = claim_of([(topic, p) for topic in INPUTS for p in range(world.partitions)], "dead-owner")
    dead = world.stack.cluster.connect(world.database, "nianshen_worker")
    dead.execute(*claim)
    dead.execute("BEGIN")
    dead.execute(*claim)
    world.worker(*FAST).start().wait_ready()
    stream.run_until_complete()
    stream.check()
    with pytest.raises(psycopg.OperationalError):
        dead.execute("COMMIT")
