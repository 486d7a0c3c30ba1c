"""nianshen-ops replay: a range of a live system comes out as it is recorded, changes nothing, and finds what was changed beside the worker."""

import json

import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.books import wait_all_consumed
from support.wait import eventually

UNITS, MEMBERS = 4, 5


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"Y{n}", SUPERIOR, 490_000 + 10 * n, MEMBERS) for n in range(UNITS)])


def send_a_bit_of_everything(world):
    """Reviews, approvals, repeats, and dead letters of each kind that depends on other records or on reference data."""
    client = world.client()
    for n in range(UNITS):
        unit = people.unit(f"Y{n}", SUPERIOR, 490_000 + 10 * n, MEMBERS)
        review = events.unit_review(unit.code, YEAR)
        chunks = events.submission(unit.code, YEAR, review.id, {unit.members[0].id_number: "left", unit.members[1].id_number: "retired"}, chunk_entries=1)
        client.send(review, *chunks, review, chunks[0])
        submission = chunks[0].data["submission"]
        again = events.Event("member-review", chunks[0].type, chunks[0].data)
        other = events.Event("member-review", chunks[0].type, {**chunks[0].data, "failed": []})
        contradicting = events.Event("member-review", chunks[0].type, {**chunks[0].data, "submitted_by": "somebody"})
        reused = events.unit_review(unit.code, YEAR, {"name": "x"}, id=review.id)
        client.send(again, other, contradicting, reused)
        pending = world.outcomes.wait(unit.code, "member-review.pending", submission=submission)
        client.send(events.approved(unit.code, YEAR, submission, pending.data["digest"], SUPERIOR, "R007"),
                    events.approved(unit.code, YEAR, submission, pending.data["digest"], "S09", "R007"))
    stranger = events.submission("NOBODY", YEAR, "r", {})[0]
    client.send(stranger)
    client.record("unit-review", b"Y0", b"{", [])
    client.flush()


def snapshot(world):
    """All that a replay must leave as it is."""
    engine = ["ledger_range", "ledger_exception", "outbox", "unit_review", "submission", "chunk", "repeated_chunk", "decision", "removal_due", "archive", "shard"]
    tables = [f"nianshen_engine.{name}" for name in engine] + ["nianshen.membership", "nianshen.unit_profile", "nianshen.audit_log"]
    rows = [world.sql(f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t") for table in tables]
    sequences = world.sql("SELECT schemaname, sequencename, last_value FROM pg_sequences WHERE schemaname LIKE 'nianshen%' ORDER BY 1, 2")
    return rows, sequences, world.ops("digest").expect(0).out


def replay(world, topic, *flags):
    return world.ops("replay", "--topic", topic, *flags)


def test_each_record_comes_out_as_recorded_and_nothing_changes(world):
    """All of three topics, whatever became of the records, also those whose unit was loaded only afterwards."""
    worker = world.worker().start().wait_ready()
    send_a_bit_of_everything(world)
    wait_all_consumed(world)
    worker.stop()
    world.load([people.Unit("NOBODY", SUPERIOR)]).expect(0)
    codes = {code for code, in world.sql("SELECT DISTINCT code FROM nianshen_engine.ledger_exception WHERE code IS NOT NULL")}
    assert codes >= {"unknown-unit", "identity-reused", "chunk-differs", "chunk-contradicts"}, codes
    before = snapshot(world)
    for topic in ("unit-review", "member-review", "approval"):
        replay(world, topic, "--from-offset", 0).expect(0, says="each record comes out as it is recorded")
        assert json.loads(replay(world, topic, "--from-offset", 0, "--json").expect(0).out) == []
    assert snapshot(world) == before


def test_while_the_worker_goes_on(world):
    """The worker is never fenced nor slowed down by it, and positions move on during replays."""
    worker = world.worker().start().wait_ready()
    send_a_bit_of_everything(world)
    sent = 0

    def stream_passed():
        nonlocal sent
        world.client().send(*[events.unit_review(f"Y{n}", YEAR) for n in range(UNITS)])
        sent += 1
        replay(world, "unit-review", "--from-offset", 0).expect(0)
        replay(world, "member-review", "--from-offset", 0).expect(0)
        return sent >= 6

    eventually(stream_passed, "six rounds", 60, pause=0)
    wait_all_consumed(world)
    assert "fenced" not in worker.log and worker.is_running


EXCEPTION = "INSERT INTO nianshen_engine.ledger_exception (shard, topic, record_offset, kind, append_ms, code) SELECT {shard}, 2, 1, "
DAMAGES = [
    (EXCEPTION + "'duplicate', 1, NULL", "duplicate", "applied"),
    (EXCEPTION + "'dead-letter', 1, 'not-json'", "dead-letter not-json", "applied"),
    ("UPDATE nianshen_engine.decision SET content_sha256 = sha256('another') WHERE record_offset = 1 AND unit = ANY ({units})", "applied", "dead-letter identity-reused"),
    ("DELETE FROM nianshen_engine.decision WHERE record_offset = 1 AND unit = ANY ({units})", "applied", "new"),
    ("UPDATE nianshen_engine.decision SET record_offset = 0 WHERE record_offset = 1 AND unit = ANY ({units})", "applied", "duplicate"),
]


def test_changed_verdicts_are_found(world):
    """Exit 1, the place, what is recorded and what came out; only in the range that was asked for."""
    worker = world.worker().start().wait_ready()
    send_a_bit_of_everything(world)
    wait_all_consumed(world)
    worker.stop()
    partition = world.partition_of("Y0")
    units = [f"Y{n}" for n in range(UNITS) if world.partition_of(f"Y{n}") == partition]
    place = ("--partition", partition, "--from-offset", 0)
    replay(world, "approval", *place).expect(0)
    for damage, recorded, came in DAMAGES:
        with world.stack.cluster.connect(world.database) as admin:
            admin.execute("CREATE TABLE kept_exception AS TABLE nianshen_engine.ledger_exception")
            admin.execute("CREATE TABLE kept_decision AS TABLE nianshen_engine.decision")
            assert admin.execute(damage.format(shard=partition, units=f"ARRAY{units}")).rowcount == 1
            found = json.loads(replay(world, "approval", *place, "--json").expect(1).out)
            assert [(f["topic"], f["partition"], f["offset"], f["recorded"], f["came"]) for f in found] == [("approval", partition, 1, recorded, came)]
            replay(world, "approval", *place, "--to-offset", 1).expect(0)
            admin.execute("TRUNCATE nianshen_engine.ledger_exception, nianshen_engine.decision")
            admin.execute("INSERT INTO nianshen_engine.ledger_exception TABLE kept_exception")
            admin.execute("INSERT INTO nianshen_engine.decision TABLE kept_decision")
            admin.execute("DROP TABLE kept_exception, kept_decision")
    replay(world, "approval", *place).expect(0)
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("UPDATE nianshen_engine.ledger_range SET first_offset = 1 WHERE first_offset = 0 AND shard = %s AND topic = 2", [partition])
        found = json.loads(replay(world, "approval", *place, "--json").expect(1).out)
        assert ("nothing", "applied") in [(f["recorded"], f["came"]) for f in found if f["offset"] == 0], found


def test_what_the_topic_does_not_hold(world):
    """A topic that has lost its beginning: what the ledger has of it is named."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    world.worker().start().wait_ready()
    send_a_bit_of_everything(world)
    wait_all_consumed(world)
    partition = world.partition_of("Y0")
    admin = AdminClient({"bootstrap.servers": world.stack.broker.bootstrap})
    for done in admin.delete_records([TopicPartition(world.prefix + "unit-review", partition, 2)]).values():
        done.result(10)
    found = json.loads(replay(world, "unit-review", "--partition", partition, "--from-offset", 0, "--json").expect(1).out)
    assert any("in the topic" in f["came"] for f in found), found


def test_ranges(world):
    """By offset or by time, one partition or all; what is missing or contradicts is said."""
    world.worker().start().wait_ready()
    send_a_bit_of_everything(world)
    wait_all_consumed(world)
    records = sum(world.ends("unit-review"))
    assert replay(world, "unit-review", "--from-time", "2020-01-01").expect(0).out.count("unit-review") == world.partitions
    by_time = replay(world, "unit-review", "--from-time", "2020-01-01", "--to-time", "2098-01-01").expect(0).out
    assert sum(int(line.split()[4]) for line in by_time.splitlines()[1:]) == records
    later = replay(world, "unit-review", "--from-time", "2098-01-01").expect(0).out
    assert sum(int(line.split()[4]) for line in later.splitlines()[1:]) == 0
    replay(world, "unit-review").expect(64, says="--from-offset or --from-time")
    replay(world, "unit-review", "--from-offset", 0, "--from-time", "2020-01-01").expect(64)
    replay(world, "unit-review", "--from-time", "soon").expect(64, says="--from-time")
    replay(world, "outcome", "--from-offset", 0).expect(64, says="--topic")
    replay(world, "unit-review", "--partition", 9, "--from-offset", 0).expect(66)
