"""Sessions that stand in each other's way: deadlocks and serialization failures are tried again, and a worker that is stopped in the middle of its
transaction does not stop the others, also when reference data are changed at the same time."""

import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.books import check_books, wait_all_consumed
from support.edition import IS_NEXT, LEDGER, table
from support.wait import eventually

FAILURES = 7  # more than the worker tries over one connection
# Longer than a change of reference data waits for its lock: in between the other worker must get on.
SESSION = ["--kafka.session.timeout.ms=8000", "--kafka.heartbeat.interval.ms=300"]


def units_of(names):
    return [people.unit(name, SUPERIOR, 490_000 + 10 * n, 3) for n, name in enumerate(names)]


def unit_reviews(world, *units):
    reviews = [events.unit_review(unit, YEAR) for unit in units]
    world.client().send(*reviews)
    return reviews


def hold_back(session, review):
    """Has whoever applies this unit review wait for the session's transaction: by the row that it locks, or, where it locks none, by the one that it inserts."""
    if IS_NEXT:
        session.execute("INSERT INTO nianshen_engine.unit_review (unit, year, source, event_id, record_offset, append_ms, content_sha256, submitted_by)"
                        " VALUES (%s, %s, %s, %s, 0, 0, '', 'x')", [review.data["unit"], YEAR, review.source, review.id])
    else:
        session.execute("SELECT FROM nianshen.unit_profile WHERE unit = %s FOR UPDATE", [review.data["unit"]])


def check_accepted(world, reviews):
    """Each is accepted once; nothing is a dead letter or held."""
    wait_all_consumed(world)
    check_books(world)
    for review in reviews:
        world.outcomes.wait(review.data["unit"], "unit-review.accepted", unit_review=review.id)
    assert world.sql(f"SELECT count(*) FROM {LEDGER} l WHERE kind <> 'applied'") == [(0,)]


@contextmanager
def session_holding(world, review, setup="SELECT 1"):
    """A session, of an operator who forgot it, that the worker waits for when it applies this unit review."""
    with world.stack.cluster.connect(world.database) as session:
        session.execute(setup)
        session.execute("BEGIN")
        hold_back(session, review)
        yield session
        session.execute("ROLLBACK")


def waiting_backends(world):
    """The workers' sessions that wait for a row of a table."""
    rows = world.sql(
        "SELECT a.pid FROM pg_stat_activity a WHERE a.datname = %s AND a.usename = 'nianshen_worker' AND a.wait_event_type = 'Lock'"
        " AND a.wait_event <> 'advisory'", [world.database])
    return [pid for pid, in rows]


def test_deadlock(make_world):
    """Another session locks the same units in the opposite order: PostgreSQL ends the micro-batch's transaction, and the worker does it again."""
    world = make_world(units_of(["E1", "E2"]), partitions=1)  # both records come in one micro-batch
    with world.stack.cluster.connect() as admin:  # the worker's session finds the deadlock, not the other one, and late enough to be in one
        admin.execute(f'ALTER DATABASE "{world.database}" SET deadlock_timeout = \'3s\'')
    reviews = unit_reviews(world, "E1", "E2")
    with session_holding(world, reviews[1], "SET deadlock_timeout = '60s'") as other:
        worker = world.worker().start()
        eventually(lambda: waiting_backends(world), "the worker holds E1 and waits for E2", pause=0.01)
        hold_back(other, reviews[0])
    check_accepted(world, reviews)
    assert "apply-retry" in worker.log and "sqlstate-40P01" in worker.log
    assert worker.stop() == 0


@pytest.mark.parametrize("failures", [1, FAILURES])
def test_serialization_failure(make_world, failures):
    """However often the database says 40001: the micro-batch is done again, over a new connection in the end, and nothing is lost."""
    world = make_world(units_of(["F1"]))
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("CREATE SEQUENCE public.failures")
        admin.execute("GRANT USAGE ON SEQUENCE public.failures TO PUBLIC")
        admin.execute(f"""CREATE FUNCTION public.fail() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('public.failures') <= {failures} THEN
                    RAISE EXCEPTION USING errcode = '40001', message = 'could not serialize access';
                END IF;
                RETURN new;
            END $$""")
        admin.execute(f"CREATE TRIGGER fail AFTER INSERT ON {table('unit_review')} FOR EACH ROW EXECUTE FUNCTION public.fail()")
    reviews = unit_reviews(world, "F1")
    worker = world.worker().start()
    check_accepted(world, reviews)
    assert worker.log.count("apply-retry") == failures and "sqlstate-40001" in worker.log
    assert ("database-away" in worker.log) == (failures == FAILURES)
    assert worker.stop() == 0


class Changes:
    """Changes of reference data, asked for again and again until they are done, as a patient operator would."""

    def __init__(self, world, units):
        self.world, self.units, self.is_wanted, self.said = world, units, True, []
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        self._until_done(lambda: self.world.ops("reviewer", "add", "--reviewer", "R099", "--superior", SUPERIOR))
        self._until_done(lambda: self.world.load(self.units))

    def _until_done(self, change):
        while self.is_wanted:
            result = change()
            self.said.append(result.status)
            if result.status != 75:
                return

    def wait_done(self):
        eventually(lambda: not self.thread.is_alive(), lambda: f"the changes are done; they said {self.said}", 45)
        assert self.said.count(0) == 2 and set(self.said) <= {0, 75}, self.said

    def end(self):
        self.is_wanted = False
        self.thread.join()


def is_asked_for(world):
    """A change of reference data waits for the workers."""
    asked = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND NOT granted"
    return world.sql(f"{asked} AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")[0][0] > 0


def test_stopped_worker_and_a_reference_change(make_world):
    """One worker is stopped (SIGSTOP) in the middle of its transaction, in which it holds the reference lock; a reviewer is to be added and a unit to
    get another superior. The other worker goes on with its partitions meanwhile, takes over, ends the transaction, and the changes are done."""
    units = units_of([f"G{n}" for n in range(8)])
    world = make_world(units)
    stopped = world.worker(*SESSION, name="a-stopped").start().wait_ready()
    other = world.worker(*SESSION, name="b-other").start()
    eventually(lambda: len(stopped.owns()) == 3 == len(other.owns()), "each has a partition")
    [theirs] = {partition for _, partition in stopped.owns()}
    first = next(u.code for u in units if world.partition_of(u.code) == theirs)
    mine = [u.code for u in units if world.partition_of(u.code) != theirs]
    changed = [people.Unit(u.code, SUPERIOR if u.code != mine[0] else "S09", u.members, u.name) for u in units]

    reviews = [events.unit_review(first, YEAR)]
    with session_holding(world, reviews[0]):
        world.client().send(*reviews)
        [backend] = eventually(lambda: waiting_backends(world), "the worker is in the middle of its transaction", pause=0.01)
        stopped.freeze()
        changes = Changes(world, changed)
        try:
            eventually(lambda: is_asked_for(world), "the change waits for the worker's transaction", pause=0.01)
            reviews += go_on(world, mine, backend)
            eventually(lambda: IS_NEXT or "backends-ended" in other.log, lambda: f"the other one takes over\n{other.log[-3000:]}")
            assert not alive(world, backend)
        except BaseException:
            changes.end()
            raise
    changes.wait_done()
    stopped.thaw()
    check_accepted(world, reviews)
    assert world.sql("SELECT superior FROM nianshen.unit_superior WHERE unit = %s ORDER BY valid_from_ms", [mine[0]]) == [(SUPERIOR,), ("S09",)]
    assert [stopped.stop(), other.stop()] == [0, 0]


def alive(world, backend):
    return world.sql("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [backend])[0][0] == 1


def is_accepted(world, review):
    return any(o.data.get("unit_review") == review.id for o in world.outcomes.drain())


def go_on(world, units, backend):
    """Unit reviews of these units are taken in, one after the other, while the stopped worker's transaction still stands. One that is under way when that is
    ended may come behind the record that is taken over then, and wait as that does."""
    reviews, rounds = [], 0
    while alive(world, backend):
        [review] = unit_reviews(world, units[rounds % len(units)])
        reviews.append(review)
        eventually(lambda: is_accepted(world, review) or not alive(world, backend), f"{review.id} is accepted", pause=0.01)
        rounds += alive(world, backend)
    assert rounds > 0, "the stopped worker's transaction stopped the other one"
    return reviews


def test_correction_of_a_roster_leaves_the_workers_alone(make_world):
    """What a load does besides corrections happens before it takes the workers' lock: while it waits to enrol somebody (another session holds that place),
    it holds no lock that a worker needs, and the worker goes on."""
    units = units_of(["R1", "R2"])
    world = make_world(units)
    worker = world.worker().start().wait_ready()
    corrected = replace(units[0].members[0], id_number=people.id_number(495_000))
    joining = people.member(495_001)
    loaded = [people.Unit("R1", SUPERIOR, [corrected, *units[0].members[1:], joining], units[0].name), units[1]]
    with world.stack.cluster.connect(world.database) as other:
        other.execute("BEGIN")
        other.execute("INSERT INTO nianshen.membership SELECT 1000000, 'R1', %s, 'other', NULL, name, gender, id_type, id_number, id_valid_until, mobile,"
                      " enrolled_ms, valid_from_ms, valid_until_ms FROM nianshen.membership LIMIT 1", [joining.member_no])
        results = []
        load = threading.Thread(target=lambda: results.append(world.load(loaded, "--correct")), daemon=True)
        load.start()
        eventually(lambda: waits_to_enrol(world), "the load waits for the place of the other session", pause=0.01)
        [review] = unit_reviews(world, "R2")
        world.outcomes.wait("R2", "unit-review.accepted", unit_review=review.id)
        assert waits_to_enrol(world), "the load gave up"
        other.execute("ROLLBACK")
    load.join()
    results[0].expect(0)
    assert world.members("R1") == sorted([corrected.id_number, joining.id_number, *[m.id_number for m in units[0].members[1:]]])
    assert worker.stop() == 0


def waits_to_enrol(world):
    rows = world.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'nianshen_ops' AND wait_event = 'transactionid'", [world.database])
    return rows[0][0] == 1
