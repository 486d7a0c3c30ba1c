"""Files as offices save and mangle them: each gets the answer that names what is wrong, in which row, and what to do."""

import subprocess
from pathlib import Path

import pytest

from support.people import check_character, id_number, masked
from support.programs import BIN, environment, run
from support.wait import eventually

NOWHERE = environment(NIANSHEN_KAFKA_BOOTSTRAP="127.0.0.1:1")
SUBMIT = ["submit", "--unit", "U", "--year", 2026, "--unit-review", "x", "--submitted-by", "c", "--dry-run"]
A, B, C = id_number(1), id_number(2), id_number(3)
HEADER = "身份证号码,姓名,不通过原因\r\n"
LIST_HEADER = "身份证号码,年审结果,不通过原因\r\n"
LIBREOFFICE = b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet"
NUMBERS = b"PK\x03\x04" + bytes(26) + b"Index/Document.iwa"


def truncated(number):
    """As a spreadsheet keeps it: fifteen digits, of a number whose check character then fails."""
    return number[:15] + "000"



# name: bytes, what is said, and the row it is said of (0: of the file). Without a code the file is taken: the words say how it was read.
TAKEN = {
    "plain": (HEADER + f"{A},甲,退休\r\n{B},乙,死亡\r\n").encode(),
    "byte-order-mark": ("\ufeff" + HEADER + f"{A},甲,退休\r\n{B},乙,left\r\n").encode(),
    "gbk": (HEADER + f"{A},联通,退休\r\n{B},乙,死亡\r\n").encode("gbk"),
    "gbk-that-overlong-utf8-would-be": b"id_number,x,reason\r\n" + f"{A},".encode() + b"\xc1\xaa\xcd\xa8" + f",left\r\n{B},,left\r\n".encode(),
    "gb18030-four-bytes": (HEADER + f"{A},\U00020000\u9fa6,退休\r\n{B},䶮,死亡\r\n").encode("gb18030"),
    "utf16-with-mark": (HEADER + f"{A},甲,退休\r\n{B},乙,死亡\r\n").encode("utf-16"),
    "utf16-without-mark": (HEADER + f"{A},一丁,退休\r\n{B},乙,死亡\r\n").encode("utf-16-le"),
    "utf16-big-endian": ("\ufeff" + HEADER + f"{A},甲,退休\r\n{B},乙,死亡\r\n").encode("utf-16-be"),
    "unicode-text": (HEADER.replace(",", "\t") + f"{A}\t甲\t退休\r\n{B}\t乙\t死亡\r\n").encode("utf-16"),
    "semicolons": (HEADER.replace(",", ";") + f"{A};甲,乙;退休\r\n{B};丙;死亡\r\n").encode(),
    "tabs": (HEADER.replace(",", "\t") + f"{A}\t甲\t退休\r\n{B}\t乙\t死亡").encode(),
    "cr": (HEADER + f"{A},甲,退休\r\n{B},乙,死亡\r\n").replace("\r\n", "\r").encode(),
    "lf": (HEADER + f"{A},甲,退休\r\n{B},乙,死亡\r\n").replace("\r\n", "\n").encode(),
    "mixed-line-ends": f"身份证号码,原因\r{A},退休\n\r\n{B},死亡\r\n".encode(),
    "quoted-line-breaks": (HEADER + f'{A},"甲\r\n乙\n丙",退休\r\n{B},丁,死亡\r\n').encode(),
    "quoted-everywhere": f'"身份证号码","不通过原因"\r\n"{A}","退休"\r\n"{B}","死亡"'.encode(),
    "starred-spaced-header": f"\u3000＊公民 身份号码 ,减员原因\r\n{A},退休\r\n{B},死亡\r\n".encode(),
    "columns-nobody-knows": f"序号,证件号,备注,原因,检查结果\r\n1,{A},x,退休,错\r\n2,{B},,死亡,\r\n".encode(),
    "blank-rows": ("\r\n,,\r\n" + HEADER + f"\r\n{A},甲,退休\r\n,,\r\n{B},乙,死亡\r\n\r\n").encode(),
    "formula-around-numbers": f'身份证号码,原因\r\n"=""{A}""",退休\r\n\'{B},死亡\r\n'.encode(),
    "full-width-and-tab": (HEADER + "".join(chr(ord(c) + 0xFEE0) for c in A) + f",甲,退休\r\n{B}\t,乙,死亡\r\n").encode(),
    "says-its-delimiter": ("sep=;\r\n" + HEADER.replace(",", ";") + f"{A};甲,乙;退休\r\n{B};丙;死亡\r\n").encode(),
    "says-its-delimiter-in-utf16": ("\ufeffsep=\t\r\n" + HEADER.replace(",", "\t") + f"{A}\t甲\t退休\r\n{B}\t丙\t死亡\r\n").encode("utf-16-le"),
    "formula-without-quotes": f'="身份证号码",="不通过原因"\r\n="{A}",="退休"\r\n="{B}","=""死亡"""\r\n'.encode(),
    "two-marks": ('\ufeff\ufeff"身份证号码",原因\r\n' + f"{A},退休\r\n{B},死亡\r\n").encode(),
    "traditional": f"身份證號碼,姓名,不通過原因\r\n{A},甲,離職\r\n{B},乙,辭職\r\n".encode(),
    "star-behind": f"身份证号码*,不通过原因 ＊\r\n{A},退休\r\n{B},死亡\r\n".encode(),
    "words-spread-out": (HEADER + f"{A},甲,退　休\r\n{B},乙,死 亡\r\n").encode(),
    "mark-in-the-middle": (HEADER + f"{A},甲,退休\r\n\ufeff{B},乙,死亡\r\n").encode(),
}

REFUSED = {
    "empty": (b"", "empty-file", 0),
    "blank-lines-only": (b"\r\n\r\n", "empty-file", 0),
    "mark-only": (b"\xef\xbb\xbf", "empty-file", 0),
    "xlsx": (b"PK\x03\x04" + bytes(300), "not-csv", 0),
    "ods": (LIBREOFFICE, "not-csv", 0),
    "numbers": (NUMBERS, "not-csv", 0),
    "xls": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512), "not-csv", 0),
    "pdf": (b"%PDF-1.7\n%\xe2\xe3", "not-csv", 0),
    "html-named-xls": (b"<html><table><tr><td>1</td></tr></table></html>", "not-csv", 0),
    "no-id-column": ("姓名,部门\r\n甲,一\r\n".encode(), "header-missing", 0),
    "no-header": (f"{A},退休\r\n".encode(), "header-missing", 0),
    "duplicate-headers": (f"身份证号,公民身份号码,原因\r\n{A},{A},退休\r\n".encode(), "header-twice", 0),
    "chinese-commas": (f"身份证号码，原因\r\n{A}，退休\r\n".encode(), "not-comma", 0),
    "bars": (f"身份证号码|原因\r\n{A}|退休\r\n".encode(), "not-comma", 0),
    "list-for-import": ((LIST_HEADER + f"{A},通过,\r\n").encode(), "mode-mismatch", 0),
    "says-a-delimiter-that-is-none": (("sep=|\r\n" + HEADER + f"{A},甲,退休\r\n").replace(",", "|").encode(), "not-comma", 0),
    "wrong-row-below-a-said-delimiter": (("sep=,\r\n" + HEADER + f"{A},甲,退休\r\n{B},乙,病\r\n").encode(), "unknown-reason", 3),
    "title-above-the-header": (("某公司工会会员名单,,\r\n" + HEADER + f"{A},甲,退休\r\n").encode(), "header-missing", 0),
    "total-below-the-rows": ((HEADER + f"{A},甲,退休\r\n合计,1 人,退休\r\n").encode(), "id-length", 3),
    "error-of-a-spreadsheet": ((HEADER + f"{A},甲,退休\r\n#REF!,乙,死亡\r\n").encode(), "id-length", 3),
    "thousands-separated": ((HEADER + '"350,102,198,506,150,132",甲,退休\r\n').encode(), "id-length", 2),
    "decimal-point": ((HEADER + f"{A}.0,甲,退休\r\n").encode(), "id-spreadsheet", 2),
    "line-separator-of-unicode": ((HEADER + f"{A},甲,退休\u2028{B},乙,死亡\r\n").encode(), "unknown-reason", 2),
    "line-break-in-a-reason": ((HEADER + f'{A},甲,"退休\n或离职"\r\n').encode(), "unknown-reason", 2),
    "big5": ("身份證號碼,姓名,不通過原因\r\n".encode("big5") + f"{A},x,y\r\n".encode(), "header-missing", 0),
    "utf-32": ((HEADER + f"{A},甲,退休\r\n").encode("utf-32"), "not-text", 1),
    "utf-16-cut-in-half": ((HEADER + f"{A},甲,退休\r\n").encode("utf-16")[:-1], "not-text", 3),
    "lone-quote": ((HEADER + f'{A},甲"乙",退休\r\n').encode(), "csv-quoting", 2),
    "open-quote": ((HEADER + f'{A},甲,退休\r\n"{B},乙,死亡\r\n').encode(), "csv-quoting", 3),
    "quote-behind-a-line-break-in-a-cell": ((HEADER + f'{A},"甲\r\n乙",退休\r\n{B},"x"y,死亡\r\n').encode(), "csv-quoting", 3),
    "nul": ((HEADER + f"{A},\0,退休\r\n").encode(), "not-text", 2),
    "late-bad-byte-in-utf8": ((HEADER + f"{A},甲,退休\r\n").encode() + f"{B},".encode() + b"\xff,x\r\n", "not-text", 3),
    "late-bad-byte-in-gbk": ((HEADER + f"{A},甲,退休\r\n").encode("gbk") + f"{B},".encode() + b"\xff,x\r\n", "not-text", 3),
    "surrogate-in-utf8": ((HEADER + f"{A},甲,退休\r\n{B},").encode() + b"\xed\xa0\x80,x\r\n", "not-text", 3),
    "utf16-cut-off": (("\ufeff" + HEADER).encode("utf-16-le") + b"1", "not-text", 2),
    "long-cell": ((HEADER + f"{A},{'x' * 70_000},退休\r\n").encode(), "csv-limit", 2),
    "many-columns": ((HEADER + f"{A},甲,退休" + "," * 70 + "\r\n").encode(), "csv-limit", 2),
    "truncated": ((HEADER + f"{A},甲,退休\r\n{truncated(B)},乙,死亡\r\n").encode(), "id-spreadsheet", 3),
    "scientific": ((HEADER + f"{A},甲,退休\r\n4.32500197707303E+17,乙,死亡\r\n").encode(), "id-spreadsheet", 3),
    "scientific-in-gbk-behind-blank-rows": ((HEADER + "\r\n,,\r\n4.325E+17,乙,死亡\r\n").encode("gbk"), "id-spreadsheet", 4),
    "letter-o": ((HEADER + f"{A.replace('0', 'O', 1)},甲,退休\r\n").encode(), "id-letter", 2),
    "wrong-check": ((HEADER + f"{A[:17]}{check_character(A[:16] + str(9 - int(A[16])))},甲,退休\r\n").encode(), "id-check", 2),
    "seventeen-digits": ((HEADER + f"{A[:17]},甲,退休\r\n").encode(), "id-length", 2),
    "no-number": ((HEADER + ",甲,退休\r\n").encode(), "id-missing", 2),
    "short-row": ((HEADER + f"{A}\r\n").encode(), "missing-reason", 2),
    "twice": ((HEADER + f"{A},甲,退休\r\n{B},乙,退休\r\n\r\n{A},丙,死亡\r\n").encode(), "listed-twice", 5),
    "twice-as-15-digits": (f"证件号码,原因\r\n432500197707302784,退休\r\n432500770730278,死亡\r\n".encode(), "listed-twice", 3),
    "unknown-reason": ((HEADER + f"{A},甲,病假\r\n").encode(), "unknown-reason", 2),
    "formula-as-a-reason": ((HEADER + f"{A},甲,=1+1\r\n").encode(), "unknown-reason", 2),
    "number-among-the-reasons": ((HEADER + f"{A},甲,{B}\r\n").encode(), "unknown-reason", 2),
}


def submit(content, *flags, mode="import", **more):
    return run("nianshen-producer", *SUBMIT, "--mode", mode, "-", *flags, env=NOWHERE, input=content, **more)


@pytest.mark.parametrize("name", TAKEN)
def test_taken(name):
    """Read as the same two members, whatever the encoding, the delimiter, the line ends and the header's words."""
    submit(TAKEN[name]).expect(0, says=["failed: 2"])


def test_how_it_was_read_is_said():
    """Encoding and delimiter, decided over the whole file."""
    said = {"plain": "UTF-8, columns separated by commas", "gbk": "GB18030, ", "unicode-text": "UTF-16LE, columns separated by tabs",
            "semicolons": "UTF-8, columns separated by semicolons", "gbk-that-overlong-utf8-would-be": "GB18030"}
    for name, words in said.items():
        submit(TAKEN[name]).expect(0, says=[f"read as {words}"])


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    """65, the code, the row as the spreadsheet shows it, no full number; and a dry run takes the same path."""
    content, code, row = REFUSED[name]
    done = submit(content).expect(65, says=[f"[{code}]"])
    line = next(line for line in done.err.splitlines() if f"[{code}]" in line)
    assert row == 0 or f"row {row}" in line, done


def test_there_are_enough():
    assert len(TAKEN) + len(REFUSED) >= 40


def test_list_mode():
    """A header alone is nobody who fails in import mode, and an error in list mode."""
    submit(HEADER.encode()).expect(0, says=["failed: 0"])
    submit(LIST_HEADER.encode(), mode="list").expect(65, says=["[no-rows]"])
    submit(f"證件號碼,年審結果,不通過原因\r\n{A},不 通過,離職\r\n{B},通過,\r\n".encode(), mode="list").expect(0, says=["failed: 1"])
    submit((LIST_HEADER + f"{A},通过,退休\r\n{B},或许,\r\n{C},,\r\n").encode("gbk"), mode="list").expect(
        65, says=["[result-contradicts]", "[result-not-known]", "[result-missing]"])


@pytest.mark.parametrize("filler, code", [("\\0", "not-text"), ("x", "csv-limit"), ("'\"'", "csv-limit")])
def test_a_line_of_a_gigabyte(filler, code):
    """A stream without a line's end is refused at its row, in bounded memory."""
    stream = f"printf '{HEADER}{A},'; head -c 1G /dev/zero" + ("" if filler == "\\0" else f" | tr '\\0' {filler}")
    with subprocess.Popen(["bash", "-c", stream.replace("\r\n", "\\r\\n")], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        command = [str(word) for word in [BIN / "nianshen-producer", *SUBMIT, "--mode", "import", "-"]]
        done = subprocess.run(command, env=NOWHERE, stdin=source.stdout, capture_output=True, timeout=300)
    assert done.returncode == 65, done
    assert f"[{code}]" in done.stderr.decode() and "row 2" in done.stderr.decode(), done


def test_all_errors_at_once_and_their_number(tmp_path):
    """Many errors: the first hundred are told, and how many there are; in the report every one."""
    rows = [f"{id_number(i)[:17]},甲,退休" for i in range(500)]
    report = tmp_path / "report.csv"
    done = submit((HEADER + "\r\n".join(rows)).encode(), "--report", report).expect(65, says=["500 errors in all, the first 100"])
    assert done.err.count("[id-length]") == 100
    assert report.read_text().count("[id-length]") == 500


def test_report_is_mended_in_place(tmp_path):
    """--report writes the rows back with a column of what is wrong; mended there, it is submitted as it is. Nobody else can read it."""
    number = A[:17] + ("0" if A[17] != "0" else "1")
    text = ("\ufeff" + HEADER + f'{number},"甲\r\n乙",退休\r\n\r\n{B},=1+1,病假\r\n"=""{C}""",丙,死亡\r\n{C},丁,死亡\r\n').encode()
    report, again = tmp_path / "report.csv", tmp_path / "again.csv"
    done = submit(text, "--report", report).expect(65, says=["[id-check]", "[unknown-reason]", "[listed-twice]"])
    assert masked(number) in done.err
    assert report.stat().st_mode & 0o777 == 0o600
    lines = report.read_bytes().decode("utf-8-sig").split("\r\n")
    assert lines[0] == "身份证号码,姓名,不通过原因,检查结果"
    assert "[id-check]" in lines[2] and lines[3] == "" and "[unknown-reason]" in lines[4]
    assert lines[5] == f"{C}\t,丙,死亡," and "[listed-twice]" in lines[6]

    submit(report.read_bytes(), "--report", again).expect(65)
    assert again.read_bytes() == report.read_bytes()
    mended = report.read_text().replace(number, A).replace("病假", "离职").replace(f"{C}\t,丁", f"{id_number(4)},丁")
    submit(mended.encode(), "--report", tmp_path / "none.csv").expect(0, says=["failed: 4"])
    assert not (tmp_path / "none.csv").exists()


def test_report_never_overwrites(tmp_path):
    """What a person may be mending, or a link leads to, stays as it is; said before anything is read."""
    report, link = tmp_path / "report.csv", tmp_path / "link.csv"
    report.write_text("mended by hand")
    link.symlink_to(tmp_path / "elsewhere.csv")
    for path in (report, link):
        submit(b"", "--report", path).expect(73, says=["exists already"])
    assert report.read_text() == "mended by hand" and not (tmp_path / "elsewhere.csv").exists()


def has_ended(process, most_kib):
    """Notes, while it runs, the most memory that the process has had."""
    if process.poll() is not None:
        return True
    status = Path(f"/proc/{process.pid}/status").read_text()
    if "VmHWM" in status and "nianshen" in status:
        most_kib[0] = int(status.split("VmHWM:")[1].split()[0])
    return False


@pytest.mark.skipif(BIN.parent.name != "build", reason="the sanitizers' own memory would be measured")
@pytest.mark.parametrize("mode", ["import", "list"])
def test_five_million_rows(tmp_path, mode):
    """Checked, sorted and cut into events in less than 64 MiB, whatever the mode."""
    path, days = tmp_path / "large.csv", [f"{y}{m:02d}{d:02d}" for y in range(1960, 2000) for m in range(1, 13) for d in range(1, 29)]
    with path.open("w", encoding="utf-8") as file:
        file.write("\ufeff身份证号码,不通过原因\r\n" if mode == "import" else "\ufeff身份证号码,年审结果\r\n")
        for i in range(5_000_000):
            head = f"110101{days[i * 7919 % len(days)]}{101 + i // len(days)}"
            file.write(f"{head}{check_character(head)},{'退休' if mode == 'import' else '通过'}\r\n")
    said = tmp_path / "said"
    with said.open("w") as err:
        process = subprocess.Popen([str(w) for w in [BIN / "nianshen-producer", *SUBMIT, "--mode", mode, path]], env=NOWHERE, stderr=err)
        most_kib = [0]
        eventually(lambda: has_ended(process, most_kib), "the file is read", 120)
    assert process.returncode == 0 and "5000000" in said.read_text(), said.read_text()
    assert 0 < most_kib[0] < 64 * 1024, most_kib
