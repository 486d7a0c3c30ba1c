"""kill -9, again and again: of workers at random points of a stream, of the whole database cluster, of the broker, in random order; and workers that sleep
(SIGSTOP) while others take over.

The stream is made of random histories (tests/model) whose records are known beforehand, so upstream goes on publishing through every fault.
"""

import threading
import time

import interleaving
from chance import KILLS, SEED, chance_for
from interleaving import Publication, random_turns
from model import history
from rebuild import check_as_undisturbed
from support.books import wait_all_consumed
from support.wait import eventually

PARTITIONS, UNITS_A_FAULT, WORKERS = 4, 8, 2
# A dead member of the group is noticed as soon as the broker allows, and micro-batches are small: many transactions stand open when a kill comes.
FAST = ["--kafka.session.timeout.ms=1000", "--kafka.heartbeat.interval.ms=200", "--batch-records=5"]
SHARES = {"worker": 1, "database": 1 / 6, "broker": 1 / 10, "sleeper": 1 / 10}  # of the number of kills of workers
AWAY_SECONDS_MAX = 1.5
PHASE_SECONDS_MAX = 0.02  # of a micro-batch: a kill must not always come just behind a commit
PROGRESS_RECORDS_MAX = 60
PROGRESS_SECONDS_MAX = 45
RECOVERY_SECONDS_MAX = 30  # I12


class Upstream:
    """Publishes the next part of each history whenever it is let go on, whatever is away meanwhile."""

    def __init__(self, publication, turns):
        self.publication, self.turns = publication, turns
        self.permits, self.done, self.let_go = threading.Semaphore(0), 0, 0
        self.failure = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            self.permits.acquire()
            self.publication.run(self.turns, after_turn=self._turn_is_over)
        except BaseException as failure:  # shown by whoever waits
            self.failure = failure

    def _turn_is_over(self):
        self.done += 1
        self.permits.acquire()

    def go_on(self):
        if self.let_go < len(self.turns):
            self._let_go()

    def _let_go(self):
        self.let_go += 1
        self.permits.release()

    def is_at_rest(self):
        self._raise_failure()
        return self.done == self.let_go

    def _raise_failure(self):
        if self.failure:
            raise self.failure

    def finish(self):
        """The campaign is closed, and what is late comes."""
        self._let_go()
        self.thread.join()
        self._raise_failure()


class Faults:
    """Who is killed next, and brought back as a supervisor would."""

    def __init__(self, world, chance):
        self.world, self.chance, self.crew, self.asleep, self.started, self.story = world, chance, [], None, 0, []
        for _ in range(WORKERS):
            self.start_worker()

    def start_worker(self):
        self.started += 1
        self.crew.append(self.world.worker(*FAST, name=f"victim-{self.started}").start())

    def worker(self):
        self.crew.pop(self.chance.randrange(len(self.crew))).kill()
        self.start_worker()

    def sleeper(self):
        """One sleeps until the next one does, through all that happens meanwhile; another does its work."""
        self.wake()
        self.asleep = self.crew.pop(self.chance.randrange(len(self.crew)))
        self.asleep.freeze()
        self.start_worker()

    def wake(self):
        """Who slept works again, and somebody else goes home."""
        if self.asleep is None:
            return
        self.asleep.thaw()
        assert self.crew.pop(0).stop() == 0
        self.crew.append(self.asleep)
        self.asleep = None

    def database(self):
        self._away(self.world.stack.cluster)

    def broker(self):
        self._away(self.world.stack.broker)

    def _away(self, part):
        part.kill()
        time.sleep(self.chance.uniform(0, AWAY_SECONDS_MAX))
        part.start()

    def strike(self, what):
        self.story.append(what)
        getattr(self, what)()

    def check_crew(self):
        """Nobody gave up: who is not killed lives, and nothing was judged by an outage."""
        for worker in self.crew:
            assert worker.is_running, f"{worker.name} ended by itself after {self.story}\n{worker.log[-4000:]}"


def drawn(chance):
    faults = [what for what, share in SHARES.items() for _ in range(round(KILLS * share))]
    chance.shuffle(faults)
    return faults


def wait_for_progress(world, chance, published):
    """Until so many more records are taken in, perhaps none, and then a bit of the way to the next commit."""
    def taken():
        return world.sql("SELECT coalesce(sum(records), 0)::bigint FROM nianshen.kafka_partition")[0][0]

    target = taken() + chance.randint(0, PROGRESS_RECORDS_MAX)
    eventually(lambda: taken() >= min(target, published()), "the workers go on", PROGRESS_SECONDS_MAX, pause=0)
    time.sleep(chance.uniform(0, PHASE_SECONDS_MAX))


def test_everything_is_killed_in_any_order(stack, capsys):
    """Forty times a worker, the database, the broker and a sleep some times each: after the last one the lag is gone in 30 s without anybody's help, each unit is as
    the rules say, `check` is clean, and an undisturbed run of the same topics comes to the same digest and the same outcomes."""
    chance, started = chance_for("kills"), time.monotonic()
    sequence = drawn(chance)
    histories = {f"K{n:05d}": one for n, one in enumerate(history.drawn(UNITS_A_FAULT * len(sequence), SEED))}
    world = interleaving.build(stack, "kills", [code for code, one in histories.items() if one.unit_is_known], PARTITIONS)
    slices = len(sequence) // len(history.TOPICS)
    publication = Publication(world, interleaving.scripts_for(world, histories), slices, chance)
    upstream, faults = Upstream(publication, random_turns(slices, chance)), Faults(world, chance)
    for what in sequence:
        upstream.go_on()
        wait_for_progress(world, chance, lambda: len(publication.places))
        faults.strike(what)
    mended = time.monotonic()
    eventually(upstream.is_at_rest, "upstream has published", RECOVERY_SECONDS_MAX)
    wait_all_consumed(world, RECOVERY_SECONDS_MAX - (time.monotonic() - mended))
    recovery = time.monotonic() - mended
    faults.wake()
    upstream.finish()
    interleaving.check_by_model(publication, f"after {faults.story}")
    faults.check_crew()
    for worker in faults.crew:
        assert worker.stop() == 0
    check_as_undisturbed(world)
    with capsys.disabled():
        counts = ", ".join(f"{what} {faults.story.count(what)}" for what in SHARES)
        print(f"\nsummary: faults of seed {SEED}: {counts}; {len(publication.places)} records; lag gone {recovery:.1f} s after the last; {time.monotonic() - started:.0f} s")
