"""nianshen-ops verify: a rebuild from topics and reference data is the same state, and what was changed beside the worker is named."""

import contextlib
import json
import re

import pytest

from conftest import SUPERIOR
from support import events, people
from support.books import check_ledger
from support.campaign import YEAR, Campaign
from support.wait import eventually

UNITS = 16  # two of each part of the campaign


@pytest.fixture(scope="module", autouse=True)
def right_to_create_databases(stack):
    with stack.cluster.connect() as admin:
        admin.execute("ALTER ROLE nianshen_owner CREATEDB")


@pytest.fixture(scope="module")
def campaign(stack):
    world = stack.world("verify")
    world.worker().start().wait_ready()
    played = Campaign(world, UNITS).play()
    yield played
    world.close()


@pytest.fixture
def world(campaign):
    return campaign.world


def verify(world, *flags, user="nianshen_owner"):
    return world.ops("verify", "--year", YEAR, *flags, user=user)


def differences(world, *flags, expect=1):
    return json.loads(verify(world, "--json", *flags).expect(expect).out)


def scratch_databases(world):
    return world.sql("SELECT datname FROM pg_database WHERE datname LIKE 'nianshen_scratch%'")


@contextlib.contextmanager
def changed(world, *statements):
    """The database as somebody left it who changed rows by hand; then as it was."""
    with world.stack.cluster.connect(world.database) as admin:
        tables = [name for (name,) in admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'nianshen' AND tablename !~ '^(verify|staging)'")]
        admin.execute("SET session_replication_role = replica")  # no foreign keys meanwhile
        admin.execute("CREATE SCHEMA kept")
        for table in tables:
            admin.execute(f"CREATE TABLE kept.{table} AS TABLE nianshen.{table}")
        for statement in statements:
            assert admin.execute(statement).rowcount > 0, statement
        try:
            yield
        finally:
            for table in tables:
                admin.execute(f"DELETE FROM nianshen.{table}")
                admin.execute(f"INSERT INTO nianshen.{table} OVERRIDING SYSTEM VALUE TABLE kept.{table}")
            admin.execute("DROP SCHEMA kept CASCADE")


def test_equal(world):
    """After a campaign in which everything happened: equal, with the digest that `digest` prints; the scratch database is gone again."""
    done = verify(world).expect(0, says="the state is equal")
    recorded, rebuilt = (line.split()[1] for line in done.out.splitlines())
    assert recorded == rebuilt == world.ops("digest", "--year", YEAR).expect(0).line
    assert "left over" not in done.err
    assert differences(world, expect=0) == []
    assert not scratch_databases(world)


APPROVED = "(SELECT unit FROM nianshen.submission WHERE state = 'approved' AND mode = 'import' ORDER BY unit LIMIT 1)"
LISTED = "(SELECT unit FROM nianshen.submission WHERE state = 'approved' AND mode = 'list' ORDER BY unit LIMIT 1)"
# Who was there at the opening and passed.
PASSED = (
    "(SELECT max(m.enrolment) FROM nianshen.membership m JOIN nianshen.campaign_term c ON m.valid_from_ms < c.opens_ms WHERE m.unit = {})"
)
DAMAGES = {  # what was done: which kinds and fields differ
    "a reason": (
        f"UPDATE nianshen.removed_member SET reason = 'deceased' WHERE reason = 'left' AND unit = {APPROVED}",
        {("removed", "reason", "deceased", "left")},
    ),
    "an archive row twice": (
        "INSERT INTO nianshen.removed_member SELECT enrolment + 1000000, unit, member_no, id_key, id_code, name, gender, id_type, id_number, id_valid_until, "
        "mobile, enrolled_ms, valid_from_ms, valid_until_ms, year, submission, reason, decision_source, decision, removed_ms "
        f"FROM nianshen.removed_member WHERE reason = 'left' AND unit = {APPROVED}",
        {("removed", None, "left", None)},
    ),
    "an archive row gone": (
        f"DELETE FROM nianshen.removed_member WHERE reason = 'left' AND unit = {APPROVED}",
        {("row-error", None, None, "not-on-roster"), ("submission", "state", "approved", "rejected"), ("removed", None, "deceased", None)},
    ),
    "a decision": (
        f"UPDATE nianshen.decision SET reviewer = 'R999' WHERE verdict = 'accepted' AND unit = {APPROVED}",
        {("decision", "reviewer", "R999", "R008")},
    ),
    "a verdict": (
        f"UPDATE nianshen.decision SET verdict = 'rejected', code = 'stale-digest' WHERE verdict = 'accepted' AND unit = {APPROVED}",
        {("decision", "verdict", "rejected", "accepted"), ("decision", "code", "stale-digest", None)},
    ),
    "a submission gone": (
        f"DELETE FROM nianshen.submission WHERE state = 'approved' AND unit = {APPROVED}",
        {("submission", None, None, "approved")},
    ),
    "a member of a unit in list mode": (
        f"DELETE FROM nianshen.membership WHERE enrolment = {PASSED.format(LISTED)}",
        {("submission", "listed", "6", "5"), ("submission", "state", "approved", "waiting")},
    ),
    "a member": (
        f"DELETE FROM nianshen.membership WHERE enrolment = {PASSED.format(APPROVED)}",
        {("submission", "listed", "6", "5")},
    ),
    "a profile": (
        f"UPDATE nianshen.unit_profile SET contact_name = 'somebody' WHERE unit = {APPROVED}",
        {("profile", "contact_name", "somebody", "")},
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_named(world, damage):
    """What was changed beside the worker is found and named down to the row and the field; of no other unit anything differs."""
    statement, expected = DAMAGES[damage]
    unit = world.sql(f"SELECT {LISTED if 'list' in damage else APPROVED}")[0][0]
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


def test_a_dump_names_who_is_missing(world, tmp_path):
    """With the reference data of a dump also a member is named who was deleted by hand and whom no event mentions; the dump itself is checked."""
    dump = tmp_path / "reference.dump"
    dump.write_text(world.ops("reference", "dump", user="nianshen_owner", personal_data=True).expect(0).out)
    assert differences(world, "--reference", dump, expect=0) == []
    unit, member_no = world.sql(f"SELECT unit, member_no FROM nianshen.member WHERE unit = {APPROVED} ORDER BY member_no DESC LIMIT 1")[0]
    with changed(world, f"DELETE FROM nianshen.membership WHERE unit = '{unit}' AND member_no = '{member_no}'"):
        found = differences(world, "--reference", dump)
        assert [(d["unit"], d["kind"], d["key"].split()[0], d["recorded"]) for d in found] == [(unit, "member", member_no, None)]
    dump.write_text(dump.read_text()[:-200])
    verify(world, "--reference", dump).expect(65, says=["cut off", str(dump)])
    verify(world, "--reference", tmp_path / "none").expect(66, says="none")
    assert not scratch_databases(world)


def test_another_release_judged(world):
    """What a former release had judged otherwise is no damage: it is said, with what follows from it, and the exit status is 0."""
    older = "UPDATE nianshen.release SET version = 'of-yore'"
    newer = "INSERT INTO nianshen.release (version, since_ms) SELECT version, nianshen.now_ms() FROM nianshen.schema_release"
    verdict = f"UPDATE nianshen.submission SET passed = passed - 1 WHERE state = 'approved' AND unit = {APPROVED}"
    with changed(world, older, newer, verdict):
        found = differences(world, expect=0)
        assert [(d["kind"], d["field"], d["class"]) for d in found] == [("submission", "passed", "rules-changed")]
        verify(world).expect(0, says=["rules-changed", "another release"])
    other = f"UPDATE nianshen.removed_member SET reason = 'deceased' WHERE reason = 'left' AND unit = {APPROVED}"
    with changed(world, older, newer, other):
        assert {d["class"] for d in differences(world)} == {"damage"}, "no verdict differs: it does not follow from one"
    later = other.replace(APPROVED, f"(SELECT max(unit) FROM nianshen.removed_member WHERE reason = 'left' HAVING max(unit) > {APPROVED})")
    with changed(world, older, newer, verdict, later):
        done = verify(world, "--limit", "1").expect(1, says=["rules-changed", "damage"])
        assert done.out.count("rules-changed") == 1 and "damage" not in done.out, "the one that is shown comes before the damage, and does not hide it"


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
    check_ledger(world, gaps=0)


def test_who_may_and_what_is_missing(world):
    """A role without the rights is told which; a year without a campaign and an absent broker are said, and nothing is left over."""
    verify(world, user="nianshen_ops").expect(77, says=["nianshen_owner", "CREATEDB"])
    world.ops("verify", "--year", YEAR + 7, user="nianshen_owner").expect(65, says="no campaign of 2033")
    world.ops("verify", user="nianshen_owner").expect(64, says="--year")
    world.ops("verify", "--year", YEAR, user="nianshen_owner", env={"NIANSHEN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}).expect(69, says="127.0.0.1:1")
    assert not scratch_databases(world)


def test_gaps_and_held_records(make_world):
    """Aborted records, markers at the end, a held unit: the rebuild passes over what was passed over, and is equal."""
    world = make_world([people.unit(f"V{n}", SUPERIOR, 480_000 + 10 * n, 4) for n in range(3)])
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("ALTER TABLE nianshen.unit_review ADD CONSTRAINT bug CHECK (unit <> 'V1')")
    worker = world.worker().start().wait_ready()
    sender = world.client(**{"transactional.id": "verify-gaps"})
    sender.producer.init_transactions()
    for is_aborted in (False, True, False, True):
        sender.producer.begin_transaction()
        for n in range(3):
            review = events.unit_review(f"V{n}", YEAR)
            sender.send(review, *events.submission(f"V{n}", YEAR, review.id, {}))
        sender.producer.abort_transaction() if is_aborted else sender.producer.commit_transaction()
    eventually(lambda: world.sql("SELECT count(*) FROM nianshen.ledger") == [(12,)], "all that was committed to be consumed")
    worker.stop()
    held = world.sql("SELECT count(*) FROM nianshen.ledger WHERE kind = 'held'")[0][0]
    assert held >= 2, "a submission may have been taken before its unit was held; the unit reviews are not"
    verify(world).expect(0, says=f"{12 - held} records were applied again; the state is equal")
