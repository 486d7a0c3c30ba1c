"""nianshen-producer: files in, events out, answers with the file's own rows."""

import pytest
from conftest import SUPERIOR, YEAR
from support import events, people
from support.desk import Desk, import_file, list_file
from support.edition import LEDGER, table
from support.people import check_character, csv_text, id_number, masked


def test_template_round_trip(main, desk):
    """The printed template, its example row replaced, is accepted as it is; with the example row left in, that row is refused."""
    filled = {
        "import": [{"不通过原因": "退休"}],
        "list": [{"年审结果": "通过"}, {"年审结果": "不通过", "不通过原因": "退休"}],
    }
    for mode, rows in filled.items():
        # The example row holds a number that nobody has: its check character is wrong.
        template = main.producer("template", "--mode", mode, personal_data=True).expect(0).out.lstrip("\ufeff")
        columns = template.splitlines()[0].split(",")
        cells = [{"身份证号码": m.id_number, **row} for m, row in zip(desk.unit.members, rows)]
        text = csv_text(columns, [[cell.get(column, "") for column in columns] for cell in cells])
        flags = [*desk.of_unit, "--unit-review", "x", "--mode", mode, "--submitted-by", "c", "--dry-run"]
        main.producer("submit", *flags, desk.file("\ufeff" + text, f"{mode}.csv")).expect(0)
        main.producer("submit", *flags, desk.file(template, f"{mode}-example.csv")).expect(65, says="id-check")


def test_wait_names_the_files_rows(main, desk):
    """What the worker refuses is told by the rows of the clerk's own file, though the submission was sorted for sending."""
    desk.confirm("--wait")
    stranger = id_number(470_000)
    numbers = sorted([m.id_number for m in desk.unit.members[:3]] + [stranger], reverse=True)
    row = numbers.index(stranger) + 2  # the header is row 1
    done = desk.submit(import_file([(n, "left") for n in numbers]), "--wait").expect(65, says=["not-on-roster", masked(stranger)])
    assert any("not-on-roster" in line and str(row) in line.replace(masked(stranger), "") for line in done.err.splitlines()), done


def test_report_of_what_the_worker_refuses(main, desk, tmp_path):
    """What only the roster shows goes into the report as well; of a cut number whose check fits by chance the member is named."""
    desk.confirm("--wait")
    stranger, known = id_number(470_002), desk.unit.members[0].id_number
    report = tmp_path / "report.csv"
    done = desk.submit(import_file([(stranger, "left"), (known, "left")]), "--wait", "--report", report).expect(65, says=["not-on-roster"])
    lines = report.read_text().splitlines()
    assert "[not-on-roster]" in lines[1] and lines[2].endswith("离职,"), done
    desk.submit("\n".join([lines[0], *lines[2:]]), "--wait").expect(0)


@pytest.mark.parametrize("fits, code", [(False, "id-spreadsheet"), (True, "not-on-roster")], ids=["check-fails", "check-fits"])
def test_a_cut_number_names_its_member(fits, code, main, take):
    """An upstream sent what a spreadsheet had kept of a number: the outcome names the only member that it can be, also where the
    check character of what was kept fits by chance."""

    def cut(member):
        return member.id_number[:15] + "000"

    def suits(member):
        return (check_character(cut(member)[:17]) == "0") == fits

    unit = take(suits=lambda unit: any(map(suits, unit.members)))
    member = next(filter(suits, unit.members))
    review = events.unit_review(unit.code, YEAR)
    chunks = events.submission(unit.code, YEAR, review.id, {cut(member): "left"})
    main.client().send(review, *chunks)
    rejected = main.outcomes.wait(unit.code, "member-review.rejected", submission=chunks[0].data["submission"])
    assert [(e["code"], e["member_no"]) for e in rejected.data["errors"]] == [(code, member.member_no)]


def test_bad_rows_never_leave(main, desk):
    """Everything that the file alone shows to be wrong is listed with its row, nothing is sent, exit status 65."""
    good = desk.unit.members[0].id_number
    wrong_check = good[:17] + ("0" if good[17] != "0" else "1")
    rows = [
        (good, "left"), (wrong_check, "left"), (good[:17], "left"), (good, "retired"),
        ("4.32500197707303E+17", "left"), (id_number(470_001), "病假"),
    ]
    desk.confirm("--wait")
    before = main.ends("member-review")
    done = desk.submit(import_file(rows)).expect(65, says=["id-check", "id-length", "listed-twice", "id-spreadsheet", "unknown-reason"])
    for row in (3, 4, 5, 6, 7):
        assert any(str(row) in line for line in done.err.splitlines()), f"row {row} is not named\n{done}"
    assert main.ends("member-review") == before


def test_dry_run_is_the_same_path_without_a_broker(main, desk):
    """--dry-run needs no broker, finds the same errors, and sends nothing."""
    nowhere = {"NIANSHEN_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    flags = [*desk.of_unit, "--unit-review", "x", "--mode", "import", "--submitted-by", "c", "--dry-run"]
    good = desk.file(import_file({desk.unit.members[0].id_number: "left"}), "good.csv")
    bad = desk.file(import_file({"110101199003070012": "left"}), "bad.csv")
    main.producer("submit", *flags, good, env=nowhere).expect(0)
    main.producer("submit", *flags, bad, env=nowhere).expect(65, says=["id-check"])


def test_reason_for_the_whole_file(main, desk):
    """The manual's import file has no reason column: --reason gives it; without both the option is named."""
    text = "身份证号码\r\n" + desk.unit.members[0].id_number + "\r\n"
    desk.confirm()
    desk.submit(text).expect(65, says=["--reason"])
    submission, pending = desk.pending(text, "--reason", "deceased")
    assert pending.data["reasons"] == {"deceased": 1}


def test_wait_gives_up(main, make_world, desk):
    """Without a worker nothing answers: --wait ends with 75 when its time is over, and what was sent stays sent."""
    world = make_world([desk.unit])
    other = Desk(world, desk.unit, YEAR)
    other.confirm("--wait", "--wait-seconds", 2, expect=75)
    world.run_until_end().expect(0)
    assert world.sql(f"SELECT count(*) FROM {table('unit_review')} WHERE code IS NULL") == [(1,)]


def test_publish(main, take):
    """Structured events, one a line, reach their own topics by type and their partition by unit; a bad line stops all with its number."""
    unit = take()
    review = events.unit_review(unit.code, YEAR)
    chunks = events.submission(unit.code, YEAR, review.id, {unit.members[0].id_number: "left"}, chunk_entries=1)
    lines = b"".join(e.structured()[1] + b"\n" for e in [review, *chunks])
    main.producer("publish", "-", "--dry-run", input=lines).expect(0)
    main.producer("publish", "-", input=lines).expect(0)
    main.outcomes.wait(unit.code, "member-review.pending", submission=chunks[0].data["submission"])
    broken = lines + b'{"specversion":"1.0"}\n'
    main.producer("publish", "-", input=broken).expect(65, says=["4" if len(chunks) == 2 else "3"])


def test_spreadsheet_habits(main, desk):
    """A BOM, a starred header, blanks, full-width digits and a lower-case x are taken; what was changed is a warning for the superior."""
    ending_in_x = next((m for m in desk.unit.members if m.id_number.endswith("X")), None)
    number = (ending_in_x or desk.unit.members[0]).id_number
    typed = number.lower().replace("1", "１", 1)
    text = "\ufeff*身份证号码,原因\r\n \u3000" + typed + " ,离职\r\n"
    submission, pending = desk.pending(text)
    assert pending.data["failed"] == 1
    assert [w["code"] for w in pending.data["warnings"]] == ["id-normalised"]
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)
    assert main.removed(desk.unit.code) == {number: "left"}


def test_warnings_reach_the_reviewer(make_world):
    """Every warning of an entry stands in the pending outcome and in the reviewer's detail, in both languages, and blocks nothing."""
    unit = people.unit("W0001", SUPERIOR, people.BIRTHDAYS - 10, 5)  # the youngest there are
    main = make_world([unit])
    main.worker().start().wait_ready()
    desk = Desk(main, unit, YEAR)
    accepted = desk.confirm("--wait", credit_code="91350211m0000xuf46")
    review = main.outcomes.wait(desk.unit.code, "unit-review.accepted", unit_review=desk.unit_review)
    assert [(w["code"], w["field"]) for w in review.data["warnings"]] == [("credit-code-check", "profile.credit_code")], accepted
    assert "R" in review.data["warnings"][0]["en"] and "R" in review.data["warnings"][0]["zh"]
    young = unit.members[0]
    submission, pending = desk.pending(import_file([(f"{young.id_number[:6]} {young.id_number[6:]}", "retired")]))
    expected = ["id-normalised", "retired-too-young"]
    assert [w["code"] for w in pending.data["warnings"]] == expected and pending.data["warnings_total"] == 2
    assert all(w["zh"] and w["en"] and w["id_number"] == masked(young.id_number) for w in pending.data["warnings"])
    assert main.sql("SELECT warnings FROM nianshen.review_detail WHERE submission = %s", [submission]) == [(expected,)]
    desk.approve(submission, pending.data["digest"], "--wait").expect(0)


def test_data_on_stdout_talk_on_stderr(main, desk):
    """stdout is data (one id), stderr is talk: a script can take the id without parsing."""
    done = desk.confirm("--wait")
    assert done.line == desk.unit_review
    submitted = desk.submit(list_file(desk.unit, {}), "--wait", mode="list").expect(0)
    assert len(submitted.line.split()) == 1
    assert submitted.err


def test_same_file_again_is_another_submission(main, desk):
    """Sending the same file twice makes two submissions; the second stands behind the first."""
    text = import_file({desk.unit.members[0].id_number: "left"})
    first, _ = desk.pending(text)
    second = desk.submit(text).expect(0).line
    assert second != first
    main.outcomes.wait(desk.unit.code, "member-review.waiting", submission=second)


def test_identity_given_by_the_caller(main, desk):
    """confirm-unit --id makes a repeat harmless: the same event twice is one unit review."""
    desk.confirm("--id", "review-of-2026")
    desk.confirm("--id", "review-of-2026")
    assert desk.unit_review == "review-of-2026"
    main.outcomes.wait(desk.unit.code, "unit-review.accepted", unit_review="review-of-2026")
    desk.pending(import_file({}))
    assert main.sql(f"SELECT kind FROM {LEDGER} l WHERE unit = %s AND topic = 'unit-review' ORDER BY record_offset", [desk.unit.code]) == [
        ("applied",), ("duplicate",),
    ]
