"""The manual's own example (unit 002 and its two members), from the CSV file to the archive."""

import pytest

from conftest import YEAR
from support.desk import Desk, import_file
from support.people import Member, Unit, masked, member

RETIRED, DECEASED = "211011196605229673", "432500197707302784"


@pytest.fixture(scope="module")
def unit():
    """The manual's members among a few others; the names are invented."""
    named = [
        Member("13663", "王建国", "M", RETIRED, "15265784521", "2024-12-01"),
        Member("13664", "李丽华", "F", DECEASED, "15265784523", "2024-12-01"),
    ]
    return Unit("002", "001", named + [member(400_000 + n) for n in range(3)], "示例单位002工会", "18163508456")


@pytest.fixture
def world(make_world, unit):
    world = make_world([unit], reviewers=[("R007", "001"), ("R009", "003")])
    world.worker().start().wait_ready()
    return world


def test_from_file_to_archive(world, unit):
    """Each step has the outcome the contract names, and the end is what the manual says: both gone from the unit, archived with their reasons."""
    desk = Desk(world, unit, YEAR)
    accepted = desk.confirm("--wait", contact_mobile="18163508457").expect(0)
    assert accepted.line == desk.unit_review
    world.outcomes.wait("002", "unit-review.accepted", unit_review=desk.unit_review)

    submission, pending = desk.pending(import_file({RETIRED: "retired", DECEASED: "deceased"}))
    assert (pending.data["listed"], pending.data["passed"], pending.data["failed"]) == (5, 3, 2)
    assert pending.data["reasons"] == {"retired": 1, "deceased": 1}
    check_detail(world, submission)
    check_status(world, submission, pending.data["digest"])
    assert world.sql("SELECT contact_mobile FROM nianshen.unit WHERE unit = '002'", user="nianshen_ops") == [("18163508456",)], (
        "the profile changes with the approval, not before"
    )

    desk.approve(submission, pending.data["digest"], "--wait", superior="003", reviewer="R009").expect(65, says=["wrong-superior"])
    assert world.state(submission)["state"] == "pending"
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)
    completed = world.outcomes.wait("002", "member-review.completed", submission=submission).data
    assert (completed["listed"], completed["passed"], completed["removed_total"], completed["already_gone"]) == (5, 3, 2, 0)
    assert completed["removed"] == {"retired": 1, "deceased": 1}

    assert world.members("002") == sorted(m.id_number for m in unit.members[2:])
    assert world.removed("002") == {RETIRED: "retired", DECEASED: "deceased"}
    assert world.sql("SELECT contact_mobile FROM nianshen.unit WHERE unit = '002'", user="nianshen_ops") == [("18163508457",)]

    again = desk.submit(import_file({unit.members[2].id_number: "left"}), "--wait")
    again.expect(65, says=["already-reviewed"])
    assert world.members("002") == sorted(m.id_number for m in unit.members[2:])
    world.ops("review", "list", "--superior", "001").expect(0, says=["002", "approved", "rejected"])


def check_detail(world, submission):
    """The superior's table has the manual's columns, with numbers masked."""
    columns = "member_no, name, gender, id_type, id_number_masked, id_valid_until::text, mobile_masked, reason, reason_zh"
    rows = world.sql(
        f"SELECT {columns}, age FROM nianshen.review_detail WHERE submission = %s ORDER BY member_no", [submission], "nianshen_reviewer"
    )
    assert [row[:-1] for row in rows] == [
        ("13663", "王建国", "M", "resident", masked(RETIRED), "2024-12-01", rows[0][6], "retired", "退休"),
        ("13664", "李丽华", "F", "resident", masked(DECEASED), "2024-12-01", rows[1][6], "deceased", "死亡"),
    ]
    for row, (mobile, born) in zip(rows, [("15265784521", 1966), ("15265784523", 1977)]):
        assert "*" in row[6] and row[6][:3] == mobile[:3] and row[6] != mobile
        opened = world.sql("SELECT to_char(to_timestamp(opens_ms / 1000.0), 'YYYY')::int FROM nianshen.campaign")[0][0]
        assert row[-1] in (opened - born, opened - born - 1), "age in full years"
    shown = world.ops("review", "show", "--unit", "002", "--year", YEAR).expect(0, says=["13663", "王建国", "retired", masked(RETIRED), "13664"])
    assert DECEASED not in shown.out


def check_status(world, submission, digest):
    """review_status has the columns of the contract, one row a submission."""
    row = world.state(submission)
    wanted = {"unit": "002", "year": YEAR, "submission": submission, "state": "pending", "code": None, "digest": digest,
              "listed": 5, "passed": 3, "failed": 2, "submitted_by": "clerk-17", "mode": "import", "decided_at": None}
    assert {name: row[name] for name in wanted} == wanted
    assert row.keys() >= {"completed_ms", "unit_name", "superior"}, "columns may be added, none goes"
    assert world.sql("SELECT count(*) FROM nianshen.review_status") == [(1,)]
