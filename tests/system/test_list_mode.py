"""List mode: every member of the roster is listed with a result."""

from conftest import YEAR
from support import events
from support.desk import Desk, list_file
from support.edition import table
from support.people import masked


def test_forgotten_corrected_returned_resubmitted_approved(main, desk):
    """The whole correspondence between a unit and its superior: each answer says what to do, and only the last submission has an effect."""
    unit, failing, forgotten = desk.unit, desk.unit.members[0], desk.unit.members[3]
    desk.confirm("--wait")

    incomplete = list_file(unit, {failing.id_number: "left"}, without=[forgotten.id_number])
    refused = desk.submit(incomplete, "--wait", mode="list").expect(65, says=["not-listed", forgotten.member_no, masked(forgotten.id_number)])
    rejected = main.outcomes.wait(unit.code, "member-review.rejected", submission=refused.out.split()[0]).data
    assert (rejected["code"], rejected["errors_total"]) == ("row-errors", 1)
    assert [(e["code"], e["member_no"], e["chunk"], e["list"]) for e in rejected["errors"]] == [("not-listed", forgotten.member_no, None, None)]

    complete = list_file(unit, {failing.id_number: "left"})
    second, pending = desk.pending(complete, mode="list")
    desk.give_back(second, pending.data["digest"], "请核对离职原因", "--wait").expect(0, says=["请核对离职原因"])
    closed = main.outcomes.wait(unit.code, "member-review.closed", submission=second).data
    assert (closed["how"], closed["comment"]) == ("returned", "请核对离职原因")
    assert main.members(unit.code) == unit.id_numbers

    third, pending = desk.pending(list_file(unit, {failing.id_number: "retired"}), mode="list")
    desk.approve(third, pending.data["digest"], "--wait").expect(0)
    assert main.members(unit.code) == [n for n in unit.id_numbers if n != failing.id_number]
    assert main.removed(unit.code) == {failing.id_number: "retired"}
    assert [main.state(s)["state"] for s in (rejected["submission"], second, third)] == ["rejected", "returned", "approved"]


def test_nobody_fails(main, desk):
    """A unit all of whose members pass submits a list without a failure; the approval removes nobody."""
    submission, pending = desk.pending(list_file(desk.unit, {}), mode="list")
    assert (pending.data["listed"], pending.data["passed"], pending.data["failed"], pending.data["reasons"]) == (6, 6, 0, {})
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)
    assert main.members(desk.unit.code) == desk.unit.id_numbers


def test_empty_import(main, desk):
    """Import mode without a failing member is one chunk without entries, and everybody passes."""
    submission, pending = desk.pending("身份证号码,不通过原因\r\n")
    assert (pending.data["listed"], pending.data["passed"], pending.data["failed"]) == (6, 6, 0)
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)


def test_many_chunks(main, take):
    """A roster of 12,000 is sent in several chunks; a member forgotten in the middle is named, and the complete list is taken."""
    desk = Desk(main, take("large"), YEAR)
    desk.confirm()
    numbers = desk.unit.id_numbers
    forgotten = next(m for m in desk.unit.members if m.id_number == numbers[6000])
    failing = {numbers[0]: "left", numbers[4999]: "retired", numbers[5000]: "deceased", numbers[11_999]: "retired"}

    incomplete = list_file(desk.unit, failing, without=[forgotten.id_number])
    desk.submit(incomplete, "--wait", mode="list").expect(65, says=["not-listed", forgotten.member_no])
    submission, pending = desk.pending(list_file(desk.unit, failing), mode="list")
    assert (pending.data["listed"], pending.data["failed"]) == (12_000, 4)
    assert pending.data["reasons"] == {"left": 1, "retired": 2, "deceased": 1}
    received = main.sql(f"SELECT chunks FROM {table('submission')} WHERE submission = %s", [submission])
    assert received[0][0] >= 3, "at most 5000 entries a chunk"
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)
    assert main.removed(desk.unit.code) == failing
    assert len(main.members(desk.unit.code)) == 11_996


def test_boundary_members_forgotten(main, take):
    """Members forgotten before the first, between two chunks and after the last are all found, in whatever order the chunks come."""
    unit = take("medium")
    numbers = unit.id_numbers
    missing = [numbers[0], numbers[20], numbers[59]]
    review = events.unit_review(unit.code, YEAR)
    chunks = events.submission(unit.code, YEAR, review.id, {}, [n for n in numbers if n not in missing], chunk_entries=19)
    assert len(chunks) == 3
    main.client().send(review, chunks[2], chunks[0], chunks[1])
    rejected = main.outcomes.wait(unit.code, "member-review.rejected", causation=chunks[1].id).data
    by_no = {m.id_number: m.member_no for m in unit.members}
    assert sorted(e["member_no"] for e in rejected["errors"]) == sorted(by_no[n] for n in missing)
    assert {e["code"] for e in rejected["errors"]} == {"not-listed"}
