"""Any order, any repeat, any nonsense: one final state, and the one that the rules name.

Random histories of many units are played several times, each time in another interleaving of the three topics and with micro-batches of another
size, through the real worker into databases that began as copies of one. NIANSHEN_HISTORIES sets how many (for long runs), NIANSHEN_SEED which.
"""

import os
import random
import time

import pytest

import interleaving
from interleaving import Copy, Way
from model import history

HISTORIES = int(os.environ.get("NIANSHEN_HISTORIES", "1000"))
SEED = int(os.environ.get("NIANSHEN_SEED", "0"))
WAYS = [
    Way("large-slices", batch_records=1000, slices=3),
    Way("backwards", batch_records=100, slices=2, order=("approval", "member-review", "unit-review")),
    Way("small-slices", batch_records=7, slices=8),
    Way("live", batch_records=20, slices=12, is_live=True),
    Way("one-by-one", batch_records=1, slices=4, share=0.1),
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


@pytest.fixture(scope="module")
def played(stack):
    """The histories, each for a unit of its own, and the world before the first event."""
    histories = {f"U{n:05d}": one for n, one in enumerate(history.drawn(HISTORIES, SEED))}
    world = interleaving.build(stack, "rules", [code for code, one in histories.items() if one.unit_is_known])
    return world, interleaving.scripts_for(world, histories)


def test_histories_are_varied(played, capsys):
    """Prints how the histories end; at least a third of them come to an approval, and nothing that matters is missing."""
    _, scripts = played
    approved = sum(s.verdict.approved_by is not None for s in scripts)
    records = sum(len(r) for s in scripts for r in s.records.values())
    counts = interleaving.distribution(scripts)
    with capsys.disabled():
        print(f"\n{len(scripts)} histories of {records} records, {approved} ({approved / len(scripts):.0%}) with an approval")
        for what, counter in counts.items():
            print(f"  {what}: " + ", ".join(f"{name} {n}" for name, n in counter.most_common()))
    assert approved >= len(scripts) * APPROVED_SHARE_MIN
    if len(scripts) < HISTORIES_VARIED:
        return
    missing = {what: names - set(counts[what]) for what, names in MUST_OCCUR.items() if names - set(counts[what])}
    assert not missing, f"no history leads to {missing}"


def test_every_interleaving_ends_alike(played, capsys):
    """One state for each unit whatever the interleaving and the micro-batches, and the state that the model names."""
    world, scripts = played
    digests = {}
    for number, way in enumerate(WAYS):
        chance, started = random.Random(f"{SEED} {number}"), time.monotonic()
        copy = Copy(world, f"rules-{way.name}")
        some = scripts[: int(len(scripts) * way.share)]
        publication = way.play(copy, some, chance)
        with capsys.disabled():
            print(f"\n  {way.name}: {len(publication.places)} records in {time.monotonic() - started:.1f} s", end="")
        interleaving.check_by_model(publication, f"{way} (NIANSHEN_SEED={SEED}, NIANSHEN_HISTORIES={HISTORIES})")
        for unit, digest in interleaving.digests_in(copy, [s.unit for s in some]).items():
            assert digests.setdefault(unit, digest) == digest, f"{unit} has another digest after {way}"
        copy.close()
