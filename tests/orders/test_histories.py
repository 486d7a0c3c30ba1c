"""Any order, any repeat, any nonsense: one final state, and the one that the rules name.

Random histories of many units are played several times, each time in another interleaving of the three topics and with micro-batches of another
size, through the real worker into databases that began as copies of one. NIANSHEN_HISTORIES sets how many, in rounds of ROUND, so that a long run
needs no more memory or disk than a short one; NIANSHEN_SEED is the first round's number, the next round has the next one. NIANSHEN_WAYS plays each round
in that many interleavings only, in turn, so that a very long run sees more histories in the same time.
"""

import dataclasses
import os
import random
import time
from collections import Counter

import pytest

import interleaving
from interleaving import Copy, Way
from model import history
from support.books import check_ledger

HISTORIES = int(os.environ.get("NIANSHEN_HISTORIES", "2000"))
SEED = int(os.environ.get("NIANSHEN_SEED", "0"))
ROUND = 2000
ROUNDS = [(SEED + n, min(ROUND, HISTORIES - first)) for n, first in enumerate(range(0, HISTORIES, ROUND))]
WAYS = [
    Way("large-slices", batch_records=1000, slices=3),
    Way("backwards", batch_records=100, slices=2, order=("approval", "member-review", "unit-review")),
    Way("small-slices", batch_records=7, slices=6),
    Way("live", batch_records=20, slices=12, is_live=True),
    Way("one-by-one", batch_records=1, slices=3, share=0.1),
]
# Each of these must come out of the histories, or they have become too tame.
MUST_OCCUR = {
    "submissions": {"receiving", "waiting", "pending", "approved", "returned", "withdrawn", "rejected already-reviewed", "rejected campaign-closed",
                    "rejected unit-review-rejected", "rejected row-errors", "rejected not-sorted", "rejected total-mismatch"},
    "decisions": {"waiting approved", "waiting withdrawn", "accepted approved", "accepted returned", "accepted withdrawn", "rejected campaign-closed",
                  "rejected wrong-superior", "rejected unknown-reviewer", "rejected stale-digest", "rejected self-review", "rejected already-decided",
                  "rejected not-pending"},
    "unit reviews": {"accepted", "rejected campaign-closed", "rejected unknown-unit", "rejected profile-mobile"},
    "records": {"applied", "duplicate", "identity-reused", "chunk-contradicts", "chunk-differs", "unknown-unit", "not-json", "schema",
                "key-mismatch", "wrong-partition", "null-value", "bad-header"},
}  # fmt: skip
HISTORIES_VARIED = 1000  # fewer need not have it all
APPROVED_SHARE_MIN = 1 / 3
WAYS_A_ROUND = int(os.environ.get("NIANSHEN_WAYS", len(WAYS)))


class Tally:
    """What all rounds came to."""

    def __init__(self):
        self.histories = self.approved = self.records = self.played = 0
        self.ends = {}
        self.started = time.monotonic()

    def add(self, scripts):
        self.histories += len(scripts)
        self.approved += sum(s.verdict.approved_by is not None for s in scripts)
        self.records += sum(len(records) for s in scripts for records in s.records.values())
        for what, counter in interleaving.distribution(scripts).items():
            self.ends.setdefault(what, Counter()).update(counter)

    def __str__(self):
        share = f"{self.approved} ({self.approved / self.histories:.0%}) with an approval"
        rate = f"{self.played} records played in {time.monotonic() - self.started:.0f} s"
        lines = [f"summary: {self.histories} histories of {self.records} records, {share}; {WAYS_A_ROUND} of {len(WAYS)} interleavings each, {rate}"]
        return "\n".join(lines + [f"  {what}: " + ", ".join(f"{name} {n}" for name, n in c.most_common()) for what, c in self.ends.items()])


@pytest.fixture(scope="module")
def tally():
    return Tally()


@pytest.mark.parametrize("number, count", ROUNDS)
def test_every_interleaving_ends_alike(stack, tally, capsys, number, count):
    """One state for each unit whatever the interleaving and the micro-batches, and the state that the model names."""
    histories = {f"U{n:05d}": one for n, one in enumerate(history.drawn(count, number))}
    world = interleaving.build(stack, f"round-{number}", [code for code, one in histories.items() if one.unit_is_known])
    scripts, digests = interleaving.scripts_for(world, histories), {}
    tally.add(scripts)
    for way in ways_of(number):
        started, some = time.monotonic(), scripts[: int(count * way.share)]
        records = play(world, way, number, some, digests)
        tally.played += records
        with capsys.disabled():
            print(f"\n  round {number}, {way.name}: {records} records in {time.monotonic() - started:.1f} s", end="")
    world.remove()


def ways_of(number):
    """Round by round other ones, until all had their turn."""
    first = number * WAYS_A_ROUND
    return [WAYS[n % len(WAYS)] for n in range(first, first + WAYS_A_ROUND)]


def play(world, way, number, scripts, digests):
    """Plays the scripts in one way and compares what stands then. Returns how many records that were."""
    copy = Copy(world, f"{world.name}-{way.name}")
    publication = way.play(copy, scripts, random.Random(f"{number} {way.name}"))
    found = interleaving.differences(publication)
    for unit, digest in interleaving.digests_in(copy, [s.unit for s in scripts]).items():
        if digests.setdefault(unit, digest) != digest:
            found.setdefault(unit, []).append("its digest is not that of the other interleavings")
    if found:
        worst = next(s for s in scripts if s.unit in found)
        pytest.fail(f"{way}\nNIANSHEN_SEED={number} NIANSHEN_HISTORIES={len(scripts)} shows it again\n"
                    f"{interleaving.told(publication, found)}\n\n{core_of(world, way, worst)}", pytrace=False)
    check_ledger(copy)
    copy.remove()
    return len(publication.places)


def core_of(world, way, script):
    """Hypothesis takes away of a history what does not matter: each try is played by itself, in fewer slices."""
    short, tries = dataclasses.replace(way, slices=min(way.slices, 2)), []

    def is_wrong(part):
        copy = Copy(world, f"{world.name}-part-{len(tries)}")
        publication = short.play(copy, interleaving.scripts_for(copy, {script.unit: part}), random.Random(0))
        tries.append(interleaving.told(publication, interleaving.differences(publication)))
        copy.remove()
        return bool(tries[-1])

    if history.shrunk(script.history, is_wrong) is None:
        return f"{script.unit} alone is as the rules say: what differs needs its neighbours, or this interleaving"
    return f"the least of it that still differs, after {len(tries)} tries:\n{[told for told in tries if told][-1]}"


def test_histories_are_varied(tally, capsys):
    """Prints how the histories end; at least a third of them come to an approval, and nothing that matters is missing."""
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.approved >= tally.histories * APPROVED_SHARE_MIN
    if tally.histories < HISTORIES_VARIED:
        return
    missing = {what: names - set(tally.ends[what]) for what, names in MUST_OCCUR.items() if names - set(tally.ends[what])}
    assert not missing, f"no history leads to {missing}"
