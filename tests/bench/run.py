"""`make bench`: the workloads, each beside its limits and its peers on the same broker and database (fsync and synchronous_commit on), in rounds; ratios are
made round by round. Prints a table and writes build/bench.json.

BENCH_SCALE=1   of the sizes of the workloads
BENCH_ROUNDS=5  of each measurement
BENCH_UNITS=20000  units of W1 at scale 1; more sizes, separated by commas, show what a unit costs as the country grows
BENCH_ONLY=     some workloads only, for instance w2,w5
"""

import json
import os
import platform
import shutil
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1] / "system"), str(Path(__file__).parents[1])]

import latency
from parts import PEERS, YEAR, Bench, Series, measured
from support.programs import BIN, ROOT
from support.stack import Stack

SCALE = float(os.environ.get("BENCH_SCALE", "1"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
UNITS = [int(n) for n in os.environ.get("BENCH_UNITS", "20000").split(",")]
ONLY = [w for w in os.environ.get("BENCH_ONLY", "").split(",") if w]
PYTHON_PEER = [ROOT / "build/venv/bin/python", PEERS / "python/consumer.py"]


def scaled(n):
    return max(1, round(n * SCALE))


def say(text):
    print(f"[{time.monotonic() - START:6.0f} s] {text}", file=sys.stderr, flush=True)


class Report:
    def __init__(self):
        self.targets, self.details = [], []

    def detail(self, workload, name, unit, series):
        self.details.append({"workload": workload, "name": name, "unit": unit, **series.json()})
        say(f"{workload} {name}: {figure(series)} {unit}")

    def runs(self, workload, name, runs, entries=None):
        """What a kind of runs took."""
        self.detail(workload, f"{name}, seconds", "s", Series(r.seconds for r in runs))
        for part in ("own", "postgres", "broker"):
            self.detail(workload, f"{name}, CPU of {part}", "s", Series(getattr(r, f"{part}_cpu") for r in runs))
        self.detail(workload, f"{name}, memory at most", "MiB", Series(r.rss_mib for r in runs))
        if entries:
            self.detail(workload, f"{name}, own CPU a 1,000 entries", "ms", Series(r.own_cpu / entries * 1e6 for r in runs))

    def target(self, name, target, stretch, series, at_most=False):
        is_reached = series.median <= target if at_most else series.median >= target
        self.targets.append({"name": name, "target": target, "stretch": stretch, "at_most": at_most, "is_reached": is_reached, **series.json()})

    def table(self):
        lines = ["| | target | stretch | reached (median, spread) | |", "| --- | --- | --- | --- | --- |"]
        for t in self.targets:
            sign = "≤" if t["at_most"] else "≥"
            spread = f"{t['median']:.2f} ({t['least']:.2f} to {t['most']:.2f})"
            lines.append(f"| {t['name']} | {sign} {t['target']} | {sign} {t['stretch']} | {spread} | {'yes' if t['is_reached'] else '**no**'} |")
        lines += ["", "| | | median | least | most | |", "| --- | --- | --- | --- | --- | --- |"]
        for d in self.details:
            lines.append(f"| {d['workload']} | {d['name']} | {number(d['median'])} | {number(d['least'])} | {number(d['most'])} | {d['unit']} |")
        return "\n".join(lines)

    def json(self):
        return {"scale": SCALE, "rounds": ROUNDS, "units": UNITS, "cores": os.cpu_count(), "machine": platform.machine(),
                "when": time.strftime("%Y-%m-%d %H:%M"), "targets": self.targets, "details": self.details}


def number(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"


def figure(series):
    return f"{number(series.median)} ({number(min(series.values))} to {number(max(series.values))})"


def expect(what, found, wanted):
    """A run that did not do the work is no run."""
    if found != wanted:
        raise SystemExit(f"bench: {what}: {found} instead of {wanted}")


def rate(runs, count):
    return Series(count / r.seconds for r in runs)


# ---- W2: one giant in list mode ----

def copy_file(bench, database):
    """The peer's rows as a file of binary COPY, and how many."""
    path = bench.folder / "rows.copy"
    bench.psql(database, "-c", f"\\copy entry TO '{path}' (FORMAT binary)")
    return path, bench.ask(database, "SELECT count(*) FROM entry")[0][0]


def run_w2(stack, report):
    thousands = scaled(1000)
    entries = 1000 * thousands
    bench = Bench(stack, "w2", "giant", thousands)
    say(f"W2: roster of {entries:,}")
    seconds = bench.prepare()
    report.detail("W2", "roster load", "rows/s", Series([entries / seconds]))
    bench.publish("reviews", "submissions")
    ours, python, copies, consumed, copy = [], [], [], [], None
    for _ in range(ROUNDS):
        database = bench.copy()
        ours.append(bench.work(database))
        expect("W2", bench.ask(database, "SELECT state, listed FROM nianshen.review_status"), [("pending", entries)])
        bench.drop(database)
        database = bench.peer_database()
        python.append(bench.peer(PYTHON_PEER, database))
        expect("W2 of the peer", bench.ask(database, "SELECT count(*) FROM entry"), [(entries,)])
        copy = copy or copy_file(bench, database)
        bench.drop(database)
        database = bench.peer_database()
        copies.append(bench.psql(database, "-c", f"\\copy entry FROM '{copy[0]}' (FORMAT binary)"))
        bench.drop(database)
        consumed.append(bench.consume_seconds("unit-review", "member-review"))
    report.detail("W2", "entries by the worker", "a second", rate(ours, entries))
    report.detail("W2", "entries by the Python peer", "a second", rate(python, entries))
    report.detail("W2", "limit: binary COPY with the primary key", "rows/s", rate(copies, entries))
    report.detail("W2", "limit: consume only", "entries/s", Series(entries / s for s in consumed))
    report.runs("W2", "worker", ours, entries)
    report.runs("W2", "Python peer", python, entries)
    report.runs("W2", "COPY", copies, entries)
    report.target("W2 entries/s ÷ binary COPY of the same rows with that primary key", 4, 10, rate(ours, entries) / rate(copies, entries))
    report.target("W2 time of the Python batch consumer ÷ ours", 1.5, 4, rate(ours, entries) / rate(python, entries))
    return [r.rss_mib for r in ours]


# ---- W1: the national mix, and W4: its rebuild ----

def prepare_w1(bench, report, units):
    members_seconds = bench.prepare()
    members = bench.ask(bench.database, "SELECT count(*) FROM nianshen.membership")[0][0]
    report.detail("W1", f"{units} units: roster load of {members:,}", "rows/s", Series([members / members_seconds]))
    records, _ = bench.publish("reviews", "submissions")
    database = bench.copy()
    live = bench.work(database)
    records += bench.publish_approvals(database)
    bench.drop(database)
    report.detail("W1", f"{units} units: until all are pending, before the decisions came", "units/s", Series([units / live.seconds]))
    return records


def run_w1(stack, report):
    costs, rss = {}, []
    for base in UNITS:
        units = scaled(base)
        bench = Bench(stack, f"w1-{base}", "national", units)
        say(f"W1: {units:,} units")
        records = prepare_w1(bench, report, units)
        ours, pairs, python, verified, consumed, commits, kept = [], [], [], [], [], [], None
        for _ in range(ROUNDS):
            database = bench.copy()
            ours.append(bench.work(database))
            expect("W1", bench.ask(database, "SELECT count(*) FROM nianshen.submission WHERE state = 'approved'"), [(units,)])
            verified.append(verify(bench, database))
            commits.append(bare_commits(bench, database))
            bench.drop(database)
            database = bench.copy()
            pairs.append(bench.work(database, workers=2))
            expect("W1 of two", bench.ask(database, "SELECT count(*) FROM nianshen.submission WHERE state = 'approved'"), [(units,)])
            bench.drop(database)
            database = bench.peer_database()
            python.append(bench.peer(PYTHON_PEER, database))
            expect("W1 of the peer", bench.ask(database, "SELECT count(*) FROM event"), [(2 * units,)])
            kept = bench.ask(database, "SELECT count(*) FROM entry")[0][0]
            bench.drop(database)
            consumed.append(bench.consume_seconds("unit-review", "member-review", "approval"))
        name = f"{units} units: "
        report.detail("W1", f"{name}listed entries", "", Series([kept]))
        report.detail("W1", f"{name}units by the worker", "a second", rate(ours, units))
        report.detail("W1", f"{name}events by the worker", "a second", rate(ours, records))
        report.detail("W1", f"{name}events by the Python peer", "a second", rate(python, records))
        report.detail("W1", f"{name}limit: consume only", "events/s", Series(records / s for s in consumed))
        report.detail("W1", f"{name}limit: bare commits", "a second", Series(commits))
        report.detail("W4", f"{name}events by verify", "a second", rate(verified, records))
        for kind, runs in (("worker", ours), ("two workers", pairs), ("Python peer", python), ("verify", verified)):
            report.runs("W1", name + kind, runs)
        report.target(f"W1 ({units} units) time of the Python batch consumer ÷ ours", 1.5, 4, rate(ours, units) / rate(python, units))
        report.target(f"W4 rebuild ÷ W1's first run ({units} units), events/s", 1.0, 2, rate(verified, records) / rate(ours, records))
        report.target(f"two workers on W1 ÷ one ({units} units)", 1.0, 2, rate(pairs, units) / rate(ours, units))
        costs[units] = Series(r.seconds / units for r in ours)
        rss += [r.rss_mib for r in ours]
    least, most = min(costs), max(costs)
    if least < most:
        report.target(f"W1 cost a unit at {most} units ÷ at {least} units", 1.15, 1.05, costs[most] / costs[least], at_most=True)
    country = Series(2_500_000 * cost / 60 for cost in costs[most].values)
    report.target("the whole country's year (2.5 million units) at that cost, extrapolated, minutes", 60, 10, country, at_most=True)
    return rss


def verify(bench, database):
    env = {**bench.env("nianshen"), "PGDATABASE": database}
    return measured(bench.stack, [[BIN / "nianshen-ops", "verify", "--year", YEAR]], env, f"{bench.name}-verify")


def bare_commits(bench, database):
    """Commits a second of one session that writes one row each."""
    script = bench.folder / "commit.sql"
    script.write_text("INSERT INTO bench_commit VALUES (1);\n")
    bench.psql(database, "-c", "CREATE TABLE bench_commit (n integer)")
    env = {**os.environ, **bench.stack.cluster.variables(database)}
    run = measured(bench.stack, [["pgbench", "-n", "-T", "3", "-f", script]], env, "pgbench")
    return next(float(line.split()[2]) for line in run.output.splitlines() if line.startswith("tps"))


# ---- W3: decisions ----

BARE_DECISION = """
WITH gone AS (
    DELETE FROM nianshen.membership m USING nianshen.entry e JOIN nianshen.submission s USING (submission_key)
    WHERE m.enrolment = e.enrolment AND m.valid_until_ms = nianshen.forever_ms()
    RETURNING m.*, s.year, s.submission, e.reason
)
INSERT INTO nianshen.removed_member SELECT g.*, 'bench', 'bench', 0 FROM gone g;
"""


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
        failing = bench.ask(pending, "SELECT sum(failed) FROM nianshen.review_status WHERE state = 'pending'")[0][0]
        ours, bare = [], []
        for _ in range(ROUNDS):
            database = bench.copy()
            ours.append(bench.work(database))
            expect("W3", bench.ask(database, "SELECT count(*) FROM nianshen.removed_member"), [(failing,)])
            bench.drop(database)
            database = bench.copy()
            bare.append(bench.psql(database, "-c", BARE_DECISION))
            expect("W3's limit", bench.ask(database, "SELECT count(*) FROM nianshen.removed_member"), [(failing,)])
            bench.drop(database)
        what = f"{size} approvals" if kind == "many" else "one approval"
        report.detail("W3", f"{what}: members removed by the worker", "a second", rate(ours, failing))
        report.detail("W3", f"{what}: limit: bare DELETE and INSERT", "a second", rate(bare, failing))
        report.runs("W3", f"{what}: worker", ours, failing)
        report.runs("W3", f"{what}: bare", bare, failing)
        report.target(f"W3 ({what} of {failing} members) members removed/s ÷ a bare DELETE … USING with archive INSERT", 0.7, 0.9,
                      rate(ours, failing) / rate(bare, failing))
        rss += [r.rss_mib for r in ours]
    return rss


# ---- W5: latency ----

def run_w5(stack, report):
    return latency.run(stack, report, say, scaled, ROUNDS)


WORKLOADS = {"w2": run_w2, "w1": run_w1, "w3": run_w3, "w5": run_w5}


def main():
    report, rss, stack = Report(), [], None
    try:
        stack = Stack("bench", fsync="on")
        stack.start()
        for name, run in WORKLOADS.items():
            if not ONLY or name in ONLY:
                rss += run(stack, report)
                while stack.worlds:
                    stack.worlds[-1].remove()
        if rss:
            report.target("the worker's memory in any workload, MiB", 96, 48, Series([max(rss)]), at_most=True)
        (ROOT / "build/bench.json").write_text(json.dumps(report.json(), indent=1) + "\n")
        print(report.table())
    finally:
        if stack is not None:
            stack.stop()
            shutil.rmtree(stack.folder)


START = time.monotonic()
if __name__ == "__main__":
    main()
