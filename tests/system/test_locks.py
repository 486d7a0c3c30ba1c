"""What stands in a worker's way in the database for a while is waited out: nothing becomes a dead letter, and nobody else is stalled."""

import threading

import pytest

from conftest import YEAR
from support import events, people
from support.books import check_books
from support.programs import SHORT_SESSION
from support.wait import eventually

UNITS = 12
# A session of ours that waits must not be the one that ends a deadlock: the worker's looks first.
WORKER_DEADLOCK_TIMEOUT, OUR_DEADLOCK_TIMEOUT = "3s", "60s"
FAILURES = 3  # one after the other, before it goes well
# As conditions of the server, not of the data: conflicts, no room, a limit, a lock, a shutdown, an I/O error.
PASSING = ["40001", "40P01", "53100", "53200", "53400", "55P03", "57P05", "58030"]


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"L{n:02d}", "S01", 470_000 + 10 * n, 4) for n in range(UNITS)])


def answer(world, review):
    return world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}", 45)


def check_waited_out(world, worker, sqlstate):
    assert worker.is_running and worker.log.count("event=started") == 1, "the same process goes on"
    assert f"sqlstate-{sqlstate}" in worker.log, worker.log[-3000:]
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]
    assert world.sql("SELECT count(*) FROM nianshen.held_unit") == [(0,)]
    return check_books(world)


def is_waiting_for_a_lock(world, kind="transactionid", user="nianshen_worker"):
    """Whether a session of that user waits for such a lock; returns the backends."""
    query = """SELECT a.pid FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
               WHERE a.datname = current_database() AND a.usename = %s AND l.locktype = %s"""
    return world.sql(query, [user, kind])


def test_a_deadlock_is_retried(world):
    """A session of somebody else takes our locks in the opposite order: PostgreSQL ends the worker's transaction, the worker tries again."""
    with world.stack.cluster.connect() as admin:
        admin.execute(f"ALTER DATABASE \"{world.database}\" SET deadlock_timeout = '{WORKER_DEADLOCK_TIMEOUT}'")
    worker = world.worker().start().wait_ready()
    other = world.stack.cluster.connect(world.database)
    other.execute(f"SET deadlock_timeout = '{OUR_DEADLOCK_TIMEOUT}'")
    other.execute("BEGIN")
    other.execute("SELECT FROM nianshen.unit_profile WHERE unit = 'L00' FOR UPDATE")
    review = events.unit_review("L00", YEAR)
    world.client().send(review)
    eventually(lambda: is_waiting_for_a_lock(world), "the worker holds its offset row and waits for the unit", pause=0.01)
    other.execute("SELECT FROM nianshen.kafka_partition WHERE (topic, partition) = ('unit-review', %s) FOR UPDATE", [world.partition_of("L00")])
    eventually(lambda: "sqlstate-40P01" in worker.log, lambda: f"the worker was the one\n{worker.log[-3000:]}")
    other.execute("ROLLBACK")
    other.close()
    assert answer(world, review).kind == "unit-review.accepted"
    assert len(check_waited_out(world, worker, "40P01")) == 1


@pytest.mark.parametrize("sqlstate", PASSING)
def test_what_passes_is_retried(world, sqlstate):
    """A state of the server in the middle of a micro-batch, some times in a row, then none: every record has its effect, once."""
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("CREATE SEQUENCE public.failures; GRANT USAGE ON SEQUENCE public.failures TO PUBLIC")
        admin.execute(
            f"""CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF nextval('public.failures') <= {FAILURES} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{sqlstate}'; END IF;
                    RETURN NULL;
                END $$"""
        )
        admin.execute("CREATE TRIGGER fail AFTER INSERT ON nianshen.unit_review FOR EACH STATEMENT EXECUTE FUNCTION public.fail()")
    worker = world.worker().start().wait_ready()
    reviews = [events.unit_review(f"L{n:02d}", YEAR) for n in range(UNITS)]
    world.client().send(*reviews)
    assert {answer(world, review).kind for review in reviews} == {"unit-review.accepted"}
    assert len(check_waited_out(world, worker, sqlstate)) == UNITS


class Obstacle(threading.Thread):
    """Holds a unit's row, and so a worker in the middle of a transaction, until the server has ended that worker's session."""

    def __init__(self, world, unit):
        super().__init__()
        self.world, self.connection = world, world.stack.cluster.connect(world.database)
        self.pids, self.has_ended = [], False
        self.connection.execute("BEGIN")
        self.connection.execute("SELECT FROM nianshen.unit_profile WHERE unit = %s FOR UPDATE", [unit])

    def await_victim(self):
        self.pids = [pid for pid, in eventually(lambda: is_waiting_for_a_lock(self.world), "the worker waits in its transaction", pause=0.01)]
        self.start()

    def run(self):
        def is_gone():  # in a transaction of its own: within one, pg_stat_activity stays as first seen
            return self.world.sql("SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (%s)", [self.pids]) == [(0,)]

        try:
            self.has_ended = eventually(is_gone, "the stopped worker's session is ended", 60, pause=0.01)
        finally:
            self.connection.close()


class Change(threading.Thread):
    """`reviewer add`, again and again as the exit status 75 asks for, until it is done."""

    def __init__(self, world):
        super().__init__()
        self.world, self.status = world, None

    def run(self):
        while self.status in (None, 75):
            self.status = self.world.ops("reviewer", "add", "--reviewer", "R099", "--superior", "S01").status


def test_a_stopped_worker_and_a_reference_change(world):
    """A worker stops for good (SIGSTOP) while its transaction holds the reference lock, and reference data is to change, which wants that lock for
    itself: the other worker goes on with its own partitions, takes over those of the stopped one, and the change comes through."""
    stopped, other = (world.worker(*SHORT_SESSION, name=name).start() for name in ("stopped", "other"))
    eventually(lambda: stopped.owns() and other.owns() and len(stopped.owns() | other.owns()) == 3 * world.partitions, "both own partitions")
    by_partition = {world.partition_of(f"L{n:02d}"): f"L{n:02d}" for n in range(UNITS)}
    theirs, others = ([by_partition[p] for topic, p in worker.owns() if topic == "unit-review"][0] for worker in (stopped, other))

    obstacle, change = Obstacle(world, theirs), Change(world)
    behind = events.unit_review(theirs, YEAR)
    world.client().send(behind)
    obstacle.await_victim()
    stopped.freeze()
    change.start()
    eventually(lambda: is_waiting_for_a_lock(world, "advisory", "nianshen_ops"), "the change waits for the reference lock", pause=0.01)
    reviews = [events.unit_review(others, YEAR) for _ in range(5)]
    for review in reviews:  # one by one: each of them has to pass the waiting change
        world.client().send(review)
        answer(world, review)
    for thread in (obstacle, change):
        thread.join(60)
    assert obstacle.has_ended and change.status == 0, "the stopped session was ended, the change came through"
    assert answer(world, behind).kind == "unit-review.accepted"
    other.wait_ready()

    stopped.thaw()
    eventually(lambda: stopped.owns() and other.owns(), "the stopped worker is back at work", 45)
    last = events.unit_review(theirs, YEAR)
    world.client().send(last)
    answer(world, last)
    assert len(check_books(world)) == len(reviews) + 2
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]
