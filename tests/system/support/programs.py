"""Runs the three programs and looks at all they say: exit status, both streams, no sanitizer report, nobody's full number."""

import os
import signal
import subprocess
import time
from pathlib import Path

from support import codes, leaks
from support.wait import eventually

ROOT = Path(__file__).resolve().parents[3]
BIN = Path(os.environ.get("NIANSHEN_BIN", ROOT / "build" / "bin")).resolve()
IS_RELEASE = BIN in (ROOT / "build" / "bin", ROOT / "build" / "next" / "bin")  # not one of the sanitized builds
RUN_SECONDS_MAX = 60
READY_SECONDS_MAX = 30
# For workers that are to be killed: the group notices a dead member soon.
SHORT_SESSION = ["--kafka.session.timeout.ms=2000", "--kafka.heartbeat.interval.ms=300"]
SANITIZER_OPTIONS = {"ASAN_OPTIONS": "abort_on_error=0:exitcode=99", "UBSAN_OPTIONS": "print_stacktrace=1"}


class Result:
    """What one run of a program left: `status`, `out` (data), `err` (talk)."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def __str__(self):
        return f"$ {' '.join(self.command)}\nexit status {self.status}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"

    def expect(self, status=0, says=()):
        """The exit status, and words that the answer must hold (on either stream, whatever the case)."""
        assert self.status == status, f"expected exit status {status}\n{self}"
        both = (self.out + self.err).lower()
        for word in [says] if isinstance(says, str) else says:
            assert word.lower() in both, f"the answer does not say {word!r}\n{self}"
        return self

    @property
    def line(self):
        """The one line of data the program printed."""
        lines = self.out.splitlines()
        assert len(lines) == 1, f"expected one line of data\n{self}"
        return lines[0].strip()


def environment(**more):
    """A clean environment: nothing of the developer's own NIANSHEN_*, PG* or language reaches a program under test; it speaks English."""
    base = {k: v for k, v in os.environ.items() if not k.startswith(("NIANSHEN_", "PG", "LC_", "LANG"))}
    return {**base, **SANITIZER_OPTIONS, "TZ": "UTC", "LC_ALL": "C", **{k: str(v) for k, v in more.items()}}


def run(program, *args, env, input=None, cwd=None, personal_data=False, seconds=RUN_SECONDS_MAX):
    """Runs one program to its end. `personal_data`: this run may print full numbers (roster export does)."""
    command = [str(BIN / program), *map(str, args)]
    done = subprocess.run(command, env=env, input=input, cwd=cwd, capture_output=True, timeout=seconds)
    result = Result([program, *map(str, args)], done.returncode, done.stdout.decode(), done.stderr.decode())
    codes.note_output(result.out + result.err)
    leaks.check_no_sanitizer_report(result.err, str(result))
    assert not set("\x1b\r") & set(result.err), f"colour or a progress bar, where no terminal is\n{result}"
    if not personal_data:
        leaks.check_no_personal_data(result.out + result.err, f"{program} {' '.join(map(str, args))}")
    return result


class Worker:
    """One worker process with a log of its own; `name` is its owner name in the database."""

    def __init__(self, world, name, *args, env=None):
        self.world, self.name, self.args = world, name, args
        self.env = {**world.env("nianshen_worker"), "NIANSHEN_OWNER": name, **(env or {})}
        self.log_path = world.folder / f"{name}.log"
        self.process = None
        self.status = None

    def start(self):
        assert not self.is_running
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([BIN / "nianshen-worker", *self.args], env=self.env, stdout=log, stderr=log)
        self.status = None
        return self

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    @property
    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def owns(self):
        """The partitions that the database says are this worker's, as (topic, partition)."""
        rows = self.world.sql("SELECT topic, partition FROM nianshen.partition_status WHERE owner = %s", [self.name])
        return {tuple(r) for r in rows}

    def wait_ready(self, partitions=None, seconds=READY_SECONDS_MAX):
        """Until it owns all input partitions (or as many as named)."""
        wanted = partitions or 3 * self.world.partitions

        def ready():
            assert self.process.poll() is None, f"the worker ended with status {self.process.returncode}\n{self.log[-4000:]}"
            return len(self.owns()) >= wanted

        eventually(ready, lambda: f"worker {self.name} owns {wanted} partitions\n{self.log[-4000:]}", seconds)
        return self

    def wait_end(self, seconds=READY_SECONDS_MAX):
        """Until the process has ended by itself; returns its status."""
        self.status = self.process.wait(seconds)
        leaks.check_no_sanitizer_report(self.log, str(self.log_path))
        leaks.check_no_personal_data(self.log, str(self.log_path))
        return self.status

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        return self.wait_end()

    def stop(self, seconds=READY_SECONDS_MAX):
        """A clean stop, as systemd asks for it."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_end(seconds)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        # The kernel stops the threads one after the other; what comes next must find all of them stopped.
        eventually(lambda: self._state() == "T", f"worker {self.name} is stopped", 5)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def _state(self):
        return Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]

    def end(self):
        """For fixtures: whatever state it is in, it is gone after this."""
        if self.is_running:
            self.thaw()
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(READY_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"worker {self.name} did not stop on SIGTERM\n{self.log[-4000:]}")
        leaks.check_no_sanitizer_report(self.log, str(self.log_path))
        leaks.check_no_personal_data(self.log, str(self.log_path))
