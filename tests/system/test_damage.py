"""A bug of ours: a record that our own SQL can't digest. What happens to topics stands in test_halted.py."""

import pytest

from conftest import YEAR
from support import events, people
from support.books import wait_all_consumed
from support.edition import LEDGER, table
from support.wait import eventually

UNITS = 6


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"D{n}", "S01", 460_000 + 10 * n, 4) for n in range(UNITS)])


def send_round(world):
    reviews = [events.unit_review(f"D{n}", YEAR) for n in range(UNITS)]
    world.client().send(*reviews)
    return reviews


def test_record_that_our_own_sql_refuses(world):
    """A bug of ours (here: a constraint nobody thought of) holds the one unit; its bytes are kept, all other units go on."""
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute(f"ALTER TABLE {table('unit_review')} ADD CHECK (unit <> 'D1')")
    worker = world.worker().start().wait_ready()
    rounds = [send_round(world), send_round(world)]
    for review in [r for reviews in rounds for r in reviews if r.data["unit"] != "D1"]:
        world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}")
    wait_all_consumed(world)
    assert world.sql(f"SELECT kind FROM {LEDGER} l WHERE unit = 'D1'") == [("held",), ("held",)]
    assert not world.outcomes.of("D1")
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]
    world.ops("status").expect(1, says="1 unit is held")
    assert "D1" in worker.log and "level=error" in worker.log

    # Released too early, the unit is held again; after the bug was mended all comes in, in its order.
    world.ops("unit", "held").expect(0, says="D1")
    world.ops("unit", "release", "--unit", "D1").expect(0, says="D1")
    eventually(lambda: "is held again" in worker.log or worker.log.count("event=unit-held") == 2, "the unit to be held again")
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute(f"ALTER TABLE {table('unit_review')} DROP CONSTRAINT unit_review_unit_check")
    world.ops("unit", "release", "--unit", "D1").expect(0)
    for review in [r for reviews in rounds for r in reviews if r.data["unit"] == "D1"]:
        world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}")
    assert world.sql(f"SELECT kind FROM {LEDGER} l WHERE unit = 'D1'") == [("applied",), ("applied",)]
    world.ops("unit", "held").expect(0, says="no unit is held")
    world.ops("status").expect(0)
    world.ops("unit", "release", "--unit", "D1").expect(65, says="not held")
