"""docs/runbook.md: each thing that it tells of is made to happen, and its commands are executed as they stand there."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from conftest import SUPERIOR, YEAR
from support import events, leaks, people
from support.books import check_ledger, wait_all_consumed
from support.edition import IS_NEXT, query
from support.programs import BIN, ROOT
from support.stack import Broker, Cluster
from support.topics import delete_before
from support.wait import eventually

UNITS, MEMBERS = 6, 5
SECTION_SECONDS_MAX = 240
# Starts and stops a worker as the service does: with settings of its own and the environment of the moment.
SYSTEMCTL = """#!/bin/bash
case $1 in
start) PGUSER=nianshen_worker nohup nianshen-worker >>worker.log 2>&1 & echo $! >worker.pid ;;
stop) [ ! -s worker.pid ] || { kill "$(cat worker.pid)" 2>/dev/null; tail --pid="$(cat worker.pid)" -f /dev/null; rm worker.pid; } ;;
*) exit 64 ;;
esac
"""


def sections():
    """The commands of each section: the lines of its blocks of shell."""
    text = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.M)[1:]
    return {title: "".join(re.findall(r"^```sh\n(.*?)^```$", body, flags=re.M | re.S)).splitlines() for title, body in zip(parts[::2], parts[1::2])}


class Desk:
    """The operator's shell: a folder, the environment, and the runbook."""

    executed = set()

    def __init__(self, world, folder):
        self.world, self.folder = world, folder
        (folder / "bin").mkdir()
        (folder / "bin/systemctl").write_text(SYSTEMCTL)
        (folder / "bin/systemctl").chmod(0o755)
        self.env = {**world.env("nianshen"), "YEAR": str(YEAR), "DUMP": str(folder / "reference.dump"), "BACKUP": str(folder / "nightly.backup")}
        self.env["PATH"] = f"{folder / 'bin'}:{BIN}:{os.environ['PATH']}"

    def shell(self, commands, **variables):
        """Executes the commands one after the other in one shell; each must end with 0, or as its comment says."""
        script = ["umask 077"]
        if IS_NEXT:  # verify of the second edition comes later; at the switch the runbook asks review_decision
            commands = [query(command).replace("nianshen.decision", "nianshen_next.review_decision")
                        for command in commands if not command.startswith("nianshen-ops verify")]
        for command in commands:
            status = re.search(r"# ends with (\d+)$", command)
            script += [f"echo; echo '$' {shlex.quote(command)}", command,
                       f'status=$?; [ $status = {status[1] if status else 0} ] || {{ echo "that ended with $status"; exit 99; }}']
        env = {**self.env, **{k: str(v) for k, v in variables.items()}}
        done = subprocess.run(["bash", "-u", "-o", "pipefail"], input="\n".join(script), cwd=self.folder, env=env, capture_output=True, text=True,
                              timeout=SECTION_SECONDS_MAX)
        said = f"{done.stdout}\n--- stderr\n{done.stderr}"
        assert done.returncode == 0, said
        leaks.check_no_personal_data(said, "the runbook")
        return said

    def execute(self, title, **variables):
        assert title in sections(), f"docs/runbook.md has no section {title!r}"
        Desk.executed.add(title)
        return self.shell(sections()[title], **variables)


def units():
    return [people.unit(f"B{n}", SUPERIOR, 470_000 + 10 * n, MEMBERS) for n in range(UNITS)]


@pytest.fixture
def world(make_world):
    return make_world(units())


@pytest.fixture
def desk(world, tmp_path):
    made = Desk(world, tmp_path)
    made.shell(["systemctl start nianshen-worker"])
    yield made
    made.shell(["systemctl stop nianshen-worker"])
    leaks.check_no_personal_data((tmp_path / "worker.log").read_text(), "the worker's log")


def submit(world, unit, failing=2):
    review = events.unit_review(unit.code, YEAR, {"address": f"路{unit.code}"})
    chunks = events.submission(unit.code, YEAR, review.id, {m.id_number: "left" for m in unit.members[:failing]})
    world.client().send(review, *chunks)
    return chunks[0].data["submission"]


def approve(world, unit):
    """The whole review of one unit; returns its submission."""
    submission = submit(world, unit)
    pending = world.outcomes.wait(unit.code, "member-review.pending", submission=submission)
    world.client().send(events.approved(unit.code, YEAR, submission, pending.data["digest"], SUPERIOR, "R007"))
    wait_all_consumed(world)
    assert world.state(submission)["state"] == "approved"
    return submission


def dump(desk):
    desk.shell(['nianshen-ops reference dump >"$DUMP"', 'pg_dump --format=custom --file="$BACKUP"'])


def drop_database(world):
    with world.stack.cluster.connect() as admin:
        admin.execute(f'DROP DATABASE "{world.database}" WITH (FORCE)')


def digest(world):
    return world.ops("digest").expect(0).line


def goes_on(world, unit):
    approve(world, unit)
    check_ledger(world)


def test_lost_database(world, desk):
    """From the last reference dump and the topics the very state comes back."""
    dump(desk)
    approve(world, units()[0])
    submit(world, units()[1])
    wait_all_consumed(world)
    before = digest(world)
    drop_database(world)
    assert before in desk.execute("The database is lost")
    goes_on(world, units()[2])


def test_backup_older_than_the_topics(world, desk):
    """What came after the backup is applied again from the topics, once."""
    approve(world, units()[0])
    dump(desk)
    approve(world, units()[1])
    before = digest(world)
    drop_database(world)
    desk.execute("A backup is restored that is older than the topics")
    assert digest(world) == before
    goes_on(world, units()[2])


def test_halted_partition(world, desk):
    """A topic that was truncated before its records were read: nothing is skipped unseen, and what is given up is said."""
    approve(world, units()[0])
    desk.shell(["systemctl stop nianshen-worker"])
    partition = world.partition_of("B0")
    taken = world.ends("unit-review")[partition]
    world.client().send(*[events.unit_review("B0", YEAR) for _ in range(3)])
    first = taken + 2
    delete_before(world, "unit-review", {partition: first})
    desk.shell(["systemctl start nianshen-worker"])
    eventually(lambda: world.sql("SELECT halted FROM nianshen.partition_status WHERE halted IS NOT NULL"), "the partition to be halted")
    said = desk.execute("A partition is halted", TOPIC="unit-review", PARTITION=partition, FIRST=first)
    assert "incident 4711" in str(world.sql("SELECT reason FROM nianshen.partition_resumption")), said
    approve(world, units()[2])


def test_wrong_approval(world, desk):
    """The members are on the roster again, as new memberships; a repeat of the approval leaves them there."""
    unit = units()[0]
    submission = approve(world, unit)
    assert len(world.members(unit.code)) == MEMBERS - 2
    desk.execute("An approval was wrong", UNIT=unit.code, SUBMISSION=submission)
    assert world.members(unit.code) == unit.id_numbers
    [(place,)] = world.sql("SELECT digest FROM nianshen.review_status WHERE submission = %s", [submission])
    world.client().send(events.approved(unit.code, YEAR, submission, place, SUPERIOR, "R007"))
    check_ledger(world)
    assert world.members(unit.code) == unit.id_numbers
    assert not (desk.folder / "again.csv").exists()
    assert world.sql("SELECT count(*) FROM nianshen.audit_log WHERE action = 'archive-export'") == [(1,)]


def test_storm_of_broken_records(world, desk):
    """More than one run of discard takes by default; good records are applied between them."""
    client = world.client()
    for n in range(1500):
        client.record("unit-review", b"B0", b"{" + str(n).encode(), {})
    client.flush()
    approve(world, units()[0])
    desk.execute("A storm of broken records", CODE=world.sql("SELECT DISTINCT code FROM nianshen.dead_letter")[0][0])
    assert world.sql("SELECT state, count(*) FROM nianshen.dead_letter GROUP BY 1") == [("discarded", 1500)]
    goes_on(world, units()[1])


def test_moving_postgresql(world, desk, tmp_path):
    """Another server, the same state; the workers go on there."""
    approve(world, units()[0])
    before = digest(world)
    new = Cluster(world.stack.folder / "moved-postgres")
    new.start()
    try:
        desk.execute("Moving to another cluster of PostgreSQL", NEW_PGHOST=new.host)
        moved = desk.shell([f"export PGHOST={new.host}", "nianshen-ops digest"])
        assert before in moved
        desk.shell(["systemctl stop nianshen-worker"])
    finally:
        new.remove()


@pytest.mark.skipif(IS_NEXT, reason="its runbook halts three times: the second edition names one topic of a number at a time")
def test_moving_kafka(world, desk, tmp_path):
    """Workers halt on the new, empty topics instead of taking them for theirs; once that is meant, new events are applied and old ones are duplicates."""
    submission = approve(world, units()[0])
    before = digest(world)
    new = Broker(world.stack.folder / "moved-kafka")
    new.start()
    try:
        desk.execute("Moving to another cluster of Kafka", NEW_BOOTSTRAP=new.bootstrap, PARTITIONS=world.partitions, REPLICATION=1)
        assert digest(world) == before
        sender = world.client(**{"bootstrap.servers": new.bootstrap})
        review = events.unit_review("B2", YEAR)
        chunks = events.submission("B2", YEAR, review.id, {units()[2].members[0].id_number: "left"})
        sender.send(review, *chunks)
        eventually(lambda: (world.state(chunks[0].data["submission"]) or {}).get("state") == "pending", "the new topics to be read")
        assert world.state(submission)["state"] == "approved"
        desk.shell(["nianshen-ops check", "systemctl stop nianshen-worker"])
    finally:
        new.kill()
        shutil.rmtree(new.folder)


def test_each_section_was_executed(whole_session):
    """No section of the runbook is without its test."""
    assert Desk.executed == set(sections())
