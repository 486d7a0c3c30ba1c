"""The examples of an upstream system in schemas/upstream/, as an integrator would start them: their answers are those of the running system."""

import json
import random
import subprocess
import sys

import pytest

from conftest import YEAR
from support.programs import ROOT, environment

CHUNK_ENTRIES = 4  # units have six members: list mode takes two chunks
UPSTREAM = ROOT / "schemas/upstream"


@pytest.fixture(scope="module")
def jars():
    done = subprocess.run([ROOT / "ops/kafka/jars"], check=True, capture_output=True, text=True)
    return f"{done.stdout.strip()}/*"


@pytest.fixture(params=["python", "java"])
def upstream(request, main):
    """Runs the example in one of its languages; returns its exit status and the (type, data) pairs that it printed."""
    if request.param == "python":
        command = [sys.executable, UPSTREAM / "python/upstream.py"]
    else:
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
        command = ["java", quiet, "-cp", request.getfixturevalue("jars"), UPSTREAM / "java/Upstream.java"]
    env = environment(
        NIANSHEN_KAFKA_BOOTSTRAP=main.stack.broker.bootstrap, NIANSHEN_TOPIC_PREFIX=main.prefix, CHUNK_ENTRIES=CHUNK_ENTRIES
    )

    def run(*arguments):
        done = subprocess.run([*command, *map(str, arguments)], env=env, capture_output=True, timeout=120)
        answers = [line.split(" ", 1) for line in done.stdout.decode().splitlines()]
        assert answers, f"exit status {done.returncode}\n{done.stderr.decode()}"
        return done.returncode, [(event_type, json.loads(value)) for event_type, value in answers]

    return run


def shuffled(entries):
    """In an order that is not the contract's, the same in every run."""
    random.Random(7).shuffle(entries)
    return entries


def test_import_mode_becomes_pending(upstream, take):
    unit = take()
    first, second = unit.id_numbers[4], unit.id_numbers[1]
    status, answers = upstream(unit.code, YEAR, "import", f"{first}=retired", f"{second}=left")
    assert status == 0
    assert answers[0][0] == "nianshen.unit-review.accepted.v1"
    event_type, data = answers[-1]
    assert event_type == "nianshen.member-review.pending.v1"
    assert (data["mode"], data["listed"], data["failed"], data["reasons"]) == ("import", 6, 2, {"retired": 1, "left": 1})


def test_list_mode_in_chunks_becomes_pending(upstream, take):
    unit = take()
    failing, *passing = unit.id_numbers
    status, answers = upstream(unit.code, YEAR, "list", *shuffled([f"{failing}=deceased", *passing]))
    assert status == 0
    event_type, data = answers[-1]
    assert event_type == "nianshen.member-review.pending.v1"
    assert (data["mode"], data["listed"], data["passed"], data["reasons"]) == ("list", 6, 5, {"deceased": 1})


def test_nobody_fails(upstream, take):
    unit = take()
    status, answers = upstream(unit.code, YEAR, "import")
    assert status == 0
    assert answers[-1][0] == "nianshen.member-review.pending.v1" and answers[-1][1]["failed"] == 0


def test_refusal_is_shown_with_its_entries(upstream, take):
    unit = take()
    *listed, forgotten = unit.id_numbers
    status, answers = upstream(unit.code, YEAR, "list", *listed)
    assert status == 65
    event_type, data = answers[-1]
    assert event_type == "nianshen.member-review.rejected.v1" and data["code"] == "row-errors"
    assert [error["code"] for error in data["errors"]] == ["not-listed"]
    assert data["errors"][0]["id_number"][-4:] == forgotten[-4:]
