"""Codes that no other test's story needs, each produced by the programs: bad rows, warnings, files and rosters as offices send them."""

import dataclasses
import json

import pytest

from conftest import REVIEWERS, SUPERIOR, YEAR
from support import events, people
from support.desk import Desk, list_file
from support.people import csv_text, id_number

STRANGER = id_number(490_000)


def number(seventeen):
    return seventeen + people.check_character(seventeen)


def number_of_zeros():
    """A well-formed number that ends in 000."""
    return next(n for n in (number(f"1101011980{month:02d}{day:02d}100") for month in range(1, 13) for day in range(1, 29)) if n[17] == "0")


# ---- what is wrong with an entry ----

BAD_NUMBERS = {
    "id-missing": "",
    "id-length": "11010119900307",
    "id-characters": "11010119900307#015",
    "id-letter": "1101O1199003070015",
    "id-province": number("10010119900307101"),
    "id-date": number("11010119900230101"),
    "id-future": number("11010120990101101"),
    "id-age": number("11010118500101101"),
    "id-check": id_number(490_001)[:17] + ("1" if id_number(490_001)[17] != "1" else "2"),
    "id-spreadsheet": "4.32500197707303E+17",
    "id-manual": "110101550101997",
    "not-on-roster": STRANGER,
}


def rejected(world, unit, data):
    """The findings of a submission of one chunk in list mode with these lists, by their code: the first of each."""
    review = events.unit_review(unit.code, YEAR)
    chunk = events.submission(unit.code, YEAR, review.id, {}, passed=[])[0]
    chunk.data.update(data)
    world.client().send(review, chunk)
    outcome = world.outcomes.wait(unit.code, "member-review.rejected", causation=chunk.id)
    return {finding["code"]: finding for finding in reversed(outcome.data["errors"])}, outcome


def test_bad_entries(main, take):
    """Each kind of bad entry is named by its list, its index and its own code, all in one answer."""
    unit = take()
    members = unit.id_numbers
    rows = sorted([(n, "left", code) for code, n in BAD_NUMBERS.items()] + [(members[0], None, "missing-reason"), (members[1], "病假", "unknown-reason")])
    failed = [{"id_number": n, **({"reason": reason} if reason else {})} for n, reason, _ in rows]
    passed = [members[2], members[3], members[3]]
    found, outcome = rejected(main, unit, {"failed": failed, "passed": passed, "entries_total": len(failed) + len(passed)})
    for index, (_, _, code) in enumerate(rows):
        assert (found[code]["list"], found[code]["index"]) == ("failed", index), found[code]
    assert (found["listed-twice"]["list"], found["listed-twice"]["index"]) == ("passed", 2)
    assert found["not-listed"]["list"] is None
    assert outcome.data["code"] == "row-errors"


def test_wrong_as_a_whole(main, take):
    """Entries out of order, and a total that is another."""
    unit = take()
    found, _ = rejected(main, unit, {"passed": unit.id_numbers[::-1], "entries_total": len(unit.members)})
    assert found["not-sorted"]["index"] == 1
    found, _ = rejected(main, take(), {"entries_total": 7})
    assert "total-mismatch" in found


def test_once_a_year(main, desk):
    """A second submission after the approval, by any client."""
    submission, pending = desk.pending(list_file(desk.unit, {}), mode="list")
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)
    unit = desk.unit.code
    again = events.submission(unit, YEAR, desk.unit_review, {}, source="nianshen-producer")[0]
    main.client().send(again)
    assert main.outcomes.wait(unit, "member-review.rejected", causation=again.id).data["code"] == "already-reviewed"


# ---- what a reviewer is told about an entry ----

WARNED = {  # as the roster has it, and as it is sent
    "id-normalised": (id_number(490_010), f" {id_number(490_010)} "),
    "id-upgraded": (number("11010119550101321"), "110101550101321"),
    "id-sequence": (number("11010119800101000"),) * 2,
    "id-trailing-zeros": (number_of_zeros(),) * 2,
    "id-unusual-age": (number("11010119150101101"),) * 2,
    "id-taiwan-region": (number("71000019800101101"),) * 2,
    "id-region": (number("11990119800101101"),) * 2,
    "id-country": (number("91100119800101101"),) * 2,
    "roster-malformed": ("NO-NUMBER-7",) * 2,
    "retired-early": (number("11010119700101101"),) * 2,
}


def test_warnings(make_world):
    """What is only doubtful does not stop a submission: the reviewer is told, entry by entry."""
    unit = people.unit("WARNED", SUPERIOR, 490_020, len(WARNED))
    unit.members = [dataclasses.replace(m, id_number=n) for m, (n, _) in zip(unit.members, WARNED.values())]
    world = make_world([unit], REVIEWERS)
    review = events.unit_review(unit.code, YEAR)
    rows = sorted(WARNED.items(), key=lambda row: row[1][0])
    chunk = events.submission(unit.code, YEAR, review.id, {})[0]
    chunk.data.update(failed=[{"id_number": sent, "reason": "retired" if code == "retired-early" else "left"} for code, (_, sent) in rows], entries_total=len(rows))
    world.client().send(review, chunk)
    world.run_until_end().expect(0)
    world.outcomes.drain()
    outcome = world.outcomes.records[-1]
    assert outcome.kind == "member-review.pending", outcome
    found = {finding["code"] for finding in outcome.data["warnings"]}
    assert found == WARNED.keys()


# ---- the unit's profile ----

@pytest.mark.parametrize("code, profile", [
    ("profile-name", {"name": ""}),
    ("profile-credit-code", {"credit_code": "91"}),
    ("profile-text", {"address": "a\u0007"}),
    ("profile-mobile", {"contact_mobile": "12345"}),
])
def test_profile(code, profile, main, take):
    """A field that is not valid is named; what refers to that unit review is rejected with it."""
    unit = take()
    review = events.unit_review(unit.code, YEAR, profile)
    chunk = events.submission(unit.code, YEAR, review.id, {})[0]
    main.client().send(review, chunk)
    errors = main.outcomes.wait(unit.code, "unit-review.rejected", unit_review=review.id).data["errors"]
    assert [e["code"] for e in errors] == [code]
    assert main.outcomes.wait(unit.code, "member-review.rejected", causation=chunk.id).data["code"] == "unit-review-rejected"


def test_credit_code_in_another_form(main, take):
    """A credit code in small letters is taken, and the unit is told how it was read."""
    unit = take()
    review = events.unit_review(unit.code, YEAR, {"credit_code": "91350100m000100y43"})
    main.client().send(review)
    warnings = main.outcomes.wait(unit.code, "unit-review.accepted", unit_review=review.id).data["warnings"]
    assert [w["code"] for w in warnings] == ["credit-code-normalised"]


def test_landline(main, take):
    """A contact's landline is taken, and the unit is told that it is no mobile."""
    unit = take()
    review = events.unit_review(unit.code, YEAR, {"contact_mobile": "+86 755 12345678"})
    main.client().send(review)
    warnings = main.outcomes.wait(unit.code, "unit-review.accepted", unit_review=review.id).data["warnings"]
    assert [(w["code"], w["field"]) for w in warnings] == [("contact-landline", "profile.contact_mobile")]


# ---- rosters ----

def test_rows_of_a_roster(make_world):
    """Each row that a load can't take is named with its code; the others are loaded."""
    known = people.unit("ROSTER", SUPERIOR, 490_100, 4)
    world = make_world([known], REVIEWERS)
    first, second, third, _ = known.members
    new = people.member(490_110)
    rows = [
        dataclasses.replace(first, id_number=id_number(490_120)),  # id-differs
        dataclasses.replace(new, id_number=third.id_number),  # id-shared
        second, second,  # member-twice
        people.member(490_111),
    ]
    unknown = people.Unit("NOWHERE", SUPERIOR, [people.member(490_112)])
    units_file, members_file = world.folder / "units.csv", world.folder / "members.csv"
    units_file.write_text(people.units_csv([known, known]), encoding="utf-8")
    members_file.write_text(people.members_csv([people.Unit("ROSTER", SUPERIOR, rows), unknown]), encoding="utf-8")
    codes = ["unit-twice", "id-differs", "id-shared", "member-twice", "unit-not-loaded"]
    world.ops("roster", "load", "--units", units_file, "--members", members_file).expect(65, says=codes)
    assert world.members("ROSTER") == sorted([*known.id_numbers, id_number(490_111)])


# ---- files of clerks ----

GOOD = id_number(490_030)
FILES = {
    "empty-file": ("import", ""),
    "not-csv": ("import", b"PK\x03\x04" + b"\x00" * 100),
    "not-comma": ("import", f"身份证号码|不通过原因\r\n{GOOD}|退休\r\n"),
    "header-missing": ("import", csv_text(["姓名", "不通过原因"], [["王", "退休"]])),
    "header-twice": ("import", csv_text(["身份证号码", "身份证号", "不通过原因"], [[GOOD, GOOD, "退休"]])),
    "mode-mismatch": ("import", csv_text(["身份证号码", "年审结果", "不通过原因"], [[GOOD, "不通过", "退休"]])),
    "no-rows": ("list", csv_text(["身份证号码", "年审结果", "不通过原因"], [])),
    "result-missing": ("list", csv_text(["身份证号码", "年审结果", "不通过原因"], [[GOOD, "", ""]])),
    "result-not-known": ("list", csv_text(["身份证号码", "年审结果", "不通过原因"], [[GOOD, "也许", ""]])),
    "result-contradicts": ("list", csv_text(["身份证号码", "年审结果", "不通过原因"], [[GOOD, "通过", "退休"]])),
    "csv-quoting": ("import", f'身份证号码,不通过原因\r\n{GOOD},"退休\r\n'),
    "not-text": ("import", f"身份证号码,不通过原因\r\n{GOOD},".encode() + b"\xff\xff\r\n"),
    "csv-limit": ("import", csv_text(["身份证号码", "不通过原因", *["x"] * 100], [])),
}


def submit_file(world, path, mode, *flags):
    of_unit = ["--unit", "ANY", "--year", YEAR, "--unit-review", "x", "--submitted-by", "c"]
    return world.producer("submit", *of_unit, "--mode", mode, "--dry-run", *flags, path)


@pytest.mark.parametrize("code", FILES)
def test_file(code, main, tmp_path):
    """A file that can not be read as one of members is refused with its code."""
    mode, content = FILES[code]
    path = tmp_path / "review.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    submit_file(main, path, mode).expect(65, says=f"[{code}]")


def test_file_of_five_gigabytes(main, tmp_path):
    """A file that is too large is refused before it is read."""
    path = tmp_path / "review.csv"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    submit_file(main, path, "import").expect(65, says="[csv-file-limit]")


def test_malformed_number_let_through(main, tmp_path):
    """--allow-malformed is a warning by the row instead of an error."""
    path = tmp_path / "review.csv"
    path.write_text(csv_text(["身份证号码", "不通过原因"], [["NO-NUMBER-7", "退休"]]))
    submit_file(main, path, "import", "--allow-malformed").expect(0, says="[malformed-allowed]")


def test_name_with_a_control_character(main, tmp_path):
    """A name that no event may hold is found before anything is sent."""
    path = tmp_path / "review.csv"
    path.write_text(csv_text(["身份证号码", "姓名", "不通过原因"], [[people.id_number(1), "王\x01五", "退休"]]))
    submit_file(main, path, "import").expect(65, says="[name-text]")


def test_no_broker(main, take):
    """An absent broker is told from bad data."""
    nobody = {"NIANSHEN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    flags = ["--unit", take().code, "--year", YEAR, "--submitted-by", "c"]
    main.producer("confirm-unit", *flags, env=nobody).expect(69, says="[broker-away]")


def test_bad_events(main, tmp_path):
    """publish sends nothing of a file with one bad event."""
    path = tmp_path / "events.ndjson"
    path.write_bytes(events.unit_review("ANY", YEAR).structured()[1] + b"\n{}\n")
    main.producer("publish", path).expect(65, says="[bad-events]")
