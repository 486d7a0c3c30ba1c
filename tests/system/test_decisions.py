"""Who may decide what, and that each refusal leaves everything as it was."""

import pytest

from conftest import OTHER_SUPERIOR, YEAR
from support import events
from support.desk import Desk, import_file
from support.edition import IS_NEXT


@pytest.fixture
def waiting(main, desk):
    """A desk with a pending submission: (desk, submission id, pending outcome)."""
    submission, pending = desk.pending(import_file({desk.unit.members[0].id_number: "left"}))
    return desk, submission, pending.data["digest"]


def check_untouched(main, desk, submission):
    assert main.state(submission)["state"] == "pending"
    assert main.members(desk.unit.code) == desk.unit.id_numbers


def test_wrong_superior(main, waiting):
    """A registered reviewer of another union is refused, whatever the message claims."""
    desk, submission, digest = waiting
    desk.approve(submission, digest, "--wait", superior=OTHER_SUPERIOR, reviewer="R020").expect(65, says=["wrong-superior", "direct superior"])
    check_untouched(main, desk, submission)


def test_unknown_reviewer(main, waiting):
    """The right superior, but nobody registered there."""
    desk, submission, digest = waiting
    desk.approve(submission, digest, "--wait", reviewer="R999").expect(65, says=["unknown-reviewer"])
    check_untouched(main, desk, submission)


def test_stale_digest(main, waiting):
    """Approving anything else than what was shown is refused, and the right digest still works after it."""
    desk, submission, digest = waiting
    desk.approve(submission, "sha256:" + "0" * 64, "--wait").expect(65, says=["stale-digest"])
    check_untouched(main, desk, submission)
    desk.approve(submission, digest, "--wait").expect(0)


def test_self_review(main, waiting):
    """The submitter is a registered reviewer too, and still can't approve the own submission."""
    desk, submission, digest = waiting
    desk.approve(submission, digest, "--wait", reviewer=desk.clerk).expect(65, says=["self-review"])
    check_untouched(main, desk, submission)


def test_second_decision(main, waiting):
    """What is decided stays decided: a second approval, a return and a withdrawal after it are refused."""
    desk, submission, digest = waiting
    desk.approve(submission, digest, "--wait").expect(0)
    desk.approve(submission, digest, "--wait").expect(65, says=["already-decided"])
    desk.give_back(submission, digest, "太晚了", "--wait").expect(65, says=["already-decided"])
    desk.withdraw(submission, "--wait").expect(65, says=["already-decided"])
    assert main.state(submission)["state"] == "approved"


def test_withdraw_pending(main, waiting):
    """The unit takes its submission back, and the next one is judged."""
    desk, submission, digest = waiting
    desk.withdraw(submission, "--wait").expect(0)
    closed = main.outcomes.wait(desk.unit.code, "member-review.closed", submission=submission).data
    assert closed["how"] == "withdrawn"
    desk.approve(submission, digest, "--wait").expect(65)
    second, pending = desk.pending(import_file({desk.unit.members[1].id_number: "left"}))
    desk.approve(second, pending.data["digest"], "--wait").expect(0)
    assert main.removed(desk.unit.code) == {desk.unit.members[1].id_number: "left"}


def test_withdraw_what_waits(main, desk):
    """A submission whose unit review never comes waits, says so, and can be taken back."""
    done = desk.submit(import_file({desk.unit.members[0].id_number: "left"}), unit_review="never-sent").expect(0)
    submission = done.out.split()[0]
    waiting = main.outcomes.wait(desk.unit.code, "member-review.waiting", submission=submission).data
    assert waiting["code"] == "unit-review-missing" and "withdraw" in waiting["en"]
    desk.withdraw(submission, "--wait").expect(0)
    assert main.state(submission)["state"] == "withdrawn"


def test_withdrawn_before_it_came(main, desk):
    """A withdrawal that is read before its submission counts: the topics' interleaving must not matter."""
    review = events.unit_review(desk.unit.code, YEAR)
    chunks = events.submission(desk.unit.code, YEAR, review.id, {desk.unit.members[0].id_number: "left"})
    submission = chunks[0].data["submission"]
    client = main.client()
    client.send(events.withdrawn(desk.unit.code, YEAR, submission))
    if IS_NEXT:  # it waits for its submission, and says so
        assert main.outcomes.wait(desk.unit.code, "decision.waiting", submission=submission).data["code"] == "submission-unknown"
    else:
        main.outcomes.wait(desk.unit.code, "member-review.closed", submission=submission)
    client.send(review, *chunks)
    main.outcomes.wait(desk.unit.code, "member-review.closed", submission=submission)
    main.outcomes.wait(desk.unit.code, "unit-review.accepted", unit_review=review.id)
    second, pending = Desk(main, desk.unit, YEAR).pending(import_file({}))
    assert main.state(submission)["state"] == "withdrawn"
    assert main.state(second)["state"] == "pending"


def test_second_submission_waits_its_turn(main, waiting):
    """A submission behind a pending one waits, and comes up when the first is returned."""
    desk, first, digest = waiting
    behind = desk.submit(import_file({desk.unit.members[1].id_number: "retired"})).expect(0).out.split()[0]
    assert main.outcomes.wait(desk.unit.code, "member-review.waiting", submission=behind).data["code"] == "behind-earlier"
    desk.give_back(first, digest, "请核对", "--wait").expect(0)
    pending = main.outcomes.wait(desk.unit.code, "member-review.pending", submission=behind).data
    desk.approve(behind, pending["digest"], "--wait").expect(0)
    assert main.removed(desk.unit.code) == {desk.unit.members[1].id_number: "retired"}


def test_return_without_comment(main, waiting):
    """A return must say why: refused before anything is sent."""
    desk, submission, digest = waiting
    desk.decide("return", submission, digest).expect(64, says=["comment"])
    check_untouched(main, desk, submission)


def test_rejected_unit_review(main, desk):
    """A bad mobile is refused at the desk; sent all the same it is rejected with the field's name, and so is what refers to it."""
    refused = main.producer("confirm-unit", *desk.of_unit, "--submitted-by", "c", "--set", "contact_mobile=12345")
    refused.expect(65, says=["contact_mobile", "11"])
    assert refused.out == "", "no id: nothing was sent"
    review = events.unit_review(desk.unit.code, YEAR, {"contact_mobile": "12345"}, source="nianshen-producer")
    main.client().send(review)
    rejected = main.outcomes.wait(desk.unit.code, "unit-review.rejected", unit_review=review.id).data
    assert [(e["code"], e["field"]) for e in rejected["errors"]] == [("profile-mobile", "profile.contact_mobile")]
    desk.submit(import_file({}), "--wait", unit_review=review.id).expect(65, says=["unit-review-rejected"])
