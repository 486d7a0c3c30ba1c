"""Reference data is dumped and restored: from it and the topics alone the lost state comes back."""

import pytest

from support.books import check_ledger, verdicts_once, wait_all_consumed
from support.campaign import PARTS, YEAR, Campaign
from support.edition import IS_NEXT, LEDGER, table
from support.programs import IS_RELEASE

UNITS = 2000 if IS_RELEASE else 2 * len(PARTS)  # a multiple of the parts that they play


@pytest.fixture(scope="module")
def played(stack):
    """A world in which a whole eventful campaign was played, of 2,000 units with the released programs; its worker has ended."""
    world = stack.world("reference")
    worker = world.worker().start().wait_ready()
    Campaign(world, UNITS).play()
    assert worker.stop() == 0
    yield world
    world.close()


@pytest.fixture(scope="module")
def dump(played):
    done = played.ops("reference", "dump", user="nianshen_owner", personal_data=True).expect(0)
    assert "full ID numbers" in done.err
    return done.out


def restore(world, dump, expect=0, says=()):
    return world.ops("reference", "restore", user="nianshen_owner", input=dump.encode()).expect(expect, says=says)


def history(world):
    return world.sql("SELECT topic, partition, record_offset, state, who, reason, new_offset FROM nianshen.dead_letter_history ORDER BY action_id")


def test_everything_happened(played):
    """The campaign has what a rebuild must get right."""
    states = {state for (state,) in played.sql(f"SELECT DISTINCT state FROM {table('submission')}")}
    assert states == {"approved", "returned", "withdrawn", "rejected", "waiting"}
    codes = {code for (code,) in played.sql(f"SELECT DISTINCT code FROM {table('decision')} WHERE verdict = 'rejected'")}
    assert codes == {"unknown-reviewer", "wrong-superior"} | ({"roster-changed"} if IS_NEXT else set())
    kinds = {kind for (kind,) in played.sql(f"SELECT DISTINCT kind FROM {LEDGER} l")}
    assert kinds == {"applied", "duplicate", "dead-letter"}
    states = [state for *_, state, _, _, _ in history(played)]
    assert states == ["redriven"] + ["discarded"] * (UNITS // len(PARTS))
    again = "SELECT count(*) FROM nianshen.member m JOIN nianshen.removed_member r ON r.unit = m.unit AND r.id_key = m.id_key"
    assert played.sql(again) == [(3 * (UNITS // len(PARTS) + 1),)], "the units of the early ones, and the one that was held"


def test_lost_database(played, dump):
    """Dump, drop, migrate, restore, a worker started from nothing: the digest is the lost one, check is clean, operators' history is there."""
    digest, actions = played.ops("digest").expect(0).line, history(played)
    if not IS_NEXT:  # verify does not know the second edition's tables yet
        played.ops("verify", "--year", YEAR, user="nianshen").expect(0, says="the state is equal")
    answers = verdicts_once(played)
    played.lose_database()
    restore(played, dump)
    assert played.ops("digest").expect(0).line != digest, "the approvals come from the topics"
    played.run_until_end().expect(0)
    assert played.ops("digest").expect(0).line == digest
    played.ops("check").expect(0)
    wait_all_consumed(played)
    check_ledger(played)
    assert history(played) == actions
    assert verdicts_once(played) == answers, "what is published again has the ids and the bytes of the first time"
    audit = [action for (action,) in played.sql("SELECT action FROM nianshen.audit_log ORDER BY audit")]
    assert audit.count("reference-dump") == 1 and audit[-1] == "reference-restore"

    # And on: the restored system takes what comes next, and its dump is the same again.
    again = played.ops("reference", "dump", user="nianshen_owner", personal_data=True).expect(0).out
    without = [line for line in again.splitlines() if not line.startswith("end\t") and "\treference-" not in line]
    assert sorted(without) == sorted(line for line in dump.splitlines() if not line.startswith("end\t") and "\treference-" not in line)
    played.ops("campaign", "close", "--year", YEAR).expect(0)


def damaged(dump):
    lines = dump.splitlines(keepends=True)
    place = next(n for n, line in enumerate(lines) if line.startswith("section\tmembership"))
    yield "cut off in a row", dump[: len(dump) // 2], 65, "cut off"
    yield "cut off behind a row", "".join(lines[: place + 3]), 65, "cut off"
    yield "without its end", "".join(lines[:-1]), 65, "cut off"
    yield "a row less", "".join(lines[: place + 1] + lines[place + 2:]), 65, "sha-256"
    yield "a row altered", "".join(lines[: place + 1] + [lines[place + 1].replace("2034", "2035")] + lines[place + 2:]), 65, "sha-256"
    yield "a section less", "".join(lines[: place] + lines[place + 1:]), 65, "section"
    yield "of another format", dump.replace("nianshen-reference\t2", "nianshen-reference\t99", 1), 65, "format 99"
    yield "something else", "unit,name\r\n", 65, "no reference dump"
    yield "empty", "", 65, "cut off"
    yield "with more behind it", dump + "x\n", 65, "follows"


def test_damaged_dump(make_world, dump):
    """A dump that was cut off or altered is refused as a whole, and says where; the database stays as empty as it was."""
    world = make_world(campaign=None)
    for what, text, status, says in damaged(dump):
        done = restore(world, text, status, says)
        assert world.sql("SELECT count(*) FROM nianshen.membership") == [(0,)], f"{what}\n{done}"
    restore(world, dump)


def test_restore_only_into_a_fresh_database(played, dump, make_world):
    """Where something stands already, or a worker was, nothing is restored; and it takes the owner's rights."""
    restore(played, dump, 65, ["not empty", "new database"])
    started = make_world(campaign=None)
    started.run_until_end().expect(0)
    restore(started, dump, 65, ["worker was started"])
    played.ops("reference", "restore", input=dump.encode()).expect(77, says="nianshen_owner")
    played.ops("reference", "dump").expect(77, says="nianshen_owner")
