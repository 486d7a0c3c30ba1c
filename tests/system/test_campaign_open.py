"""Opening a campaign: the packed roster, numbers that are swapped since, what is not applied yet; limits of a unit."""

import datetime
import signal
import subprocess
import time

import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.edition import table
from support.events import Confluent
from support.people import MEMBER_COLUMNS, csv_text
from support.programs import BIN
from support.wait import eventually

BLOCKS = """SELECT unit, year, block, members, first_key = min(first_key) OVER (PARTITION BY unit, year), encode(sha256(content), 'hex')
            FROM nianshen_engine.roster_block ORDER BY unit, year, block"""
CHANGES = "SELECT year, member_no, name, was_name FROM nianshen_engine.roster_change ORDER BY at_ms, member_no"


@pytest.fixture
def units():
    return [people.unit("Q1", SUPERIOR, 450_000, 5), people.unit("Q2", SUPERIOR, 451_000, 12_000)]


def correct(world, unit, numbers, *flags, names=()):
    """Loads rows of these members: {member_no: the ID number it has now}."""
    members, path = {m.member_no: m for m in unit.members}, world.folder / "correct.csv"
    rows = [{**vars(members[no]), "unit": unit.code, "id_number": number, **dict(names).get(no, {})} for no, number in numbers.items()]
    path.write_text(csv_text(MEMBER_COLUMNS, [[row[c] for c in MEMBER_COLUMNS] for row in rows]), encoding="utf-8", newline="")
    return world.ops("roster", "load", "--members", path, *flags)


def dump(world):
    return world.ops("reference", "dump", user="nianshen_owner", personal_data=True).expect(0).out


def test_roster_is_packed_and_restored(make_world, units):
    """The blocks hold everybody who was enrolled at the opening; corrections leave them; a restore makes the same bytes and changes again."""
    world, other = make_world(units), make_world(campaign=None)
    first = units[0].members
    done = world.ops("campaign", "list").expect(0, says="open")
    packed = world.sql(BLOCKS)
    assert [row[:4] for row in packed] == [("Q1", YEAR, 0, 5), ("Q2", YEAR, 0, 5000), ("Q2", YEAR, 1, 5000), ("Q2", YEAR, 2, 2000)], done

    # Two numbers are swapped, and one member has another name; one joins.
    swapped = {first[0].member_no: first[1].id_number, first[1].member_no: first[0].id_number}
    correct(world, units[0], swapped).expect(65, says="also that of member")
    assert world.sql(CHANGES) == []
    correct(world, units[0], swapped, "--correct").expect(0)
    correct(world, units[0], {first[2].member_no: first[2].id_number}, names={first[2].member_no: {"name": "新名"}}).expect(0)
    joined = people.unit("Q1", SUPERIOR, 455_000, 6)
    correct(world, joined, {joined.members[5].member_no: joined.members[5].id_number}).expect(0)
    changes = world.sql(CHANGES)
    assert sorted(changes[:2]) == sorted((YEAR, m.member_no, m.name, m.name) for m in first[:2])
    assert changes[2:] == [(YEAR, first[2].member_no, "新名", first[2].name)]
    assert world.members("Q1") == sorted([m.id_number for m in first] + [joined.members[5].id_number])
    world.ops("check", "--rosters").expect(0, says="rosters")
    assert world.sql(BLOCKS) == packed

    other.ops("reference", "restore", user="nianshen_owner", input=dump(world).encode()).expect(0)
    assert other.sql(BLOCKS) == packed
    assert other.sql(CHANGES) == changes
    other.ops("check", "--rosters").expect(0)

    # The next campaign packs what the roster is then.
    world.run_until_end().expect(0)
    world.ops("campaign", "close", "--year", YEAR).expect(0)
    world.ops("campaign", "open", "--year", YEAR + 1).expect(0, says="12006 members of 2 units")
    world.ops("check", "--rosters").expect(0)
    assert [row for row in world.sql(BLOCKS) if row[1] == YEAR] == packed

    world.sql("UPDATE nianshen_engine.roster_block SET content = content || '\\x00' WHERE unit = 'Q2' AND block = 1 RETURNING 1")
    world.sql("DELETE FROM nianshen_engine.roster_change WHERE name = '新名' RETURNING 1")
    world.ops("check", "--rosters").expect(1, says=["block 1 of the roster differs", "campaign's roster does not know", "beside the programs"])


def test_open_transaction_of_the_last_campaign(make_world, units):
    """What stands in an open transaction may be the last campaign's: the next one does not open before it is committed and applied."""
    world = make_world(units[:1])
    upstream = Confluent(world.stack.broker.bootstrap, world.prefix, **{"transactional.id": world.name})
    upstream.producer.init_transactions(30)
    upstream.producer.begin_transaction()
    partition, _ = upstream.send(events.unit_review("Q1", YEAR))[0]
    world.run_until_end().expect(0)
    world.ops("campaign", "close", "--year", YEAR).expect(0)
    for _ in range(2):
        world.ops("campaign", "open", "--year", YEAR + 1).expect(65, says=["transaction", "unit-review", f"partition {partition}", "abort"])
    world.ops("campaign", "open", "--year", YEAR + 1, env={"LC_ALL": "zh_CN.UTF-8"}).expect(65, says=["事务", "unit-review"])

    upstream.producer.commit_transaction(30)
    eventually(lambda: "not applied yet" in world.ops("campaign", "open", "--year", YEAR + 1).expect(65).err, "the transaction is over")
    world.run_until_end().expect(0)
    world.ops("campaign", "open", "--year", YEAR + 1).expect(0)
    assert world.sql(f"SELECT code FROM {table('unit_review')}") == [(None,)]


def in_seconds(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="seconds")


def test_opening_that_is_waited_for(make_world, units):
    """--from in the future opens then, with the roster of then; an interrupted one leaves nothing behind."""
    world = make_world(units[:1], campaign=None)
    started = time.time()
    command = [BIN / "nianshen-ops", "campaign", "open", "--year", str(YEAR), "--from", in_seconds(600)]
    waiting = subprocess.Popen(command, env=world.env("nianshen_ops"), stderr=subprocess.PIPE)
    assert b"Ctrl-C" in waiting.stderr.readline()
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(10) == -signal.SIGINT
    waiting.stderr.close()
    assert world.sql("SELECT count(*) FROM nianshen.campaign") == [(0,)]

    at = in_seconds(4)
    command[-1] = at
    waiting = subprocess.Popen(command, env=world.env("nianshen_ops"), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert b"Ctrl-C" in waiting.stderr.readline()
    joined = people.unit("Q1", SUPERIOR, 455_000, 6)
    correct(world, joined, {joined.members[5].member_no: joined.members[5].id_number}).expect(0)
    assert waiting.wait(30) == 0, waiting.stderr.read()
    waiting.stderr.close()
    opens = datetime.datetime.fromisoformat(at).timestamp()
    assert started < opens <= world.sql("SELECT opens_ms / 1000.0 FROM nianshen.campaign")[0][0] < time.time()
    assert world.sql("SELECT members FROM nianshen_engine.roster_block") == [(6,)]
    world.ops("check", "--rosters").expect(0)
    world.ops("campaign", "open", "--year", YEAR + 1, "--from", "2020-01-01").expect(65, says="past")


def test_what_a_closing_leaves(make_world, units):
    """Who closes a campaign is told what stays undecided."""
    world = make_world(units[:1])
    review = events.unit_review("Q1", YEAR)
    world.client().send(review, *events.submission("Q1", YEAR, review.id, {}))
    world.run_until_end().expect(0)
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("""INSERT INTO nianshen_engine.decision (unit, year, source, event_id, submission, record_offset, append_ms, content_sha256, kind,
                                                               verdict, is_counted) VALUES ('Q1', %s, 'up', 'd', 's', 0, 0, '', 'approved', 'waiting', true)""",
                      [YEAR])
    world.ops("campaign", "close", "--year", YEAR).expect(0, says=["1 pending", "1 decisions still wait"])


def test_unit_limit(make_world, units):
    """Limits are shown, changed with a reason by whom is noted, and come back with a restore."""
    world, other = make_world(units[:1], campaign=None), make_world(campaign=None)
    limit = ["unit", "limit", "--unit", "Q1"]
    world.ops(*limit).expect(0, says=["submissions", "1000"])
    world.ops(*limit, "--submissions", 5000).expect(64, says="--reason")
    world.ops(*limit, "--reason", "junk").expect(64, says="--submissions")
    world.ops(*limit, "--submissions", 0, "--reason", "junk").expect(64)
    world.ops("unit", "limit", "--unit", "NOBODY").expect(65, says="not loaded")
    world.ops("unit", "limit", "--unit", "NOBODY", "--decisions", 5, "--reason", "x").expect(65, says="not loaded")
    world.ops("unit", "limit", "--unit", "NOBODY", env={"LC_ALL": "zh_CN.UTF-8"}).expect(65, says="尚未加载")
    done = world.ops(*limit, "--submissions", 5000, "--decisions", 7, "--reason", "junk was sent").expect(0)
    assert "5000" in done.out and "7" in done.out
    assert world.sql("SELECT who, detail FROM nianshen.audit_log WHERE action = 'unit-limit' ORDER BY audit") == [
        ("nianshen_ops", "submissions: 5000 instead of 1000; junk was sent"), ("nianshen_ops", "decisions: 7 instead of 1000; junk was sent")]
    world.ops(*limit, "--submissions", 5, "--reason", "x", user="nianshen_reviewer").expect(77)
    other.ops("reference", "restore", user="nianshen_owner", input=dump(world).encode()).expect(0)
    other.ops(*limit).expect(0, says=["5000", "7"])
