"""LibreOffice, headless: what we write opens in it as text, and what it saves is read, or known for what it did to the numbers."""

import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

from support.people import Member, Unit, id_number
from test_mangled_files import A, B, submit

pytestmark = pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")

FILTER = "Text - txt - csv (StarCalc)"
COMMA, QUOTE, UTF8, GB18030 = 44, 34, 76, 85  # as LibreOffice numbers them
OFFICE, TABLE = [f"{{urn:oasis:names:tc:opendocument:xmlns:{n}:1.0}}" for n in ("office", "table")]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """Converts a file as opening and saving it would."""
    folder = tmp_path_factory.mktemp("office")

    def convert(path, to, *flags):
        command = ["soffice", f"-env:UserInstallation=file://{folder}/profile", "--headless", *flags, "--convert-to", to,
                   "--outdir", folder / "out", path]
        done = subprocess.run(command, capture_output=True, timeout=120)
        out = folder / "out" / f"{path.stem}.{to.split(':')[0]}"
        assert out.exists(), done.stdout + done.stderr
        return out

    return convert


def opened(office, path):
    """The sheet as LibreOffice has it in memory once it opened the CSV file: rows of (type, formula, text)."""
    sheet = ElementTree.parse(office(path, "fods", f"--infilter={FILTER}:{COMMA},{QUOTE},{UTF8}"))
    return [
        [(cell.get(f"{OFFICE}value-type"), cell.get(f"{TABLE}formula"), "".join(cell.itertext()).strip()) for cell in row]
        for row in sheet.iter(f"{TABLE}table-row")
    ]


def all_text(rows):
    """No formula, nothing that became a number: every cell that holds something is text."""
    return all(formula is None and kind in (None, "string") for row in rows for kind, formula, _ in row)


def saved(office, path, charset):
    """The file opened and saved as CSV in that encoding."""
    sheet = office(path, "fods", f"--infilter={FILTER}:{COMMA},{QUOTE},{UTF8}")
    return office(sheet, f"csv:{FILTER}:{COMMA},{QUOTE},{charset}").read_bytes()


def write(tmp_path, name, text):
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_templates_open_as_text(main, office, tmp_path):
    for mode in ("import", "list"):
        text = main.producer("template", "--mode", mode, personal_data=True).expect(0).out
        rows = opened(office, write(tmp_path, f"{mode}.csv", text))
        assert all_text(rows) and len(rows) == 2
        assert "身份证号码" in [cell[2] for cell in rows[0]]


def test_exports_hold_no_formula(make_world, office, tmp_path):
    """Names and numbers that would be formulas or numbers: in each export they are text, and stay what they were when loaded back."""
    evil = ["=1+1", "+86 139", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "00123"]
    members = [Member(member_no=f"0{i}", name=name, gender="M", id_number=id_number(i), mobile="13912345678") for i, name in enumerate(evil)]
    unit = Unit("E1", "S01", members, name="=1+1")
    world = make_world([unit], campaign=None)
    for flags in ([], ["--unit", "E1", "--for-review"]):
        text = world.ops("roster", "export", *flags, personal_data=True).expect(0).out
        rows = opened(office, write(tmp_path, "export.csv", text))
        # A date, a short mobile's digits: kept by a spreadsheet as they are, though not as text.
        assert not [cell for row in rows for cell in row if cell[1] is not None]
        assert {m.id_number for m in members} <= {cell[2] for row in rows for cell in row if cell[0] == "string"}
    assert world.sql("SELECT name FROM nianshen.member WHERE unit = 'E1' ORDER BY member_no") == [(name,) for name in evil]


def test_report_holds_no_formula(office, tmp_path):
    text = f'身份证号码,姓名,不通过原因\r\n{A},=1+1,病假\r\n{B},+1,=2+2\r\n'.encode()
    submit(text, "--report", tmp_path / "report.csv").expect(65)
    rows = opened(office, tmp_path / "report.csv")
    assert all_text(rows) and A in rows[1][0][2]


@pytest.mark.parametrize("charset", [UTF8, GB18030])
def test_filled_in_and_saved(main, office, tmp_path, charset):
    """The template, filled in with text and saved by LibreOffice, is taken; in GB18030 as well, with a name that only that has."""
    template = main.producer("template", personal_data=True).expect(0).out
    header = template.splitlines()[0]
    filled = write(tmp_path, "filled.csv", f"{header}\r\n{A}\t,\u9fa6甲,退休\r\n{B}\t,乙,死亡\r\n")
    submit(saved(office, filled, charset)).expect(0, says=["failed: 2", "GB18030" if charset == GB18030 else "UTF-8"])
    submit(saved(office, write(tmp_path, "example.csv", template), charset)).expect(65, says=["[id-check]"])


@pytest.mark.parametrize("charset", [UTF8, GB18030])
def test_saved_as_numbers(office, tmp_path, charset):
    """A column of numbers loses digits when it is saved: known for that, in its row."""
    numbers = write(tmp_path, "numbers.csv", f"身份证号码,不通过原因\r\n{A[:17]}1,退休\r\n")
    kept = saved(office, numbers, charset)
    assert A.encode() not in kept
    submit(kept).expect(65, says=["[id-spreadsheet]", "row 2"])
