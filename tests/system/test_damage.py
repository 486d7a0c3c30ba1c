"""What must not happen, and is noticed when it does: a topic made anew, records lost, a record that our own SQL can't digest."""

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from conftest import YEAR
from support import events, people
from support.books import wait_all_consumed
from support.wait import eventually

UNITS = 6


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"D{n}", "S01", 460_000 + 10 * n, 4) for n in range(UNITS)])


def send_round(world):
    reviews = [events.unit_review(f"D{n}", YEAR) for n in range(UNITS)]
    world.client().send(*reviews)
    return reviews


def topic_made_anew(world):
    """Deletes the topic of unit reviews and creates it again, empty, as somebody does who wants to tidy up."""
    admin = AdminClient({"bootstrap.servers": world.stack.broker.bootstrap, "log_level": 0})
    name = world.prefix + "unit-review"
    for future in admin.delete_topics([name]).values():
        future.result(30)
    eventually(lambda: name not in admin.list_topics(timeout=10).topics, f"{name} is gone")
    world.ops("topics", "create", "--partitions", world.partitions, "--replication-factor", 1).expect(0)


def check_halted(world, worker, partitions):
    """These partitions stand still, loudly; the other topics go on; operators see it."""
    def halted():
        return {p for p, in world.sql("SELECT partition FROM nianshen.partition_status WHERE topic = 'unit-review' AND halted IS NOT NULL")}

    eventually(lambda: halted() == partitions, lambda: f"{partitions} are halted, not {halted()}\n{worker.log[-3000:]}")
    assert "level=error" in worker.log
    world.ops("status").expect(1, says=["unit-review", "halted"])
    chunk = events.submission("D0", YEAR, "never-sent", {})[0]
    world.client().send(chunk)
    world.outcomes.wait("D0", "member-review.waiting", causation=chunk.id)


def test_topic_made_anew_with_other_records(world):
    """The next offset exists again but holds something else: the fingerprint of the last record shows it."""
    send_round(world)
    world.run_until_end().expect(0)
    touched = {world.partition_of(f"D{n}") for n in range(UNITS)}
    topic_made_anew(world)
    for _ in range(2):
        send_round(world)
    check_halted(world, world.worker().start(), touched)
    assert world.sql("SELECT count(*) FROM nianshen.ledger WHERE topic = 'unit-review'") == [(UNITS,)], "nothing was taken from it"


def test_topic_made_anew_and_empty(world):
    """The topic ends before the next offset: records that were taken are gone."""
    send_round(world)
    world.run_until_end().expect(0)
    touched = {world.partition_of(f"D{n}") for n in range(UNITS)}
    topic_made_anew(world)
    check_halted(world, world.worker().start(), touched)


def test_records_deleted_before_they_were_read(world):
    """A gap between what was read last and what the topic still has is never jumped over."""
    send_round(world)
    world.run_until_end().expect(0)
    taken = world.ends("unit-review")
    send_round(world)
    send_round(world)
    admin = AdminClient({"bootstrap.servers": world.stack.broker.bootstrap, "log_level": 0})
    behind = [TopicPartition(world.prefix + "unit-review", p, end + 1) for p, end in enumerate(taken) if world.ends("unit-review")[p] > end]
    for future in admin.delete_records(behind).values():
        future.result(30)
    check_halted(world, world.worker().start(), {place.partition for place in behind})


def test_record_that_our_own_sql_refuses(world):
    """A bug of ours (here: a constraint nobody thought of) holds the one unit; its bytes are kept, all other units go on."""
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("ALTER TABLE nianshen.unit_review ADD CHECK (unit <> 'D1')")
    worker = world.worker().start().wait_ready()
    rounds = [send_round(world), send_round(world)]
    for review in [r for reviews in rounds for r in reviews if r.data["unit"] != "D1"]:
        world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}")
    wait_all_consumed(world)
    assert world.sql("SELECT kind FROM nianshen.ledger WHERE unit = 'D1'") == [("held",), ("held",)]
    assert not world.outcomes.of("D1")
    assert world.sql("SELECT count(*) FROM nianshen.dead_letter") == [(0,)]
    world.ops("status").expect(1, says="1 unit is held")
    assert "D1" in worker.log and "level=error" in worker.log

    # Released too early, the unit is held again; after the bug was mended all comes in, in its order.
    world.ops("unit", "held").expect(0, says="D1")
    world.ops("unit", "release", "--unit", "D1").expect(0, says="D1")
    eventually(lambda: "is held again" in worker.log, "the unit to be held again")
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("ALTER TABLE nianshen.unit_review DROP CONSTRAINT unit_review_unit_check")
    world.ops("unit", "release", "--unit", "D1").expect(0)
    for review in [r for reviews in rounds for r in reviews if r.data["unit"] == "D1"]:
        world.outcomes.wait_for(lambda o: o.causation == review.id, f"the answer to {review.id}")
    assert world.sql("SELECT kind FROM nianshen.ledger WHERE unit = 'D1'") == [("applied",), ("applied",)]
    world.ops("unit", "held").expect(0, says="no unit is held")
    world.ops("status").expect(0)
    world.ops("unit", "release", "--unit", "D1").expect(65, says="not held")
