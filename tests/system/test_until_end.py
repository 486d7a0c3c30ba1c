"""nianshen-worker --until-end: takes in what stands in the topics, publishes what came of it, and ends."""

import json

import pytest
from confluent_kafka import Producer

from conftest import YEAR
from support import events, people
from support.books import check_books
from support.edition import table

UNITS = 3


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"E{n}", "S01", 410_000 + 10 * n, 4) for n in range(UNITS)])


def send_reviews(client, count):
    reviews = [events.unit_review(f"E{n % UNITS}", YEAR) for n in range(count)]
    client.send(*reviews)
    return reviews


def test_takes_all_in_and_ends(world):
    """One run applies and publishes everything; the next has nothing to do and changes nothing; empty topics are fine too."""
    world.run_until_end().expect(0)
    reviews = send_reviews(world.client(), 50)
    world.run_until_end().expect(0)
    assert len(check_books(world)) == len(reviews)
    before = world.ops("digest").expect(0).out
    world.run_until_end().expect(0)
    assert len(check_books(world)) == len(reviews)
    assert world.ops("digest").expect(0).out == before


def test_the_last_line_accounts_for_the_run(world):
    """The sums of the whole run, and each of its milliseconds in one place, but for those that rounding takes from each of the seven."""
    reviews = send_reviews(world.client(), 50)
    line = world.run_until_end().expect(0).err.splitlines()[-1]
    told = dict(field.split("=", 1) for field in line.split())
    assert (told["event"], told["status"]) == ("stopped", "0")
    assert (int(told["records"]), int(told["published"])) == (len(reviews), len(reviews))
    parts = [int(told[f"{part}_ms"]) for part in ("poll", "decode", "send", "publish", "other", "wait", "idle")]
    assert 0 <= int(told["ms"]) - sum(parts) <= len(parts) + 1
    assert 0 < int(told["apply_ms"]) <= int(told["ms"])


def test_transactions_of_an_upstream(world):
    """Aborted records are never seen, committed ones are, and the markers at the end of a partition don't keep it from ending."""
    producer = Producer({"bootstrap.servers": world.stack.broker.bootstrap, "partitioner": "murmur2_random", "transactional.id": "upstream"})
    producer.init_transactions(30)
    for commit in (False, True, False):
        producer.begin_transaction()
        headers, value = events.unit_review("E0", YEAR, id="committed" if commit else "aborted").binary()
        producer.produce(world.prefix + "unit-review", value=value, key=b"E0", headers=list(headers.items()))
        producer.flush(30)
        (producer.commit_transaction if commit else producer.abort_transaction)(30)
    world.run_until_end().expect(0)
    assert world.sql(f"SELECT event_id FROM {table('unit_review')}") == [("committed",)]
    # Three markers and two aborted records: offsets without a row, and none of them counts as lag.
    check_books(world, gaps=5)
    assert {row["lag"] for row in json.loads(world.ops("status", "--json").expect(0).out)} == {0}
