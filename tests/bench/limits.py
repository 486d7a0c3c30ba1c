"""What the workloads are held against, on the same content: the limits (COPY, bare commits), and the peers, who only write the rows."""

import os

import connect
from parts import PEER_BUILDS, PEERS, expect, measured
from results import Series, rate, seconds
from support.programs import ROOT

COMMITS_MAX = 5000  # timed; more are told from their rate


def hand_written(*command):
    return lambda bench, database, rows: bench.peer(command, database)


RUNNERS = {
    "Go": hand_written(PEER_BUILDS / "go-peer"),
    "Python": hand_written(ROOT / "build/venv/bin/python", PEERS / "python/consumer.py"),
    "Debezium's sink": connect.run,
}
COPY = "COPY, primary key"


class Peers:
    """Those who only write the rows. Each must have written what the generator says that the records hold, else its run is none."""

    def __init__(self, bench, events):
        self.bench, self.events, self.events_content = bench, events, None
        self.file, self.content = bench.rows_file()
        self.runs = {name: [] for name in (COPY, *RUNNERS)}

    @property
    def entries(self):
        return self.content[0]

    def round(self):
        self._run(COPY, lambda bench, database, rows: bench.psql(database, "-c", f"\\copy entry FROM '{self.file}' (FORMAT binary)"))
        for name, runner in RUNNERS.items():
            self._run(name, runner)

    def _run(self, name, runner):
        database = self.bench.peer_database()
        self.runs[name].append(runner(self.bench, database, {"entry": self.entries, "event": self.events}))
        expect(f"rows of {name}", self.bench.content(database, "entry"), self.content)
        if name != COPY:
            found = self.bench.content(database, "event")
            self.events_content = self.events_content or (self.events, found[1])
            expect(f"events of {name}", found, self.events_content)
        self.bench.drop(database)

    def report(self, report, chart, label, size, count, unit):
        """A rate each, by what the chart counts."""
        for name, runs in self.runs.items():
            if name == COPY:
                report.ran(chart, f"{label}limit: binary {COPY}", runs, self.entries, "rows")
            else:
                report.ran(chart, f"{label}{name}", runs, count, unit, self.entries)
            if name != COPY or unit == "entries":
                report.point(chart, name, size, rate(runs, count))

    def best_hand_written(self):
        """Name and runs of the faster one."""
        return min((seconds(self.runs[name]).median, name, self.runs[name]) for name in ("Go", "Python"))[1:]


def bare_commits(bench, records):
    """Seconds that as many bare commits take as there are records: of one session, one row each."""
    database, script = bench.peer_database(), bench.folder / "commit.sql"
    script.write_text("INSERT INTO bench_commit VALUES (1);\n")
    bench.psql(database, "-c", "CREATE TABLE bench_commit (n integer)")
    env = {**os.environ, **bench.stack.cluster.variables(database)}
    run = measured(bench.stack, [["pgbench", "-n", "-t", str(min(records, COMMITS_MAX)), "-f", script]], env, "pgbench")
    bench.drop(database)
    return records / next(float(line.split()[2]) for line in run.output.splitlines() if line.startswith("tps"))


def report_limits(report, workload, label, records, consumed, commits):
    report.figure(workload, f"{label}limit: consume only, all {records:,} records", "s", Series(consumed))
    report.figure(workload, f"{label}limit: as many bare commits as records", "s", Series(commits))
