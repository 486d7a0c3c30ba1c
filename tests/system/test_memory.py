"""Memory of the released programs, at its highest (VmHWM), while one unit submits half a million entries, good or wrong."""

import subprocess
import time
from pathlib import Path

import pytest

from conftest import SUPERIOR, YEAR
from support import events, people
from support.people import csv_text, id_number
from support.programs import BIN, IS_RELEASE

pytestmark = pytest.mark.skipif(not IS_RELEASE, reason="sanitizers need memory of their own")

ENTRIES = 500_000
WORKER_MIB_MAX, PRODUCER_MIB_MAX = 96, 64
SECONDS_MAX = 120
CHUNK_ENTRIES = 5000


def peak_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0  # it has ended, and waits to be reaped


@pytest.fixture(scope="module")
def numbers():
    return sorted(id_number(n) for n in range(ENTRIES))


@pytest.fixture(scope="module")
def world(stack):
    """A world with one large unit, and small ones."""
    made = stack.world("memory")
    units = [people.unit("LARGE", SUPERIOR, 0, ENTRIES)] + [people.unit(f"SMALL{n}", SUPERIOR, 0, 1) for n in range(3)]
    made.load(units, seconds=SECONDS_MAX).expect(0)
    made.open_campaign(YEAR, [("R007", SUPERIOR)])
    yield made
    made.close()


@pytest.fixture
def worker(world):
    made = world.worker().start().wait_ready()
    yield made
    made.end()


def check_worker(worker):
    peak = peak_mib(worker.process.pid)
    print(f"worker: {peak:.1f} MiB")
    assert 1 < peak < WORKER_MIB_MAX


def producer_peak(world, *args):
    """Runs the producer to its end and returns its peak. It only grows, so the last look tells all but the very end."""
    command = [str(BIN / "nianshen-producer"), *map(str, args)]
    peak, end = 0, time.monotonic() + SECONDS_MAX
    with open(world.folder / "producer.log", "wb") as log:
        process = subprocess.Popen(command, env=world.env("nobody"), stdout=log, stderr=log)
    while process.poll() is None:
        assert time.monotonic() < end, "the producer has not ended"
        peak = max(peak, peak_mib(process.pid))
        time.sleep(0.01)
    print(f"producer: {peak:.1f} MiB")
    assert process.returncode == 0, (world.folder / "producer.log").read_text()[-3000:]
    return peak


def test_half_a_million_entries(world, worker, numbers):
    """List mode: everybody of the unit is in the file, one in fifty fails; the submission comes to pending."""
    review = events.unit_review("LARGE", YEAR, source="nianshen-producer")
    world.client().send(review)
    rows = [[n, "不通过", "退休"] if at % 50 == 0 else [n, "通过", ""] for at, n in enumerate(numbers)]
    path = world.folder / "list.csv"
    path.write_text(csv_text(["身份证号码", "年审结果", "不通过原因"], rows), encoding="utf-8")
    peak = producer_peak(world, "submit", "--unit", "LARGE", "--year", YEAR, "--unit-review", review.id, "--mode", "list",
                         "--submitted-by", "c", path, "--wait", "--wait-seconds", SECONDS_MAX)
    assert 1 < peak < PRODUCER_MIB_MAX
    pending = world.outcomes.wait("LARGE", "member-review.pending")
    assert (pending.data["listed"], pending.data["failed"]) == (ENTRIES, ENTRIES // 50)
    check_worker(worker)


def submit_wrong(world, unit, entries):
    """A submission in list mode whose failing entries are all wrong; its first thousand are named."""
    review = events.unit_review(unit, YEAR)
    chunks = events.submission(unit, YEAR, review.id, dict.fromkeys(entries, "left"), [], chunk_entries=CHUNK_ENTRIES)
    assert len(chunks) == ENTRIES // CHUNK_ENTRIES
    world.client(**{"message.max.bytes": 1 << 20}).send(review, *chunks)
    rejected = world.outcomes.wait_for(lambda o: o.causation == chunks[-1].id, "the answer", SECONDS_MAX)
    assert rejected.kind == "member-review.rejected"
    assert len(rejected.data["errors"]) == 1000
    return rejected.data


def test_half_a_million_malformed_numbers(world, worker, numbers):
    malformed = [n[:17] + ("1" if n[17] != "1" else "2") for n in numbers]
    data = submit_wrong(world, "SMALL0", malformed)
    assert data["errors_total"] > ENTRIES  # and a member that is not listed
    assert {e["code"] for e in data["errors"][:-1]} == {"id-check"}
    check_worker(worker)


def test_half_a_million_strangers(world, worker, numbers):
    data = submit_wrong(world, "SMALL1", [n for n in numbers if n != id_number(0)] + [id_number(ENTRIES)])
    assert data["errors_total"] > ENTRIES
    assert {e["code"] for e in data["errors"][:-1]} == {"not-on-roster"}
    check_worker(worker)


def test_half_a_million_entries_without_anything(world, worker):
    """Entries that are empty have no key and no place in the order: each is an error of its own."""
    review = events.unit_review("SMALL2", YEAR)
    chunks = events.submission("SMALL2", YEAR, review.id, {str(n): "left" for n in range(ENTRIES)}, [], chunk_entries=CHUNK_ENTRIES)
    for chunk in chunks:
        chunk.data["failed"] = [{}] * CHUNK_ENTRIES
    world.client().send(review, *chunks)
    rejected = world.outcomes.wait_for(lambda o: o.causation == chunks[-1].id, "the answer", SECONDS_MAX)
    assert rejected.data["errors_total"] > ENTRIES
    check_worker(worker)
