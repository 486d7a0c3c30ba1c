"""Broker or database away: the worker waits, tells so, and goes on by itself; nothing becomes a dead letter."""

import time

import pytest

from conftest import YEAR
from support import events, people
from support.books import check_books
from support.programs import SHORT_SESSION
from support.wait import eventually

# Long enough for every time-out and back-off on the way to be met; the release's own test takes 20 s and longer.
AWAY_SECONDS = 20
RECOVERY_SECONDS = 45
UNITS = 6


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"O{n}", "S01", 430_000 + 10 * n, 4) for n in range(UNITS)])


def send_round(client):
    reviews = [events.unit_review(f"O{n}", YEAR) for n in range(UNITS)]
    client.send(*reviews)
    return reviews


def check_answered(world, reviews):
    for review in reviews:
        world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}", RECOVERY_SECONDS)


def check_nothing_was_harmed(world, worker, sent):
    assert worker.is_running and worker.log.count("event=started") == 1, "the same process goes on"
    assert len(check_books(world)) == sent
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]


def test_database_away(world):
    """kill -9 of the whole cluster for some seconds, while events go on coming."""
    worker, client = world.worker(*SHORT_SESSION).start().wait_ready(), world.client()
    before = send_round(client)
    check_answered(world, before)
    world.stack.cluster.kill()
    during = send_round(client)
    time.sleep(AWAY_SECONDS)
    assert worker.is_running, worker.log[-3000:]
    world.stack.cluster.start()
    check_answered(world, during)
    after = send_round(client)
    check_answered(world, after)
    check_nothing_was_harmed(world, worker, 3 * UNITS)
    assert "event=database-away" in worker.log and "event=database-back" in worker.log, worker.log


def test_broker_away(world):
    """kill -9 of the broker for some seconds; the worker and every client connect again by themselves."""
    worker, client = world.worker(*SHORT_SESSION).start().wait_ready(), world.client()
    before = send_round(client)
    check_answered(world, before)
    world.stack.broker.kill()
    time.sleep(AWAY_SECONDS)
    assert worker.is_running, worker.log[-3000:]
    world.stack.broker.start()
    after = send_round(client)
    check_answered(world, after)
    check_nothing_was_harmed(world, worker, 2 * UNITS)
    assert "event=broker-away" in worker.log and "event=broker-back" in worker.log, worker.log


def test_started_before_its_database(world):
    """A worker that starts while the database is away stays up and takes in what stands there as soon as it is back."""
    reviews = send_round(world.client())
    world.stack.cluster.kill()
    worker = world.worker().start()
    eventually(lambda: "event=database-away" in worker.log, "the worker tells that it waits", 20)
    assert worker.is_running
    world.stack.cluster.start()
    check_answered(world, reviews)
    check_nothing_was_harmed(world, worker, UNITS)
