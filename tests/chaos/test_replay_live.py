"""`nianshen-ops replay` of any range of a live system: each record comes out as it is recorded, whatever the worker does meanwhile, and nothing changes."""

import json
import threading

import pytest

import interleaving
from chance import SEED, chance_for
from interleaving import Publication, random_turns
from model import history
from model.history import TOPICS
from rebuild import check_as_undisturbed
from support.books import wait_all_consumed

UNITS, SLICES, PARTITIONS = 120, 5, 2
RANGES = 12
TABLES = ("ledger", "event", "outbox", "outbox_position", "kafka_partition", "unit_review", "submission", "chunk", "entry", "decision", "membership", "removed_member",
          "unit_profile", "dead_letter_action", "held_unit", "audit_log")  # fmt: skip


@pytest.fixture(scope="module")
def world(stack):
    """Histories of all kinds, taken in by a worker that is still there; replays of ranges drawn at random ran meanwhile."""
    chance = chance_for("replay")
    histories = {f"R{n:05d}": one for n, one in enumerate(history.drawn(UNITS, SEED + 2))}
    world = interleaving.build(stack, "replay-live", [code for code, one in histories.items() if one.unit_is_known], PARTITIONS)
    publication = Publication(world, interleaving.scripts_for(world, histories), SLICES, chance)
    worker = world.worker("--batch-records=5").start().wait_ready()
    upstream = threading.Thread(target=publication.run, args=(random_turns(SLICES, chance), lambda: None), daemon=True)
    world.replayed_meanwhile = 0
    upstream.start()
    while world.replayed_meanwhile < RANGES or upstream.is_alive():
        check_range(world, *range_of(world, chance))
        world.replayed_meanwhile += 1
    upstream.join()
    wait_all_consumed(world)
    assert worker.is_running and "fenced" not in worker.log
    assert not interleaving.told(publication, interleaving.differences(publication))
    yield world
    world.close()


def range_of(world, chance):
    """Any range of what is there: by offsets, to an end or to none."""
    topic, partition = chance.choice(TOPICS), chance.randrange(PARTITIONS)
    first, last = sorted(chance.randint(0, world.ends(topic)[partition]) for _ in range(2))
    return topic, partition, first, chance.choice([last, None])


def replay(world, topic, partition, first, last, *flags):
    until = [] if last is None else ["--to-offset", last]
    return world.ops("replay", "--topic", topic, "--partition", partition, "--from-offset", first, *until, *flags)


def check_range(world, *place):
    replay(world, *place).expect(0, says="each record comes out as it is recorded")


def snapshot(world):
    rows = {t: world.sql(f"SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM nianshen.{t} t") for t in TABLES}
    ends = [world.ends(topic) for topic in (*TOPICS, "outcome", "dead-letter")]
    return rows, ends, world.sql("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'nianshen' ORDER BY 1"), world.ops("digest").line


def test_while_the_worker_goes_on(world):
    """The replays that ran under load fenced nobody and left no trace: an undisturbed run comes to the same."""
    assert world.replayed_meanwhile >= RANGES
    check_as_undisturbed(world)


def test_any_range_changes_nothing(world):
    """Tables, positions, outbox, sequences, what is published and the digest are as before, with a worker there that would publish anything new."""
    chance, before = chance_for("ranges"), snapshot(world)
    for _ in range(RANGES):
        check_range(world, *range_of(world, chance))
    assert snapshot(world) == before


# What may have been done to a verdict, of records of which kind.
CHANGES = [
    ("an applied one is called a duplicate", "applied", "UPDATE nianshen.ledger SET kind = 'duplicate'"),
    ("a duplicate is called applied", "duplicate", "UPDATE nianshen.ledger SET kind = 'applied'"),
    ("an applied one is called a dead letter", "applied", "UPDATE nianshen.ledger SET kind = 'dead-letter', code = 'schema'"),
    ("a dead letter got another code", "dead-letter", "UPDATE nianshen.ledger SET code = 'wrong-place'"),
    ("a row is gone", "applied", "DELETE FROM nianshen.ledger"),
]


@pytest.mark.parametrize("what, kind, change", CHANGES, ids=[what.replace(" ", "-") for what, *_ in CHANGES])
def test_changed_verdict_is_found(world, what, kind, change):
    """In a record drawn at random, of any topic: ranges that hold it end with 1 and name it and nothing else, ranges beside it with 0."""
    chance = chance_for(what)
    rows = world.sql("SELECT topic, partition, record_offset FROM nianshen.ledger WHERE kind = %s ORDER BY 1, 2, 3", [kind])
    topic, partition, offset = chance.choice(rows)
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("CREATE TABLE kept AS SELECT * FROM nianshen.ledger WHERE (topic, partition, record_offset) = (%s, %s, %s)", [topic, partition, offset])
        admin.execute(f"{change} WHERE (topic, partition, record_offset) = (%s, %s, %s)", [topic, partition, offset])
        try:
            found = json.loads(replay(world, topic, partition, chance.randint(0, offset), chance.choice([offset + 1, None]), "--json").expect(1).out)
            assert [(f["topic"], f["partition"], f["offset"]) for f in found] == [(topic, partition, offset)]
            check_range(world, topic, partition, chance.randint(0, offset), offset)
            check_range(world, topic, partition, offset + 1, None)
        finally:
            admin.execute("DELETE FROM nianshen.ledger WHERE (topic, partition, record_offset) = (%s, %s, %s)", [topic, partition, offset])
            admin.execute("INSERT INTO nianshen.ledger TABLE kept")
            admin.execute("DROP TABLE kept")
    check_range(world, topic, partition, offset, offset + 1)
