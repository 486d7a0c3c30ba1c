"""A worker that stops (SIGSTOP) past its session timeout while another takes over, and then goes on: whatever it was doing, it commits nothing any more.

The worker uses no COPY and no pipeline: a micro-batch is one statement. So it can be stopped with nothing under way, with a statement that the server
works on, with an answer that it has not read, and with a statement that arrives only after another has taken over. COPY is what `roster load` does.
"""

import subprocess
from contextlib import contextmanager

import pytest

from line import Line
from rebuild import check_as_undisturbed
from support import events, people
from support.books import wait_all_consumed
from support.programs import BIN
from support.wait import eventually

YEAR, SUPERIOR, REVIEWER = 2026, "S01", "R007"
UNITS, MEMBERS, PARTITIONS = 6, 5, 2
SESSION = ["--kafka.session.timeout.ms=1000", "--kafka.heartbeat.interval.ms=200"]
LOADED_MEMBERS = 60_000


class Review:
    """A world in which every unit's submission waits for its approval."""

    def __init__(self, stack, name):
        self.units = [people.unit(f"Z{n}", SUPERIOR, 460_000 + MEMBERS * n, MEMBERS) for n in range(UNITS)]
        self.world = stack.world(name, partitions=PARTITIONS)
        self.world.load(self.units).expect(0)
        self.world.open_campaign(YEAR, [(REVIEWER, SUPERIOR)])
        self.client = self.world.client()

    def submit(self):
        for unit in self.units:
            review = events.unit_review(unit.code, YEAR, {"contact_name": "新联系人"})
            self.client.send(review, *events.submission(unit.code, YEAR, review.id, self.failing(unit), chunk_entries=1, submission_id=unit.code))
        wait_all_consumed(self.world)

    @staticmethod
    def failing(unit):
        return {member.id_number: "retired" for member in unit.members[:3]}

    def approve(self):
        digests = dict(self.world.sql("SELECT unit, digest FROM nianshen.review_status"))
        self.client.send(*[events.approved(u.code, YEAR, u.code, digests[u.code], SUPERIOR, REVIEWER) for u in self.units])

    def check_approved(self):
        for unit in self.units:
            assert self.world.removed(unit.code) == self.failing(unit)

    def snapshot(self):
        """All that a worker's commit would change."""
        tables = [self.world.sql(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM nianshen.{name} t") for name in ("ledger", "outbox", "event")]
        return tables, self.world.sql("SELECT topic, partition, next_offset, records FROM nianshen.kafka_partition ORDER BY 1, 2"), self.world.ops("digest").line


# ---- where the worker is when it stops: each leaves it stopped, with the approvals sent ----


@contextmanager
def nothing_under_way(review, worker, line):
    worker.freeze()
    review.approve()
    yield


@contextmanager
def in_its_statement(review, worker, line):
    """The server holds what the statement has locked, and waits for a row that another session has."""
    with unit_locked(review):
        review.approve()
        eventually(lambda: backends_waiting(review.world), "the worker's statement waits")
        worker.freeze()
        yield


@contextmanager
def answer_unread(review, worker, line):
    """The statement was committed in time; who asked does not know."""
    with unit_locked(review):
        review.approve()
        eventually(lambda: backends_waiting(review.world), "the worker's statement waits")
        worker.freeze()
    eventually(lambda: review.world.sql("SELECT count(*) FROM nianshen.decision")[0][0] > 0, "it is committed")
    yield


@contextmanager
def statement_on_its_way(review, worker, line):
    """It reaches the server when another worker has long taken over."""
    line.hold(b"nianshen.apply(")
    review.approve()
    assert line.is_holding.wait(30), "the worker applies nothing"
    worker.freeze()
    yield


@contextmanager
def unit_locked(review):
    with review.world.stack.cluster.connect(review.world.database) as session:
        session.execute("BEGIN")
        session.execute("SELECT FROM nianshen.unit_profile FOR UPDATE")
        yield
        session.execute("ROLLBACK")


def backends_waiting(world):
    return world.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND usename = 'nianshen_worker' AND wait_event_type = 'Lock'",
                     [world.database])[0][0]


# With the words by which the log shows that the worker really met what it was stopped for.
STOPS = [(nothing_under_way, "event=revoked"), (in_its_statement, "event=database-away"), (answer_unread, "event=batch-applied"),
         (statement_on_its_way, "event=fenced")]


@pytest.mark.parametrize("stop, found", STOPS, ids=[stop.__name__ for stop, _ in STOPS])
def test_stopped_worker_commits_nothing(stack, stop, found):
    """Another worker takes over and approves everything; the stopped one goes on, changes nothing, and joins again as an ordinary member."""
    review = Review(stack, f"stopped-{stop.__name__.replace('_', '-')}")
    world, line = review.world, Line(stack.cluster)
    stopped = world.worker(*SESSION, name=f"{world.name}-stopped", env={"PGHOST": line.host, "NIANSHEN_LOG_LEVEL": "debug"}).start().wait_ready()
    review.submit()
    with stop(review, stopped, line):
        successor = world.worker(*SESSION, name=f"{world.name}-successor").start().wait_ready()
    wait_all_consumed(world)
    review.check_approved()
    before, known = review.snapshot(), len(stopped.log)
    line.let_pass()
    stopped.thaw()
    eventually(lambda: stopped.owns() and successor.owns(), lambda: f"both work\n{stopped.log[-3000:]}")
    assert review.snapshot() == before
    assert found in stopped.log[known:], stopped.log[known:]
    assert stopped.is_running and successor.is_running
    late = events.unit_review("Z0", YEAR)
    review.client.send(late)
    world.outcomes.wait("Z0", "unit-review.accepted", unit_review=late.id)
    assert [stopped.stop(), successor.stop()] == [0, 0]
    line.close()
    check_as_undisturbed(world)


def test_commit_whose_answer_is_lost(stack):
    """The connection breaks after the server has committed and before the worker knows: it finds out, and nothing is done twice."""
    review = Review(stack, "answer-lost")
    world, line = review.world, Line(stack.cluster)
    worker = world.worker(*SESSION, name="answer-lost", env={"PGHOST": line.host}).start().wait_ready()
    review.submit()
    line.silence(b"nianshen.apply(")
    review.approve()
    eventually(lambda: world.sql("SELECT count(*) FROM nianshen.decision")[0][0] > 0, "a micro-batch is committed")
    line.cut()
    wait_all_consumed(world)
    review.check_approved()
    assert "event=database-away" in worker.log and worker.log.count("event=started") == 1
    assert worker.stop() == 0
    line.close()
    check_as_undisturbed(world)


class Load:
    """A roster load in its COPY, stopped."""

    def __init__(self, world, members_file):
        command = [BIN / "nianshen-ops", "roster", "load", "--members", members_file]
        self.process = subprocess.Popen(command, env=world.env("nianshen_ops"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        progress = "SELECT tuples_processed FROM pg_stat_progress_copy WHERE datname = %s"
        eventually(lambda: world.sql(progress, [world.database])[0:1] > [(0,)], "the COPY has begun", pause=0)
        self.process.send_signal(subprocess.signal.SIGSTOP)
        [(self.tuples,)] = world.sql(progress, [world.database])
        assert 0 < self.tuples < LOADED_MEMBERS

    def go_on(self):
        self.process.send_signal(subprocess.signal.SIGCONT)
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, (out, err)

    def kill(self):
        self.process.kill()
        self.process.communicate()


def test_load_stopped_in_its_copy(stack):
    """`roster load`, stopped in the middle of COPY, stands in nobody's way: workers, other loads and other changes go on. Killed it leaves nothing behind,
    continued it loads all."""
    review = Review(stack, "load-stopped")
    world = review.world
    worker = world.worker(*SESSION, name="load-stopped").start().wait_ready()
    big = people.unit("BIG", SUPERIOR, 200_000, LOADED_MEMBERS)
    members_file = world.folder / "big.csv"
    members_file.write_text(people.members_csv([big]), encoding="utf-8")
    world.load([people.Unit("BIG", SUPERIOR)]).expect(0)

    load = Load(world, members_file)
    review.submit()
    review.approve()
    wait_all_consumed(world)
    review.check_approved()
    world.ops("reviewer", "add", "--reviewer", "R099", "--superior", SUPERIOR).expect(0)
    world.load([people.unit("SMALL", SUPERIOR, 470_000, 2)]).expect(0)
    load.kill()
    eventually(lambda: world.sql("SELECT count(*) FROM nianshen.staging_member") == [(0,)], "nothing is left of it")
    assert world.members("BIG") == []

    load = Load(world, members_file)
    world.load([people.unit("SMALL", SUPERIOR, 470_000, 3)]).expect(0)
    load.go_on()
    assert len(world.members("BIG")) == LOADED_MEMBERS
    assert worker.stop() == 0
    check_as_undisturbed(world)
