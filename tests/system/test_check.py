"""nianshen-ops check: silent on a live system, and names what was damaged. Which damage each invariant sees is tested in tests/sql/test_check.sql."""

import json

import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.edition import IS_NEXT, query
from support.wait import eventually


@pytest.fixture
def world(make_world):
    return make_world([people.unit(f"V{n}", SUPERIOR, 470_000 + 10 * n, 5) for n in range(3)])


def approve_one(world, unit, worker):
    """The whole way of a review in which two members fail."""
    members = people.unit(unit, SUPERIOR, 470_000 + 10 * int(unit[1:]), 5).members
    review = events.unit_review(unit, YEAR)
    chunks = events.submission(unit, YEAR, review.id, {members[0].id_number: "left", members[1].id_number: "retired"})
    world.client().send(review, *chunks)
    submission = chunks[0].data["submission"]
    pending = world.outcomes.wait(unit, "member-review.pending", submission=submission)
    world.client().send(events.approved(unit, YEAR, submission, pending.data["digest"], SUPERIOR, "R007"))
    world.outcomes.wait(unit, "member-review.completed", submission=submission)


def test_silent_while_workers_go_on(world):
    """Asked again and again while a stream passes, it never cries: each answer is one snapshot."""
    worker = world.worker().start().wait_ready()
    sent = 0
    def stream_passed():
        nonlocal sent
        world.client().send(*[events.unit_review(f"V{n}", YEAR) for n in range(3)])
        sent += 3
        world.ops("check").expect(0)
        return sent >= 30

    eventually(stream_passed, "ten rounds pass", 60, pause=0)
    approve_one(world, "V0", worker)
    done = world.ops("check").expect(0, says=["I1 ", "I11", "all of these hold"])
    assert "I8" not in done.out, "what it can't see it does not claim"
    assert json.loads(world.ops("check", "--json").expect(0).out) == []


def test_names_what_was_damaged(world):
    """Exit 1, the invariant, its sentence, the unit and the row, for people and for programs; at most --limit rows, with the total."""
    worker = world.worker().start().wait_ready()
    approve_one(world, "V0", worker)
    if IS_NEXT:  # the rows of the removed are moved to the archive by and by
        world.ops("settle").expect(0)
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute(query("DELETE FROM nianshen.membership WHERE unit = 'V0' AND member_no IN (SELECT min(member_no) FROM nianshen.member WHERE unit = 'V0')"))
        admin.execute(f"UPDATE {'nianshen_engine.archive' if IS_NEXT else 'nianshen.removed_member'} SET reason = 'deceased'")
    roster = "the memberships of its opening are 4" if IS_NEXT else "the roster of the opening has 4"
    done = world.ops("check").expect(1, says=["V0", roster, "the reason is deceased", "I2 is violated"])
    assert "the reason is deceased, the submission says left" in done.out
    world.ops("check", "--limit", 1).expect(1, says=["the first 1 of 2 are shown"])
    found = json.loads(world.ops("check", "--json").expect(1).out)
    assert {(f["invariant"], f["unit"], f["violations"]) for f in found} == {("I14" if IS_NEXT else "I1", "V0", 1), ("I2", "V0", 2)}
    assert all(f["sentence"] and f["means"] for f in found)
