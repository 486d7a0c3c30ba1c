"""check-id and check-code: one line in, one verdict out, whatever the bytes. No broker and no database."""

import csv
import json

import pytest
from support.programs import ROOT, environment, run

ON = "2026-03-01"
LEVELS = {"OK": "ok", "OK_HMT": "ok", "OK_FPR": "ok", "OK_FPR15": "ok", "OK_NORM": "warning", "OK_UPG": "warning"}


def check(data, *args, command="check-id", **variables):
    data = data if isinstance(data, bytes) else data.encode()
    return run("nianshen-producer", command, *args, env=environment(**variables), input=data, personal_data=True)


def columns(result):
    """The lines of the answer, each as its four columns."""
    lines = result.out.removesuffix("\n").split("\n")
    rows = [line.split("\t") for line in lines]
    assert all(len(row) == 4 for row in rows), result
    return rows


def test_published_vectors():
    """Each published or made vector gets its level."""
    with open(ROOT / "tests" / "data" / "id_vectors.tsv", encoding="utf-8", newline="") as file:
        vectors = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    rows = columns(check("".join(f"{v[0]}\n" for v in vectors), "--on", ON).expect(65))
    assert len(rows) == len(vectors)
    for (number, verdict, _), row in zip(vectors, rows):
        expected = LEVELS.get(verdict, {"WARN": "warning", "ERR": "error"}.get(verdict.split("_")[0]))
        assert row[0] == expected, (number, verdict, row)


def test_held_out_vectors():
    """A second set, made apart from the first: leap days, the ends of ages, every gap between the provinces, what is invisible, each form's errors."""
    with open(ROOT / "tests" / "data" / "id_vectors_held_out.tsv", encoding="utf-8", newline="") as file:
        vectors = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[1:]
    rows = columns(check("".join(f"{v[0]}\n" for v in vectors), "--on", ON).expect(65))
    assert [(number, level, code) for number, level, code in vectors] == [(v[0], row[0], row[1]) for v, row in zip(vectors, rows, strict=True)]


def test_columns():
    """Level, code, normalised number and text; '-' where there is none; exit status 65 only when one is an error."""
    assert columns(check("432500197707302784\n", "--on", ON).expect(0)) == [
        ["ok", "-", "432500197707302784", "resident identity card, 湖南省娄底地区, born 1977-07-30, female"]
    ]
    assert columns(check("11010519491231002x", "--on", ON).expect(0))[0][:3] == ["warning", "id-normalised", "11010519491231002X"]
    assert columns(check("211011196605229674\r\n432500770730278\r\n", "--on", ON).expect(65)) == [
        ["error", "id-check", "-", "the check character does not fit; character 18 should be 3; compare each character with the card"],
        ["warning", "id-upgraded", "432500197707302784", "a 15-digit ID number was upgraded to 18; please check"],
    ]


def test_json():
    """With --json each line is an object that holds all warnings and what the number tells of its holder."""
    out = check("３２１１１９1００731000\n", "--json", "--on", ON).expect(0).out
    object = json.loads(out)
    assert object["codes"] == ["id-sequence", "id-region", "id-unusual-age", "id-upgraded", "id-normalised"]
    assert (object["level"], object["form"], object["born"], object["gender"]) == ("warning", "resident-15", "1910-07-31", "F")
    refused = json.loads(check("211011196605229674\n", "--json", "--on", ON).expect(65).out)
    assert (refused["position"], refused["expected"], "normalised" in refused) == (18, "3", False)


def test_date():
    """--on takes the date to judge on, as people write it; what is no date is a usage error."""
    for on in ("2026-03-02", "2026/3/2", "20260302", "2026年3月2日", "46083"):
        assert columns(check("110101202603020012\n", "--on", on))[0][1] != "id-future"
    assert columns(check("110101202603020012\n", "--on", "2026-03-01").expect(65))[0][1] == "id-future"
    check("", "--on", "tomorrow").expect(64)


def test_odd_bytes():
    """Every line gets its answer: blank ones, NUL, bad UTF-8, control characters, lines of 10 MB, no line end."""
    odd = [b"", b" \t", b"\x00", b"21101119660522967\x00", b"\xff\xfe2\x001\x00", b"\x1b[31m", b"\xed\xa0\x80", b"1" * 10_000_000, b'="', b"'"]
    rows = columns(check(b"\xef\xbb\xbf211011196605229673\n" + b"\n".join(odd) + b"\n211011196605229673", "--on", ON).expect(65))
    assert len(rows) == len(odd) + 2
    assert rows[0][0] == rows[-1][0] == "ok"
    assert all(row[0] == "error" and row[2] == "-" for row in rows[1:-1])


def test_file(tmp_path):
    """A file instead of standard input; one that is not there is exit status 66."""
    path = tmp_path / "numbers.txt"
    path.write_text("211011196605229673\n")
    assert columns(check("", "--on", ON, path).expect(0))[0][0] == "ok"
    check("", tmp_path / "absent").expect(66)
    assert check("").expect(0).out == ""


@pytest.mark.parametrize(
    "variables, word",
    [({"LC_ALL": "zh_CN.UTF-8", "LANG": "C"}, "校验码"), ({"LC_ALL": "", "LC_MESSAGES": "zh_TW", "LANG": "C"}, "校验码"),
     ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": "zh"}, "校验码"), ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, "check character"),
     ({"LC_ALL": "", "LC_MESSAGES": "", "LANG": ""}, "check character")],
)
def test_language(variables, word):
    """LC_ALL, LC_MESSAGES, LANG: the first that is set decides; zh is Chinese, all others are English."""
    assert word in columns(check("211011196605229674\n", **variables).expect(65))[0][3]


def test_credit_codes():
    """Real codes pass, a failing check character is a warning that names the right one, another form is an error."""
    rows = columns(check("91110000600037341L\n91350211M0000XUF46\n91110000600037341l\n9111000060003734IL\n9111\n", command="check-code").expect(65))
    assert [row[:3] for row in rows] == [
        ["ok", "-", "91110000600037341L"], ["warning", "credit-code-check", "91350211M0000XUF46"],
        ["warning", "credit-code-normalised", "91110000600037341L"], ["error", "credit-code-characters", "-"], ["error", "credit-code-length", "-"],
    ]
    assert "character 18 should be R" in rows[1][3]
