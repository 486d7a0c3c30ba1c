"""What the workloads stand on: a stack that keeps its promises (fsync on), prepared databases that each run gets a copy of, and measured processes."""

import itertools
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka.admin import AdminClient, NewTopic

import edition
from support.programs import BIN, ROOT
from support.stack import World

TOOLS = ROOT / "build/release/bench"
PEERS = Path(__file__).parent / "peers"
PEER_BUILDS = ROOT / "build/peers"
YEAR, SUPERIOR, REVIEWER = 2026, "S01", "R007"
PARTITIONS = 12  # what the README gives as an example
ROSTER_FILE_ROWS = 5_000_000  # of a whole country's roster nobody has a single file
SETUP_SECONDS_MAX = 7200
RUN_SECONDS_MAX = 3600  # what has not ended by then is killed, and the bench fails
BACKEND_END_SECONDS = 0.3  # a backend notices a moment later that its client has gone; its CPU is counted once it has ended
MEMORY_LOOK_SECONDS = 0.05
TICKS = os.sysconf("SC_CLK_TCK")


# ---- measuring ----

@dataclass
class Run:
    """One measured run: seconds on the clock, CPU seconds by part and of others on the machine, the largest memory of the programs that ran."""

    seconds: float
    own_cpu: float
    postgres_cpu: float
    broker_cpu: float
    others_cpu: float
    rss_mib: float
    output: str = ""


def cpu_of(pid):
    """CPU seconds of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def cpu_of_postgres(cluster):
    postmaster = int(Path(cluster.host, "data/postmaster.pid").read_text().split()[0])
    total = cpu_of(postmaster)
    for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
        try:
            total += cpu_of(child)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has ended meanwhile, and is counted with its parent the next time
    return total


def cpu_of_machine():
    """CPU seconds that were not idle, what a hypervisor took for others among them."""
    user, nice, system, _, _, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


class Measure:
    """`with Measure(stack) as m: …` takes the time and the CPU of broker and database; `m.run(output)` makes the Run of it."""

    def __init__(self, stack):
        self.stack = stack

    def _cpus(self):
        broker = int((self.stack.folder / "kafka/pid").read_text())
        try:
            of_broker = cpu_of(broker)
        except (FileNotFoundError, ProcessLookupError):
            raise SystemExit("bench: the broker has ended") from None
        return cpu_of_postgres(self.stack.cluster), of_broker, cpu_of_machine() - time.process_time()  # less our own

    def __enter__(self):
        self.before = self._cpus()
        self.start = time.monotonic()
        return self

    def __exit__(self, *failure):
        self.seconds = time.monotonic() - self.start
        time.sleep(BACKEND_END_SECONDS)
        self.after = self._cpus()

    def run(self, own_cpu, rss_mib, output):
        postgres, broker, machine = (after - before for before, after in zip(self.before, self.after))
        return Run(self.seconds, own_cpu, postgres, broker, max(0, machine - own_cpu - postgres - broker), rss_mib, output)


def peak_mib(pid):
    """The most memory that a process has had; 0 once it has ended, though it may still wait to be reaped."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0)


class MemoryWatch(threading.Thread):
    """The most memory that any of the processes had. It only grows, so the last look tells all but the very end; what wait4 tells begins with the
    memory of the Python that forked it."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.mib = pids, 0.0
        self.start()

    def run(self):
        while any([self._look(pid) for pid in self.pids]):
            time.sleep(MEMORY_LOOK_SECONDS)

    def _look(self, pid):
        mib = peak_mib(pid)
        self.mib = max(self.mib, mib)
        return mib > 0


def wait_for_all(started):
    """What each has used, once all have ended; those that do not in time are killed."""
    overdue = threading.Timer(RUN_SECONDS_MAX, lambda: [process.kill() for process, _ in started])
    overdue.daemon = True
    overdue.start()
    usages = []
    for process, _ in started:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        usages.append(usage)
    overdue.cancel()
    return usages


def measured(stack, commands, env, name):
    """Runs commands side by side to their ends, each with a log of its own; all must succeed, and in time."""
    started = []
    with Measure(stack) as measure:
        for number, command in enumerate(commands):
            log = stack.folder / f"{name}-{number}.log"
            with open(log, "wb") as out:
                started.append((subprocess.Popen([str(c) for c in command], env=env, stdout=out, stderr=out), log))
        memory = MemoryWatch([process.pid for process, _ in started])
        usages = wait_for_all(started)
    for process, log in started:
        if process.returncode != 0:
            raise SystemExit(f"bench: {' '.join(process.args)} ended with {process.returncode}:\n{log.read_text()[-3000:]}")
    memory.join()
    own_cpu = sum(usage.ru_utime + usage.ru_stime for usage in usages)
    return measure.run(own_cpu, memory.mib, "".join(log.read_text() for _, log in started))


def added(first, then):
    """Two runs, one after the other, as one."""
    sums = {part: getattr(first, part) + getattr(then, part) for part in ("seconds", "own_cpu", "postgres_cpu", "broker_cpu", "others_cpu")}
    return Run(**sums, rss_mib=max(first.rss_mib, then.rss_mib))


def expect(what, found, wanted):
    """A run that did not do the work is no run."""
    if found != wanted:
        raise SystemExit(f"bench: {what}: {found} instead of {wanted}")


# ---- the stack ----

def tidy(stack, database):
    """As autovacuum would have left it by the time of the campaign."""
    with stack.cluster.connect(database) as admin:
        admin.execute("VACUUM (FREEZE, ANALYZE)")


class Bench(World):
    """A world with a load of its own. `base` is the database that all runs begin from."""

    def __init__(self, stack, name, shape, units, seed=1):
        super().__init__(stack, name, partitions=PARTITIONS)
        stack.worlds.append(self)
        self.shape = [shape, str(units), str(seed)]
        self.copies = 0

    def tool(self, *args, **more):
        done = subprocess.run([TOOLS / "load", *args], check=True, capture_output=True, text=True, timeout=SETUP_SECONDS_MAX, **more)
        return done.stdout

    def publish(self, *kinds):
        """Returns how many records and bytes."""
        counts = [self.tool(kind, *self.shape, self.stack.broker.bootstrap, self.prefix).split() for kind in kinds]
        return [sum(int(c[i]) for c in counts) for i in range(2)]

    def publish_approvals(self, database, kind="approvals"):
        lines = self.ask(database, f"SELECT unit || ' ' || submission || ' ' || digest FROM {edition.STATUS} WHERE state = 'pending' ORDER BY unit")
        text = "".join(f"{line}\n" for (line,) in lines)
        return int(self.tool(kind, self.stack.broker.bootstrap, self.prefix, input=text).split()[0])

    def create_flat_topics(self):
        """For the peer that turns one record into one row."""
        admin = AdminClient({"bootstrap.servers": self.stack.broker.bootstrap, "log_level": 0})
        topics = [NewTopic(self.prefix + name, PARTITIONS, 1, config={"compression.type": "uncompressed"}) for name in ("entry", "event")]
        for done in admin.create_topics(topics).values():
            done.result(SETUP_SECONDS_MAX)

    def load_roster(self):
        """Units and members by `roster load`; returns its seconds for the members, whose file is cut into some that it takes."""
        units = self.folder / "units.csv"
        with open(units, "wb") as out:
            subprocess.run([TOOLS / "load", "units", *self.shape], check=True, stdout=out)
        self.ops("roster", "load", "--units", units, seconds=SETUP_SECONDS_MAX).expect(0)
        seconds = 0
        with subprocess.Popen([TOOLS / "load", "members", *self.shape], stdout=subprocess.PIPE) as made:
            header = made.stdout.readline()
            while first := made.stdout.readline():
                seconds += self._load_members(itertools.chain((header, first), itertools.islice(made.stdout, ROSTER_FILE_ROWS - 1)))
        if made.returncode != 0:
            raise SystemExit(f"bench: the members were not made: {made.returncode}")
        return seconds

    def _load_members(self, lines):
        file = self.folder / "members.csv"
        with open(file, "wb") as out:
            out.writelines(lines)
        start = time.monotonic()
        self.ops("roster", "load", "--members", file, seconds=SETUP_SECONDS_MAX).expect(0)
        seconds = time.monotonic() - start
        file.unlink()
        return seconds

    def prepare(self):
        seconds = self.load_roster()
        self.open_campaign(YEAR, [(REVIEWER, SUPERIOR)])
        tidy(self.stack, self.database)
        return seconds

    # ---- copies ----

    def copy(self):
        """A copy of the base for one run; what the copying left to be written is written, and the memory is the copy's."""
        self.copies += 1
        name = f"{self.database}_{self.copies}"
        with self.stack.cluster.connect() as admin:
            admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.database}" STRATEGY FILE_COPY')
            admin.execute("CHECKPOINT")
        self._forget(self.database)
        return name

    def _forget(self, database):
        """Takes its pages out of the system's cache. Nobody has a roster twice on a machine: beside one of 10 GB the copy would be read from the disk."""
        oid = self.ask("postgres", f"SELECT oid FROM pg_database WHERE datname = '{database}'")[0][0]
        for path in Path(self.stack.cluster.host, "data/base", str(oid)).glob("[0-9]*"): # the tables and indexes; other files come and go
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def become(self, database):
        """That database is the base from now on."""
        with self.stack.cluster.connect() as admin:
            admin.execute(f'DROP DATABASE "{self.database}"')
        self.database = database
        tidy(self.stack, database)

    def drop(self, database):
        with self.stack.cluster.connect() as admin:
            admin.execute(f'DROP DATABASE "{database}" WITH (FORCE)')

    def ask(self, database, query):
        with self.stack.cluster.connect(database) as connection:
            return connection.execute(query).fetchall()

    # ---- runs ----

    def work(self, database, width=1):
        """All that stands in the topics is taken in; `width`: by how many workers, or lanes."""
        env = {**self.env("nianshen_worker"), "PGDATABASE": database}
        return measured(self.stack, [[BIN / "nianshen-worker", *args] for args in edition.workers(width)], env, f"{self.name}-worker")

    def command(self, database, *args):
        """A command of the operators."""
        env = {**self.env("nianshen_ops"), "PGDATABASE": database}
        return measured(self.stack, [[BIN / "nianshen-ops", *args]], env, f"{self.name}-{args[0]}")

    def peer(self, command, database):
        env = {**self.env("nianshen"), "PGDATABASE": database, "BENCH_GROUP": f"{database}-peer", "BENCH_SQL": str(PEERS)}
        env.pop("PYTHONPYCACHEPREFIX", None)  # with make's, Python compiles its packages anew: 0.5 s of CPU
        return measured(self.stack, [[*command, self.stack.broker.bootstrap, self.prefix]], env, f"{self.name}-peer")

    def peer_database(self):
        """An empty database with the peers' tables."""
        self.copies += 1
        name = f"{self.database}_{self.copies}"
        self.stack.create_database(name, template="template0")
        self.psql(name, "--file", PEERS / "tables.sql")
        with self.stack.cluster.connect() as admin:
            admin.execute("CHECKPOINT")
        return name

    def content(self, database, table):
        """How many rows, and a sum over all of them: equal for equal content in whatever order."""
        return self.ask(database, f"SELECT count(*), bit_xor(hashtextextended(t::text, 0)) FROM {table} t")[0]

    def rows_file(self):
        """What the peers' table of entries has to hold, as a file of binary COPY in the order in which the submissions have it; and its content."""
        path, database = self.folder / "rows.copy", self.peer_database()
        self.psql(database, "-c", "CREATE UNLOGGED TABLE loaded (LIKE entry)",
                  "-c", f"\\copy loaded FROM PROGRAM '{TOOLS}/load rows {' '.join(self.shape)}'", "-c", f"\\copy loaded TO '{path}' (FORMAT binary)")
        content = self.content(database, "loaded")
        self.drop(database)
        return path, content

    def psql(self, database, *args):
        env = {**os.environ, **self.stack.cluster.variables(database)}
        return measured(self.stack, [["psql", "-Xq", "-v", "ON_ERROR_STOP=1", *args]], env, f"{self.name}-psql")

    def consume_seconds(self, *topics):
        """What the client library takes by itself to read them."""
        run = measured(self.stack, [[TOOLS / "consume", self.stack.broker.bootstrap, *(self.prefix + t for t in topics)]], os.environ, "consume")
        return float(run.output.split()[2])

