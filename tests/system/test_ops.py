"""nianshen-ops: roster, topics, campaigns, reviewers, digests."""

import csv
import io
import json

import pytest

from conftest import REVIEWERS, SUPERIOR, YEAR
from support import events, people
from support.edition import IS_NEXT, claim_of
from support.people import MEMBER_COLUMNS, csv_text


@pytest.fixture
def units():
    return [people.unit(f"P{n}", SUPERIOR, 440_000 + 10 * n, 5) for n in range(3)]


def load_text(world, members_text, *flags):
    """Loads members from the text of a MEMBERS.csv; the units are known already."""
    units_file, members_file = world.folder / "no-units.csv", world.folder / "rows.csv"
    units_file.write_text(people.units_csv([]), encoding="utf-8")
    members_file.write_text(members_text, encoding="utf-8", newline="")
    return world.ops("roster", "load", "--units", units_file, "--members", members_file, *flags)


def load_rows(world, rows, *flags):
    return load_text(world, csv_text(MEMBER_COLUMNS, rows), *flags)


def row_of(unit, member, /, **changes):
    values = {"unit": unit.code, "member_no": member.member_no, "name": member.name, "gender": member.gender, "id_type": member.id_type,
              "id_number": member.id_number, "id_valid_until": member.id_valid_until, "mobile": member.mobile, **changes}
    return [values[c] for c in MEMBER_COLUMNS]


def export(world, *flags):
    """The exported roster as text; it begins with a BOM, for spreadsheets."""
    text = world.ops("roster", "export", *flags, personal_data=True).expect(0).out
    assert text.startswith("\ufeff")
    return text


def rows_in(text):
    """The rows as a person sees them: the tab that keeps a number a text in a spreadsheet is not seen."""
    return {tuple(cell.rstrip("\t") for cell in row) for row in csv.reader(io.StringIO(text.lstrip("\ufeff")))}


def test_roster_round_trip(make_world, units):
    """What was loaded is what is exported; the export, loaded elsewhere, exports the same again; loaded twice it changes nothing."""
    world, other = make_world(units, campaign=None), make_world(campaign=None)
    exported = export(world)
    assert rows_in(exported) == {tuple(MEMBER_COLUMNS)} | {tuple(row_of(u, m)) for u in units for m in u.members}
    assert rows_in(export(world, "--unit", "P1")) == {tuple(MEMBER_COLUMNS)} | {tuple(row_of(units[1], m)) for m in units[1].members}

    other.load([people.Unit(u.code, u.superior) for u in units]).expect(0)
    load_text(other, exported).expect(0)
    assert export(other) == exported
    load_text(world, exported).expect(0)
    assert world.sql("SELECT count(*) FROM nianshen.membership") == [(15,)]
    assert export(world) == exported


def test_export_is_recorded(make_world, units):
    """Who exported personal data stays on record (PIPL)."""
    world = make_world(units, campaign=None)
    export(world, "--unit", "P1")
    assert ("nianshen_ops", "P1") in world.sql("SELECT who, unit FROM nianshen.audit_log")


def test_refused_rows(make_world, units):
    """Rows that can't be are named with line and reason and the others are loaded; nothing of a refused row is."""
    world = make_world(units, campaign=None)
    known, fresh = units[0].members[0], [people.member(445_000 + n) for n in range(4)]
    done = load_rows(world, [
        row_of(units[0], fresh[0]),  # line 2: fine
        row_of(units[0], fresh[1], unit="NOBODY"),  # 3
        row_of(units[0], fresh[1], id_number=known.id_number),  # 4: two members of a unit with one number
        row_of(units[0], known, id_number=fresh[2].id_number),  # 5: another number without --correct
        row_of(units[1], fresh[3], id_number=""),  # 6
    ])
    shared = f"also that of member {known.member_no}"
    done.expect(65, says=["unit is not loaded", shared, "differs from the roster", "--correct", "ID number is missing"])
    for line in (3, 4, 5, 6):
        assert str(line) in done.out + done.err, done
    assert fresh[0].id_number in world.members("P0")
    assert known.id_number in world.members("P0") and fresh[2].id_number not in world.members("P0")
    load_rows(world, [row_of(units[0], known, id_number=fresh[2].id_number)], "--correct").expect(0)
    assert known.id_number not in world.members("P0") and fresh[2].id_number in world.members("P0")


def test_file_that_can_not_be(make_world, units):
    """A cell that is no value of its column, or a column that is missing, refuses the file before anything is loaded, with row and column."""
    world = make_world(units, campaign=None)
    fresh = people.member(445_010)
    load_rows(world, [row_of(units[0], fresh), row_of(units[1], fresh, gender="X")]).expect(65, says=["3", "gender", "M F"])
    load_text(world, "unit,member_no\r\nP0,1\r\n").expect(65, says="id_number")
    assert fresh.id_number not in world.members("P0")


def remove_one(world, unit, failing):
    """The whole way of a review that removes one member."""
    review = events.unit_review(unit.code, YEAR)
    chunks = events.submission(unit.code, YEAR, review.id, {failing.id_number: "left"})
    world.client().send(review, *chunks)
    world.run_until_end().expect(0)
    state = world.state(chunks[0].data["submission"])
    world.client().send(events.approved(unit.code, YEAR, state["submission"], state["digest"], SUPERIOR, "R007"))
    world.run_until_end().expect(0)
    assert world.removed(unit.code) == {failing.id_number: "left"}


def test_removed_member_is_skipped_unless_re_enrolled(make_world, units):
    """The same file again does not bring a removed member back, and says so; --re-enrol does, as a new enrolment."""
    world = make_world(units)
    failing = units[0].members[2]
    remove_one(world, units[0], failing)
    done = world.load(units)
    done.expect(0, says=["skipped", "--re-enrol", failing.member_no])
    assert failing.id_number not in world.members("P0")
    world.load(units, "--re-enrol").expect(0)
    assert failing.id_number in world.members("P0")
    assert world.removed("P0") == {failing.id_number: "left"}, "the archive keeps what was"


def test_digest(make_world, units):
    """The state digest is the same after a restart and from whoever asks, differs after a change, and is of the unit asked for."""
    world = make_world(units)
    empty = world.ops("digest").expect(0).line
    world.run_until_end().expect(0)
    assert world.ops("digest").expect(0).line == empty
    others = world.ops("digest", "--unit", "P1", "--year", YEAR).expect(0).line
    remove_one(world, units[0], units[0].members[0])
    changed = world.ops("digest").expect(0).line
    assert changed != empty
    assert world.ops("digest", "--unit", "P1", "--year", YEAR).expect(0).line == others
    world.run_until_end().expect(0)
    assert world.ops("digest").expect(0).line == changed


def test_same_events_give_the_same_digest_in_any_order(make_world, units):
    """Two systems that read the topics in another interleaving (and one of them everything twice) hold the same state."""
    digests = []
    review = events.unit_review("P0", YEAR, id="review-1")
    chunks = events.submission("P0", YEAR, "review-1", {m.id_number: "left" for m in units[0].members[:3]}, chunk_entries=1, submission_id="sub-1")
    for order in ([review, *chunks], [*chunks, review], [chunks[1], review, chunks[0], chunks[2], review, *chunks]):
        world = make_world(units)
        for event in order:
            world.client().send(event)
            if order[0] is chunks[1]:
                continue
            world.run_until_end().expect(0)
        world.run_until_end().expect(0)
        # The submission's own digest is salted per campaign; the failing entries and states are what must agree.
        digests.append(world.sql("SELECT state, listed, passed, failed FROM nianshen.review_status"))
        assert digests[-1] == [("pending", 5, 2, 3)]
    assert len(set(map(str, digests))) == 1


def test_topics(make_world):
    """create makes what the contract asks, says what is there already, and check finds nothing wrong (one broker: a warning)."""
    world = make_world(campaign=None, topics=False)
    world.ops("topics", "create", "--partitions", 4, "--replication-factor", 1).expect(0, says=[f"{world.prefix}unit-review"])
    world.ops("topics", "create", "--partitions", 4, "--replication-factor", 1).expect(0)
    world.ops("topics", "check").expect(0, says="replication")


def test_campaigns(make_world, units):
    """Opened once, extended, closed for good; what comes after the end is refused, and the next year can be opened."""
    world = make_world(units, campaign=None)
    world.ops("reviewer", "add", "--reviewer", "R1", "--superior", SUPERIOR, "--name", "王审核").expect(0)
    world.ops("campaign", "open", "--year", YEAR, "--until", "2099-12-31").expect(0)
    world.ops("campaign", "extend", "--year", YEAR, "--until", "2100-01-31").expect(0)
    shown = json.loads(world.ops("campaign", "list", "--json").expect(0).out)
    assert [(c["year"], c["state"]) for c in shown] == [(YEAR, "open")]
    world.ops("campaign", "close", "--year", YEAR).expect(0)
    late = events.unit_review("P0", YEAR)
    world.client().send(late)
    world.run_until_end().expect(0)
    refused = world.outcomes.wait("P0", "unit-review.rejected", unit_review=late.id)
    assert [e["code"] for e in refused.data["errors"]] == ["campaign-closed"]
    world.ops("campaign", "close", "--year", YEAR).expect(65, says="closed")
    world.ops("campaign", "open", "--year", YEAR + 1).expect(0)


def test_enrolled_after_the_opening(make_world, units):
    """A member who joined after the opening is not part of the campaign: naming them is an error, leaving them out is none."""
    world = make_world(units)
    late = people.member(446_000)
    load_rows(world, [row_of(units[0], late)]).expect(0)
    named = events.submission("P0", YEAR, "r", {late.id_number: "left"})
    left_out = events.submission("P0", YEAR, "r", {}, units[0].id_numbers)
    world.client().send(events.unit_review("P0", YEAR, id="r"), *named, *left_out)
    world.run_until_end().expect(0)
    rejected = world.outcomes.wait("P0", "member-review.rejected", causation=named[0].id).data
    assert [e["code"] for e in rejected["errors"]] == ["not-in-campaign"]
    pending = world.outcomes.wait("P0", "member-review.pending", causation=left_out[0].id).data
    assert pending["listed"] == 5


def test_reviewers(make_world, units):
    """Added, listed, removed; who is removed no longer decides."""
    world = make_world(units)
    listed = json.loads(world.ops("reviewer", "list", "--json").expect(0).out)
    assert {(r["reviewer"], r["superior"]) for r in listed} == set(REVIEWERS)
    world.client().send(events.unit_review("P0", YEAR, id="r"), *events.submission("P0", YEAR, "r", {}, submission_id="s"))
    world.run_until_end().expect(0)
    world.ops("reviewer", "remove", "--reviewer", "R007", "--superior", SUPERIOR).expect(0)
    decision = events.approved("P0", YEAR, "s", world.state("s")["digest"], SUPERIOR, "R007")
    world.client().send(decision)
    world.run_until_end().expect(0)
    assert world.outcomes.wait("P0", "decision.rejected", causation=decision.id).data["code"] == "unknown-reviewer"


def test_ends_that_the_broker_does_not_tell(make_world):
    """Of one partition: all others show what the broker says. Of none: all show what the worker saw last."""
    world = make_world([people.unit("P0", SUPERIOR, 470_000, 4)])
    world.client().send(events.unit_review("P0", YEAR))
    world.run_until_end().expect(0)
    of_unit = ("unit-review", world.partition_of("P0"))
    world.client().send(events.unit_review("P0", YEAR))  # No worker has seen it.
    world.sql(*claim_of([("approval", 900)], "of another broker"))
    # In the second edition a partition number is claimed with all its topics.
    unknown = ["3 are as the worker saw them last", "partition 900"] if IS_NEXT else ["1 are as the worker saw them last", "approval partition 900"]
    for command in ("status", "partition list"):
        told = world.ops(*command.split(), "--json", env={"LC_ALL": "C"}).expect(0, says=unknown)
        ends = {(row["topic"], row["partition"]): row["end"] for row in json.loads(told.out)}
        assert (ends[of_unit], ends["approval", 900]) == (2, None)
        silent = world.ops(*command.split(), "--json", "--kafka-bootstrap=127.0.0.1:1", env={"LC_ALL": "C"}).expect(0, says="Kafka at 127.0.0.1:1 does not tell")
        assert {(row["topic"], row["partition"]): row["end"] for row in json.loads(silent.out)}[of_unit] == (None if IS_NEXT else 1)


def test_lists_as_json_and_as_tables(main, desk):
    """--json is data for programs, and what a person sees has the same rows."""
    submission, _ = desk.pending("身份证号码,不通过原因\r\n" + desk.unit.members[0].id_number + ",退休\r\n")
    listed = json.loads(main.ops("review", "list", "--superior", SUPERIOR, "--state", "pending", "--json").expect(0).out)
    assert submission in {r["submission"] for r in listed}
    main.ops("review", "list", "--state", "pending").expect(0, says=desk.unit.code)
    detail = json.loads(main.ops("review", "show", "--unit", desk.unit.code, "--year", YEAR, "--json").expect(0).out)
    assert people.masked(desk.unit.members[0].id_number) in json.dumps(detail, ensure_ascii=False)
    status = json.loads(main.ops("status", "--json").expect(0).out)
    assert "main-worker" in json.dumps(status)
    main.ops("status").expect(0, says=["main-worker", "member-review"])
