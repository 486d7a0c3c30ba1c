"""`make bench`: the workloads, each beside its limits and its peers on the same broker and database (fsync and synchronous_commit on), in rounds; ratios are
made round by round. Prints tables and writes build/bench.json and build/bench.svg. What a failed run leaves behind is in build/bench-logs.

BENCH_SCALE=1   of the sizes of the workloads
BENCH_ROUNDS=5  of each measurement that a target speaks of
BENCH_UNITS=20000,2000     units of W1 at scale 1. Targets speak of the first; the others show how rates go with size, in fewer rounds
BENCH_GIANTS=1000,100,10   thousands of entries of W2, likewise
BENCH_ONLY=     some workloads only, for instance w2,w5
BENCH_EDITION=next         the second edition, until the switch: one worker with one lane and with two
"""

import json
import os
import shutil
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "system"), str(Path(__file__).parents[1])]

import edition
import latency
import machine
import picture
from limits import COPY, Peers, bare_commits, report_limits
from parts import YEAR, Bench, added, expect, measured
from results import Report, Series, growth_of, rate, seconds, tables
from support.programs import BIN, ROOT
from support.stack import Stack


def numbers(name, default):
    return [int(n) for n in os.environ.get(name, default).split(",")]


SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
FEW = min(3, ROUNDS)
UNITS, GIANTS = numbers("BENCH_UNITS", "20000,2000"), numbers("BENCH_GIANTS", "1000,100,10")
ONLY = [w for w in os.environ.get("BENCH_ONLY", "").split(",") if w]
LOGS = ROOT / "build/bench-logs"


def scaled(n):
    return max(1, round(n * SCALE))


def say(text):
    print(f"[{time.monotonic() - START:6.0f} s] {text}", file=sys.stderr, flush=True)


class Rounds:
    """How often what is run: what the targets speak of in all rounds; smaller sizes are for the picture, larger ones for how our cost grows."""

    def __init__(self, size, main):
        self.ours = ROUNDS if size >= main else FEW
        self.peers = ROUNDS if size == main else FEW if size < main else 1
        self.others = FEW if size == main else 1


# ---- W2: one giant in list mode ----

def run_giant(stack, report, thousands, rounds, is_main):
    entries, bench = 1000 * thousands, Bench(stack, f"w2-{thousands}", "giant", thousands)
    label = "" if is_main else f"{entries:,} entries: "
    say(f"W2: {entries:,} entries")
    loading = bench.prepare()
    bench.create_flat_topics()
    records, _ = bench.publish("reviews", "submissions")
    bench.publish("flat-entries", "flat-reviews")
    peers, ours, consumed, commits = Peers(bench, events=1), [], [], []
    for n in range(rounds.ours):
        database = bench.copy()
        ours.append(bench.work(database))
        expect("W2", bench.ask(database, f"SELECT state, listed FROM {edition.STATUS}"), [("pending", entries)])
        bench.drop(database)
        if n < rounds.peers:
            peers.round()
        if n < rounds.others:
            consumed.append(bench.consume_seconds("unit-review", "member-review"))
            commits.append(bare_commits(bench, records))
    report.ran("W2", f"{label}worker", ours, entries, "entries")
    report.point("W2", "nianshen", entries, rate(ours, entries))
    peers.report(report, "W2", label, entries, entries, "entries")
    report_limits(report, "W2", label, records, consumed, commits)
    report.figure("W2", f"{label}roster load", "rows a second", Series([entries / loading]))
    if is_main:
        report.target("W2 entries/s ÷ binary COPY of the same rows into a table with that primary key", 4, 10, seconds(peers.runs[COPY]) / seconds(ours))
        report.target("W2 entries/s ÷ Debezium's JDBC sink, rows/s", 10, 25, seconds(peers.runs["Debezium's sink"]) / seconds(ours))
    bench.remove()
    return [r.rss_mib for r in ours]


def run_w2(stack, report):
    rss = []
    for giant in GIANTS:
        rss += run_giant(stack, report, scaled(giant), Rounds(giant, GIANTS[0]), giant == GIANTS[0])
    return rss


# ---- W1: the national mix, and W4: its rebuild ----

def prepare_w1(bench, report, label, units):
    loading = bench.prepare()
    members = bench.ask(bench.database, "SELECT count(*) FROM nianshen.membership")[0][0]
    report.figure("W1", f"{label}roster load of {members:,}", "rows a second", Series([members / loading]))
    bench.create_flat_topics()
    records, _ = bench.publish("reviews", "submissions")
    bench.publish("flat-entries", "flat-reviews")
    database = bench.copy()
    live = bench.work(database)
    records += bench.publish_approvals(database)
    bench.publish_approvals(database, "flat-approvals")
    bench.drop(database)
    report.figure("W1", f"{label}until all are pending, before the decisions came", "units a second", Series([units / live.seconds]))
    return records


def work_w1(bench, units, width=1):
    """One run from an empty database; the caller drops the database that it leaves."""
    database = bench.copy()
    run = bench.work(database, width)
    say(f"W1 {units:,} units, {width} at work: {run.seconds:.1f} s, memory {run.rss_mib:.0f} MiB")
    expect("W1", bench.ask(database, f"SELECT count(*) FROM {edition.SUBMISSION} WHERE state = 'approved'"), [(units,)])
    return database, run


def run_nation(stack, report, units, rounds, is_main):
    """Returns our runs."""
    bench = Bench(stack, f"w1-{units}", "national", units)
    label = f"{units:,} units: "
    say(f"W1: {units:,} units")
    records = prepare_w1(bench, report, label, units)
    peers, ours, pairs, verified, consumed, commits = Peers(bench, events=2 * units), [], [], [], [], []
    for n in range(rounds.ours):
        database, run = work_w1(bench, units)
        ours.append(run)
        if n < rounds.peers and edition.HAS_VERIFY:
            verified.append(verify(bench, database))
        bench.drop(database)
        if n < rounds.others:
            database, run = work_w1(bench, units, width=2)
            pairs.append(run)
            bench.drop(database)
            consumed.append(bench.consume_seconds("unit-review", "member-review", "approval"))
            commits.append(bare_commits(bench, records))
        if n < rounds.peers:
            peers.round()
    for name, runs in zip(edition.WIDTHS, (ours, pairs)):
        report.ran("W1", label + name, runs, units, "units", peers.entries)
    report.point("W1", "nianshen", units, rate(ours, units))
    peers.report(report, "W1", label, units, units, "units")
    if verified:
        report.ran("W4", f"{label}verify", verified, records, "events", peers.entries)
    report_limits(report, "W1", label, records, consumed, commits)
    report.figure("W1", f"{label}listed entries", "", Series([peers.entries]))
    if is_main:
        report_targets_w1(report, units, ours, pairs, verified, peers)
    bench.remove()
    return ours


def report_targets_w1(report, units, ours, pairs, verified, peers):
    name, best = peers.best_hand_written()
    report.target(f"W1 ({units:,} units) time of Debezium's sink ÷ ours", 3, 8, seconds(peers.runs["Debezium's sink"]) / seconds(ours))
    report.target(f"W1 ({units:,} units) time of the better hand-written batch consumer ({name}) ÷ ours", 1.5, 4, seconds(best) / seconds(ours))
    if verified:
        report.target(f"W4 rebuild ÷ W1's first run ({units:,} units), events/s", 1.0, 2, seconds(ours) / seconds(verified))
    report.target(f"{edition.WIDTHS[1]} on W1 ÷ one ({units:,} units)", None, None, seconds(ours) / seconds(pairs))


def run_w1(stack, report):
    costs, rss = {}, []
    for base in UNITS:
        units = scaled(base)
        runs = run_nation(stack, report, units, Rounds(base, UNITS[0]), base == UNITS[0])
        costs[units] = Series(r.seconds / units for r in runs)
        rss += [r.rss_mib for r in runs]
    main, most = scaled(UNITS[0]), max(costs)
    if most > main:
        report.target(f"W1 cost a unit at {most:,} units ÷ at {main:,} units", 1.15, 1.05, costs[most] / costs[main], at_most=True)
    if (exponent := growth_of(costs)) is not None:
        report.figure("W1", f"cost a unit from {min(costs):,} to {most:,} units: grows as size to the power of", "", Series([exponent]))
    report.country(costs)
    return rss


def verify(bench, database):
    env = {**bench.env("nianshen"), "PGDATABASE": database}
    return measured(bench.stack, [[BIN / "nianshen-ops", "verify", "--year", YEAR]], env, f"{bench.name}-verify")


# ---- W3: decisions ----

BARE_DECISION = f"""
WITH gone AS (
    DELETE FROM nianshen.membership m USING {edition.FAILING} e
    WHERE m.enrolment = e.enrolment AND m.valid_until_ms = nianshen.forever_ms()
    RETURNING m.*, e.year, e.submission, e.reason
)
INSERT INTO {edition.ARCHIVE} SELECT g.*, 'bench', 'bench', 0 FROM gone g;
"""


def settle(bench, database, approved):
    """What the decisions and the move of the removed rows took together, until nothing is left to do."""
    moved = bench.command(database, "settle")
    expect("W3's move", bench.ask(database, "SELECT count(*) FROM nianshen_engine.removal_due"), [(0,)])
    return added(approved, moved)


def report_targets_w3(report, label, failing, ours, settled, bare):
    least, stretch = (5, 15) if edition.IS_NEXT else (0.7, 0.9)
    report.target(f"{label} members removed/s ÷ a bare DELETE … USING with archive INSERT", least, stretch, seconds(bare) / seconds(ours))
    if settled:
        report.ran("W3", f"{label.removeprefix('W3 ')} worker, and the rows moved to the archive", settled, failing, "members removed")
        report.target(f"{label} the same with the rows moved to the archive", 0.9, 1.2, seconds(bare) / seconds(settled))


def run_w3(stack, report):
    rss = []
    shapes = {"many": ("failing", scaled(5000), 100), "one": ("exodus", scaled(550), None)}
    for kind, (shape, size, _) in shapes.items():
        bench = Bench(stack, f"w3-{kind}", shape, size)
        say(f"W3: {kind}")
        bench.prepare()
        bench.publish("reviews", "submissions")
        pending = bench.copy()
        bench.work(pending)
        bench.become(pending)
        bench.publish_approvals(pending)
        failing = bench.ask(pending, f"SELECT sum(failed) FROM {edition.STATUS} WHERE state = 'pending'")[0][0]
        ours, settled, bare = [], [], []
        for _ in range(ROUNDS):
            database = bench.copy()
            ours.append(bench.work(database))
            expect("W3", bench.ask(database, f"SELECT count(*) FROM {edition.REMOVED}"), [(failing,)])
            if edition.IS_NEXT:
                settled.append(settle(bench, database, ours[-1]))
            bench.drop(database)
            database = bench.copy()
            bare.append(bench.psql(database, "-c", BARE_DECISION))
            expect("W3's limit", bench.ask(database, f"SELECT count(*) FROM {edition.ARCHIVE}"), [(failing,)])
            bench.drop(database)
        what = f"{size:,} approvals" if kind == "many" else "one approval"
        report.ran("W3", f"{what}: worker", ours, failing, "members removed")
        report.ran("W3", f"{what}: limit: bare DELETE and INSERT", bare, failing, "members removed")
        report_targets_w3(report, f"W3 ({what}, {failing:,} members)", failing, ours, settled, bare)
        rss += [r.rss_mib for r in ours]
    return rss


# ---- W5: latency ----

def run_w5(stack, report):
    return latency.run(stack, report, say, scaled, ROUNDS)


WORKLOADS = {"w2": run_w2, "w1": run_w1, "w3": run_w3, "w5": run_w5}


# ---- the whole ----

def setting():
    """What was run, where and when."""
    given = " ".join(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("BENCH_"))
    return {"when": time.strftime("%Y-%m-%d %H:%M"), "began": START, "command": f"{given} make bench".strip(), "commit": machine.commit(),
            "machine": machine.described(), "scale": SCALE, "rounds": ROUNDS, "units": UNITS, "giants": GIANTS}


def keep_logs(stack, report):
    """What the programs of a failed run said, broker and database among them, and what was measured until then: its folder is removed."""
    shutil.rmtree(LOGS, ignore_errors=True)
    LOGS.mkdir(parents=True)
    (LOGS / "bench.json").write_text(json.dumps(report.json(), indent=1) + "\n")
    for file in stack.folder.rglob("*"):
        place = file.relative_to(stack.folder)
        if (file.name == "log" or file.suffix == ".log") and "data" not in place.parts and file.is_file():
            shutil.copy(file, LOGS / "-".join(place.parts))
    pid = stack.folder / "kafka/pid"
    is_running = pid.exists() and Path("/proc", pid.read_text().strip(), "cmdline").exists()
    say(f"failed; the broker {'was running' if is_running else 'HAD ENDED'}; the logs of broker, database, workers and peers are in {LOGS.relative_to(ROOT)}")


def run_all(stack, report):
    rss = []
    for name, run in WORKLOADS.items():
        if not ONLY or name in ONLY:
            rss += run(stack, report)
            while stack.worlds:
                stack.worlds[-1].remove()
    if rss:
        report.target("the worker's memory in any workload, MiB", 96, 48, Series([max(rss)]), at_most=True)


def main():
    report, stack = Report(setting(), say), Stack("bench", fsync="on")
    try:
        machine.start(stack)
        run_all(stack, report)
    except BaseException:
        keep_logs(stack, report)
        raise
    finally:
        stack.stop()
        shutil.rmtree(stack.folder)
    data = report.json()
    (ROOT / "build/bench.json").write_text(json.dumps(data, indent=1) + "\n")
    (ROOT / "build/bench.svg").write_text(picture.draw(data))
    print(tables(data))


START = time.monotonic()
if __name__ == "__main__":
    main()
