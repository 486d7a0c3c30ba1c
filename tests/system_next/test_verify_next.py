"""nianshen-ops verify: a rebuild from topics and reference data is the same state, and what was changed beside the worker is named."""

import contextlib
import json
import re

import pytest

from conftest import SUPERIOR
from support import campaign as story
from support import events, people
from support.books import wait_all_consumed
from support.campaign import YEAR
from support.wait import eventually

UNITS = 16  # two of each part of the campaign


class Campaign(story.Campaign):
    def hold_and_release(self):
        with self.world.stack.cluster.connect(self.world.database) as admin:
            admin.execute(f"ALTER TABLE nianshen_engine.unit_review ADD CONSTRAINT bug CHECK (unit <> '{story.HELD}')")
            self.send(self.review(self.held), *self.chunks(self.held))
            self.settle()
            admin.execute("ALTER TABLE nianshen_engine.unit_review DROP CONSTRAINT bug")
        assert self.world.sql("SELECT unit FROM nianshen.held") == [(story.HELD,)]
        self.world.ops("unit", "release", "--unit", story.HELD).expect(0)
        eventually(lambda: not self.world.sql("SELECT unit FROM nianshen.held"), "the held unit to be free")
        self.decide([self.held])


@pytest.fixture(scope="module")
def campaign(stack):
    world = stack.world("verify")
    world.worker().start().wait_ready()
    played = Campaign(world, UNITS).play()
    # The idle worker moves removed members to the archive; tests that change rows by hand and put them back must not meet it.
    eventually(lambda: world.sql("SELECT count(*) FROM nianshen_engine.removal_due") == [(0,)], "the removed members to be moved")
    yield played
    world.close()


@pytest.fixture
def world(campaign):
    return campaign.world


def verify(world, *flags, user="nianshen_owner"):
    return world.ops("verify", "--year", YEAR, *flags, user=user)


def differences(world, *flags, expect=1):
    return json.loads(verify(world, "--json", *flags).expect(expect).out)


@contextlib.contextmanager
def changed(world, *statements):
    """The database as somebody left it who changed rows by hand; then as it was."""
    with world.stack.cluster.connect(world.database) as admin:
        tables = [f"{schema}.{name}" for schema, name in admin.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = 'nianshen_engine' OR tablename IN ('membership', 'unit_profile')")]
        admin.execute("SET session_replication_role = replica")  # no foreign keys meanwhile
        admin.execute("CREATE SCHEMA kept")
        for n, table in enumerate(tables):
            admin.execute(f"CREATE TABLE kept.t{n} AS TABLE {table}")
        for statement in statements:
            assert admin.execute(statement).rowcount > 0, statement
        try:
            yield
        finally:
            for n, table in enumerate(tables):
                admin.execute(f"DELETE FROM {table}")
                admin.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept.t{n}")
            admin.execute("DROP SCHEMA kept CASCADE")


def test_equal(world):
    """After a campaign in which everything happened: equal, with one digest for both sides."""
    done = verify(world).expect(0, says="the state is equal")
    recorded, rebuilt = (line.split()[1] for line in done.out.splitlines())
    assert recorded == rebuilt and re.fullmatch(r"[0-9a-f]{32}", recorded)
    assert differences(world, expect=0) == []
    verify(world, "--rosters").expect(0, says="the state is equal")


APPROVED = "(SELECT unit FROM nianshen_engine.submission WHERE state = 'approved' AND mode = 'import' ORDER BY unit LIMIT 1)"
SINGLE = "(SELECT unit FROM nianshen_engine.submission WHERE state = 'approved' AND mode = 'list' ORDER BY unit LIMIT 1)"
DAMAGES = {  # what was done: which kinds and fields differ
    "a reason": (
        f"UPDATE nianshen_engine.archive SET reason = 'deceased' WHERE reason = 'left' AND unit = {APPROVED}",
        {("removed", "reason", "deceased", "left")},
    ),
    "an archive row twice": (
        "INSERT INTO nianshen_engine.archive SELECT enrolment + 1000000, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, "
        "mobile, enrolled_ms, valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms "
        f"FROM nianshen_engine.archive WHERE reason = 'left' AND unit = {APPROVED}",
        {("removed", None, "left", None)},
    ),
    "an archive row gone": (
        f"DELETE FROM nianshen_engine.archive WHERE reason = 'left' AND unit = {APPROVED}",
        {("removed", None, None, "left")},
    ),
    "a unit review": (
        f"UPDATE nianshen_engine.unit_review SET submitted_by = 'somebody' WHERE unit = {APPROVED}",
        {("unit-review", "submitted_by", "somebody", "")},
    ),
    "a unit review gone": (
        f"DELETE FROM nianshen_engine.unit_review WHERE unit = {APPROVED}",
        {("unit-review", None, None, "there")},
    ),
    "a decision": (
        f"UPDATE nianshen_engine.decision SET reviewer = 'R999' WHERE verdict = 'accepted' AND unit = {APPROVED}",
        {("decision", "reviewer", "R999", "R008")},
    ),
    "a verdict": (
        f"UPDATE nianshen_engine.decision SET verdict = 'rejected', code = 'stale-digest' WHERE verdict = 'accepted' AND unit = {APPROVED}",
        {("decision", "verdict", "rejected", "accepted"), ("decision", "code", "stale-digest", None)},
    ),
    "a submission": (
        f"UPDATE nianshen_engine.submission SET passed = passed - 1, digest = '\\x00' WHERE state = 'approved' AND unit = {APPROVED}",
        {("submission", "passed", "2", "3"), ("submission", "digest", "00", "")},
    ),
    "a submission gone": (
        f"DELETE FROM nianshen_engine.submission WHERE state = 'approved' AND unit = {APPROVED}",
        {("submission", None, None, "approved")},
    ),
    "a chunk": (
        f"UPDATE nianshen_engine.chunk SET append_ms = 5 WHERE chunk = 2 AND unit = {APPROVED}",
        {("chunk", "append_ms", "5", "")},
    ),
    "rows of a chunk": (
        f"UPDATE nianshen_engine.chunk SET rows = '\\x01' WHERE chunk = 2 AND unit = {APPROVED}",
        {("chunk", "rows", "", None)},
    ),
    "a chunk gone": (
        f"DELETE FROM nianshen_engine.chunk WHERE chunk = 2 AND unit = {APPROVED}",
        {("chunk", None, None, "there")},
    ),
    "a repeated chunk": (
        f"INSERT INTO nianshen_engine.repeated_chunk VALUES ({APPROVED}, {YEAR}, 'somewhere', 'some-id', '\\x00', 1, 1)",
        {("repeated-chunk", None, "there", None)},
    ),
    "a roster in list mode": (
        f"DELETE FROM nianshen_engine.roster_block WHERE unit = {SINGLE}",
        {("submission", "state", "approved", "rejected")},
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(world, damage):
    """What was changed beside the worker is found and named down to the row and the field; of no other unit anything differs."""
    statement, expected = DAMAGES[damage]
    unit = world.sql(f"SELECT {SINGLE if 'list' in damage else APPROVED}")[0][0]
    with changed(world, statement):
        found = differences(world)
        assert {d["unit"] for d in found} == {unit} and {d["class"] for d in found} == {"damage"}, found
        for kind, field, recorded, rebuilt in expected:
            assert any(
                d["kind"] == kind and d["field"] == field and (recorded or "") in (d["recorded"] or "") and (rebuilt or "") in (d["rebuilt"] or "")
                and (d["recorded"] is None) == (recorded is None) and (d["rebuilt"] is None) == (rebuilt is None) for d in found
            ), f"{kind} {field} {recorded} {rebuilt} is not among\n{found}"
        done = verify(world).expect(1, says=["damage", "units that differ: 1"])
        text = re.sub(r"\b[0-9a-f]{32,64}\b", "", done.out + done.err)  # digests and ids of events: eighteen of their digits can be decimal ones in a row
        assert not set(re.findall(r"\d{17}[\dX]", text)), "no full number"


def test_a_roster_changed_by_hand(world):
    """What no event mentions is found with --rosters: a member who is gone."""
    unit, enrolment = world.sql("SELECT m.unit, max(m.enrolment) FROM nianshen.membership m JOIN nianshen.campaign_term c ON m.enrolled_ms < c.opens_ms "
                                f"WHERE m.unit = {APPROVED} GROUP BY 1")[0]
    with changed(world, f"DELETE FROM nianshen.membership WHERE enrolment = {enrolment}"):
        verify(world).expect(0, says="the state is equal")
        found = differences(world, "--rosters")
        assert {(d["unit"], d["kind"], d["class"]) for d in found} == {(unit, "roster", "damage")}


def test_limit(world):
    """All units that differ are counted, and as many differences shown as were asked for."""
    with changed(world, "UPDATE nianshen_engine.unit_review SET submitted_by = 'somebody'"):
        assert len(differences(world, "--limit", "1")) == 1
        units = world.sql("SELECT count(DISTINCT unit) FROM nianshen_engine.unit_review")[0][0]
        verify(world, "--limit", "3").expect(1, says=[f"units that differ: {units}", "--limit shows more"])


def test_a_topic_that_lost_its_beginning(stack, make_world):
    """Rows whose records are in no topic any more are of their own class."""
    world = make_world([people.unit("T1", SUPERIOR, 470_000, 4)])
    world.worker().start().wait_ready()
    review = events.unit_review("T1", YEAR)
    world.client().send(review, *events.submission("T1", YEAR, review.id, {}))
    wait_all_consumed(world)
    verify(world).expect(0)
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    admin = AdminClient({"bootstrap.servers": stack.broker.bootstrap})
    place = TopicPartition(world.prefix + "unit-review", world.partition_of("T1"), 1)
    for done in admin.delete_records([place]).values():
        done.result(10)
    found = differences(world)
    assert {(d["unit"], d["class"]) for d in found} == {("T1", "not-in-topic")}
    verify(world).expect(1, says=["not-in-topic", "what stood before offset 1 is not in the topic any more"])


def test_a_submission_that_is_not_complete(campaign):
    """Its rows are kept packed until it is judged, and are compared, too."""
    world, unit = campaign.world, campaign.units[0]
    failed = {m.id_number: "left" for m in unit.members[3:5]}
    chunks = events.submission(unit.code, YEAR, f"review-{unit.code}", failed, chunk_entries=1, submission_id="half")
    world.client().send(chunks[0])
    wait_all_consumed(world)
    verify(world).expect(0, says="the state is equal")
    with changed(world, "UPDATE nianshen_engine.chunk SET rows = NULL WHERE submission = 'half'"):
        found = differences(world)
        assert [(d["kind"], d["key"], d["field"], d["recorded"]) for d in found] == [("chunk", "half 1", "rows", None)]


def test_while_the_worker_goes_on(campaign):
    """Verified again and again while events come in: equal each time, and the worker is never stopped."""
    world = campaign.world
    unit = campaign.units[0]
    rounds = 0

    def passed():
        nonlocal rounds
        for _ in range(20):
            world.client().send(events.unit_review(unit.code, YEAR))
        verify(world).expect(0)
        rounds += 1
        return rounds >= 3

    eventually(passed, "three rounds", 120, pause=0)
    wait_all_consumed(world)


def test_who_may_and_what_is_missing(world):
    """A role without the rights is told which; a year without a campaign and an absent broker are said."""
    verify(world, user="nianshen_ops").expect(77, says="nianshen_owner")
    world.ops("verify", "--year", YEAR + 7, user="nianshen_owner").expect(65, says="no campaign of 2033")
    world.ops("verify", user="nianshen_owner").expect(64, says="--year")
    world.ops("verify", "--year", YEAR, user="nianshen_owner", env={"NIANSHEN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}).expect(69, says="127.0.0.1:1")


def test_gaps_and_held_records(make_world):
    """Aborted records, markers at the end, a held unit: the rebuild passes over what was passed over, and is equal."""
    world = make_world([people.unit(f"V{n}", SUPERIOR, 480_000 + 10 * n, 4) for n in range(3)])
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("ALTER TABLE nianshen_engine.unit_review ADD CONSTRAINT bug CHECK (unit <> 'V1')")
    worker = world.worker().start().wait_ready()
    sender = world.client(**{"transactional.id": "verify-gaps"})
    sender.producer.init_transactions()
    for is_aborted in (False, True, False, True):
        sender.producer.begin_transaction()
        for n in range(3):
            review = events.unit_review(f"V{n}", YEAR)
            sender.send(review, *events.submission(f"V{n}", YEAR, review.id, {}))
        sender.producer.abort_transaction() if is_aborted else sender.producer.commit_transaction()
    eventually(lambda: world.sql("SELECT sum(records) FROM nianshen_engine.ledger_range")[0][0] == 12, "all that was committed to be consumed")
    worker.stop()
    held = world.sql("SELECT count(*) FROM nianshen_engine.ledger_exception WHERE kind = 'held'")[0][0]
    assert held >= 2, "a submission may have been taken before its unit was held; the unit reviews are not"
    verify(world).expect(0, says=f"{12 - held} records were applied again; the state is equal")
