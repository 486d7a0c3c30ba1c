"""A person gets one language: Chinese when LC_ALL, LC_MESSAGES or LANG say so, else English. Codes, keys and logs do not change with it."""

import json
import re

import pytest
from support.people import csv_text, id_number
from support.programs import environment, run

ZH, EN = {"LC_ALL": "zh_CN.UTF-8"}, {"LC_ALL": "C"}
CHINESE = re.compile("[\u3000-\u9fff\uff00-\uffef]")
ENGLISH = re.compile(r"(?<![-\w/.])[a-z]{2,} [a-z]{2,} [a-z]{2,}(?![-\w/])")  # three words in a row are a sentence, not a name
COMMANDS = {
    "nianshen-producer": ["", "template", "confirm-unit", "submit", "approve", "return", "withdraw", "publish", "check-id", "check-code"],
    "nianshen-worker": [""],
}


def commands_of_ops():
    """As its own help lists them."""
    lines = run("nianshen-ops", "--help", env=environment(**EN)).out.split("Options")[0].splitlines()
    return ["", *(re.match(r"  (\S+(?: \S+)?)  ", line).group(1) for line in lines if re.match(r"  \S", line))]


def is_one_language(text, variables):
    """Of the names of reasons, which are data, no notice is taken."""
    text = re.sub(r"(--reasons|default: retired=)[^)]*\)", "", text)
    return not CHINESE.search(text) if variables is EN else not ENGLISH.search(text)


@pytest.mark.parametrize("variables", [ZH, EN], ids=["zh", "en"])
def test_help(variables):
    """The help of every command of every program is in one language and in lines of at most 100 columns."""
    for program, commands in {**COMMANDS, "nianshen-ops": commands_of_ops()}.items():
        for command in commands:
            text = run(program, *command.split(), "--help", env=environment(**variables)).expect(0).out
            assert is_one_language(text, variables), text
            assert text.startswith("用法：" if variables is ZH else "usage: "), text
            columns = [sum(2 if CHINESE.match(c) else 1 for c in line) for line in text.splitlines()]
            assert max(columns) <= 100, text


BAD = csv_text(["身份证号码", "不通过原因"], [["211011196605229674", "退休"], [id_number(1), "病假"], [id_number(1), "退休"], ["", "离职"]])


@pytest.mark.parametrize("variables, words, sentence", [
    (ZH, ["错误：第 2 行，列 A 身份证号码", "应为 3", "（与第 3 行相同）", "共 4 处错误", "请修正后重新提交"], "按 UTF-8、逗号分隔读取"),
    (EN, ["error: row 2, column A", "should be 3", "(the same as row 3)", "4 errors in all", "correct it and submit again"], "read as UTF-8"),
], ids=["zh", "en"])
def test_a_refused_file(tmp_path, variables, words, sentence):
    """What is wrong with a file, and its report, are in one language; the codes are the same in both."""
    (tmp_path / "members.csv").write_text(BAD, encoding="utf-8")
    done = run("nianshen-producer", "submit", "--unit", "U1", "--year", "2026", "--unit-review", "R", "--mode", "import", "--submitted-by", "c",
               "--dry-run", "--report", "report.csv", "members.csv", env=environment(**variables), cwd=tmp_path)
    done.expect(65, says=[*words, sentence])
    assert set(re.findall(r"\[([a-z-]+)\]", done.err)) == {"id-check", "unknown-reason", "listed-twice", "id-missing", "row-errors"}
    talk = done.err.replace("身份证号码", "").replace("不通过原因", "").replace("病假", "")
    if variables is EN:
        talk = re.sub("检查结果|通过|退休|离职|死亡", "", talk)
    assert is_one_language(talk, variables), done
    report = (tmp_path / "report.csv").read_text(encoding="utf-8-sig")
    assert ("请对照证件逐位核对" in report) == (variables is ZH) and ("compare each character" in report) == (variables is EN)


@pytest.mark.parametrize("arguments, zh, en", [
    (["submit"], "缺少 --unit；请给 --unit UNIT", "--unit is missing; give --unit UNIT"),
    (["sumbit"], "未知的命令“sumbit”", "unknown command 'sumbit'"),
    (["check-id", "absent.txt"], "打不开文件 absent.txt", "absent.txt can not be opened"),
    (["template", "--mode", "both"], "--mode 须为 import 或 list", "--mode must be import or list"),
    (["check-id", "--on", "x"], "--on 须为日期", "--on must be a date"),
])
def test_wrong_use(tmp_path, arguments, zh, en):
    """What is wrong with a command line is said in one language."""
    for variables, said in ((ZH, zh), (EN, en)):
        done = run("nianshen-producer", *arguments, env=environment(**variables), cwd=tmp_path)
        assert said in done.err and is_one_language(done.err.replace("No such file or directory", ""), variables), done


def test_events_of_an_upstream_system(tmp_path):
    """publish names what is wrong with an event in the reader's language, down to the field."""
    (tmp_path / "events.ndjson").write_text('{"a":1,"a":2}\n{"specversion":"1.0","id":"x"}\n')
    for variables, words in ((ZH, ["第 1 行", "对象中已有此键", "第 2 行", "属性"]), (EN, ["line 1", "has this key already", "line 2", "attribute"])):
        done = run("nianshen-producer", "publish", "--dry-run", "events.ndjson", env=environment(**variables), cwd=tmp_path)
        assert is_one_language(done.expect(65, says=words).err, variables), done


def test_outcomes_and_tables(desk):
    """Outcomes, tables and refusals of the database's rules; --json is the same in both languages but for the texts in it."""
    world = desk.world
    submission, _ = desk.pending(csv_text(["身份证号码", "不通过原因"], [[desk.unit.members[0].id_number, "退休"]]))
    answers = {}
    for variables, words, rejected in ((ZH, ["状态", "退休"], "审核操作未被接受"), (EN, ["state", "retired"], "the decision is rejected")):
        shown = world.ops("review", "show", *desk.of_unit, env=variables).expect(0, says=words)
        titles = [line.split("  ")[0] for line in shown.out.splitlines()[:8]] + shown.out.splitlines()[-2:-1]
        assert is_one_language("\n".join(titles), variables), shown
        for command in (["campaign", "list"], ["reviewer", "list"], ["status"], ["partition", "list"], ["unit", "held"], ["check"]):
            done = world.ops(*command, env=variables).expect(0)
            assert is_one_language("".join(done.out.splitlines()[:1]) + done.err, variables), done
        refused = world.ops("campaign", "open", "--year", desk.year, env=variables).expect(65)
        assert is_one_language(refused.err, variables), refused
        decided = desk.approve(submission, "sha256:" + "0" * 64, "--wait", env=variables).expect(65, says=[rejected, "[stale-digest]"])
        assert is_one_language(decided.err, variables), decided
        answers[variables["LC_ALL"]] = json.loads(world.ops("review", "show", *desk.of_unit, "--json", env=variables).expect(0).out)
        answers[variables["LC_ALL"]].pop("decisions", None)  # of the second edition: there is one more each time
    assert answers["C"] == answers["zh_CN.UTF-8"]


def test_logs_stay_english(tmp_path):
    """A worker's log is for programs, whoever started it; only its help and what is wrong with its command line are for people."""
    done = run("nianshen-worker", "--kafka.no.such.property=1", env=environment(**ZH)).expect(78)
    assert "level=" in done.err and is_one_language(done.err, EN), done
    assert "未知的选项 --wrong" in run("nianshen-worker", "--wrong", env=environment(**ZH)).expect(64).err
