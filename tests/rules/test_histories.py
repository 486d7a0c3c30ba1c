"""Any order, any repeat, any nonsense: one final state, and the one that the rules name.

Random histories are played through the review engine in memory, each several times: another interleaving of the three topics, other micro-batches.
NIANSHEN_HISTORIES sets how many, in rounds of ROUND; NIANSHEN_SEED is the first round's number, the next round has the next one. NIANSHEN_WAYS
sets the interleavings of each.
"""

import os
import random
import time
from collections import Counter

import pytest

import played
from model import history
from model.history import TOPICS
from model.script import state_lines

HISTORIES = int(os.environ.get("NIANSHEN_HISTORIES", "2000"))
SEED = int(os.environ.get("NIANSHEN_SEED", "0"))
WAYS = int(os.environ.get("NIANSHEN_WAYS", "5"))
ROUND = 2000
ROUNDS = [(SEED + n, min(ROUND, HISTORIES - first)) for n, first in enumerate(range(0, HISTORIES, ROUND))]
SHOWN = 3
SPLITS = (20, 50, 5, 100, 0)  # how often in a hundred a micro-batch ends behind a record
SHRINK_WAYS = 12  # interleavings that each try of a shrink is played in
# Each of these must come out of the histories, or they have become too tame.
MUST_OCCUR = {
    "submissions": {"receiving", "waiting", "pending", "approved", "returned", "withdrawn", "rejected already-reviewed", "rejected campaign-closed",
                    "rejected unit-review-rejected", "rejected row-errors", "rejected not-sorted", "rejected total-mismatch", "rejected roster-changed"},
    "decisions": {"waiting approved", "waiting withdrawn", "accepted approved", "accepted returned", "accepted withdrawn", "rejected campaign-closed",
                  "rejected wrong-superior", "rejected unknown-reviewer", "rejected stale-digest", "rejected self-review", "rejected already-decided",
                  "rejected not-pending", "rejected not-yours", "rejected roster-changed"},
    "unit reviews": {"accepted", "rejected campaign-closed", "rejected profile-mobile"},
    "records": {"applied", "duplicate", "identity-reused", "chunk-contradicts", "chunk-differs", "unknown-unit", "too-many", "not-json", "schema",
                "key-mismatch", "wrong-partition", "null-value", "bad-header"},
    "findings": {"not-listed", "number-corrected", "holder-changed", "not-on-roster", "not-in-campaign", "not-sorted", "total-mismatch", "listed-twice",
                 "unknown-reason", "missing-reason", "id-missing", "id-check", "roster-malformed", "name-differs"},
}  # fmt: skip
HISTORIES_VARIED = 1000  # fewer need not have it all
APPROVED_SHARE_MIN = 1 / 3


# ---- ways to play one ----


def interleavings(one, chance, count):
    """One topic after the other, as the model reads them and backwards; then at random, cut into micro-batches of all sizes."""
    messages = [[(topic, place) for place in range(len(one.sent[topic]))] for topic in TOPICS]
    yield split([message for topic in messages for message in topic], chance, 0)
    yield split([message for topic in messages[::-1] for message in topic], chance, 100)
    for number in range(2, count):
        turns = [n for n, topic in enumerate(messages) for _ in topic]
        chance.shuffle(turns)
        left = [iter(topic) for topic in messages]
        yield split([next(left[n]) for n in turns], chance, SPLITS[number % len(SPLITS)])


def split(order, chance, percent):
    """Micro-batches that end after so many of a hundred records; a record ends one before its identity comes again only in the worker."""
    batches = [[]]
    for message in order:
        batches[-1].append(message)
        if chance.randrange(100) < percent:
            batches.append([])
    return [batch for batch in batches if batch]


# ---- the test ----


class Tally:
    """What all rounds came to."""

    def __init__(self):
        self.histories = self.approved = self.records = self.played = 0
        self.ends = {what: Counter() for what in MUST_OCCUR}
        self.started = time.monotonic()

    def add(self, scripts, played_records):
        self.histories += len(scripts)
        self.approved += sum(s.verdict.approved is not None for s in scripts)
        self.records += sum(len(records) for s in scripts for records in s.records.values())
        self.played += played_records
        for one in scripts:
            intake = one.verdict.intake
            self.ends["submissions"].update(f"{x.state} {x.code or ''}".strip() for x in intake.submissions.values())
            self.ends["decisions"].update(f"{x.verdict} {x.code or x.sent.kind}" for x in intake.decisions)
            self.ends["unit reviews"].update(f"{x.verdict} {x.code or ''}".strip() for x in intake.unit_reviews.values())
            self.ends["records"].update(fate for fates in one.verdict.fates.values() for fate in fates)
            told = [line[3][2] for line in state_lines(one) if line[0] == "outcome" and line[1] in played.UNSENT_AFTER_WITHDRAWAL]
            self.ends["findings"].update(code for findings in told for code, *_ in findings)

    def __str__(self):
        share = f"{self.approved} ({self.approved / self.histories:.0%}) with an approval"
        rate = f"{self.played} records played in {time.monotonic() - self.started:.0f} s"
        lines = [f"summary: {self.histories} histories of {self.records} records, {share}; {WAYS} interleavings each, {rate}"]
        return "\n".join(lines + [f"  {what}: " + ", ".join(f"{name} {n}" for name, n in c.most_common()) for what, c in self.ends.items()])


@pytest.fixture(scope="module")
def tally():
    return Tally()


@pytest.mark.parametrize("number, count", ROUNDS)
def test_every_interleaving_ends_alike(tally, number, count):
    """One state for each history whatever the interleaving and the micro-batches, and the state that the model names."""
    scripts = [played.scripted(one) for one in history.drawn(count, number)]
    ways = [list(interleavings(one, random.Random(f"{number} {n}"), WAYS)) for n, one in enumerate(scripts)]
    tally.add(scripts, sum(len(batch) for some in ways for way in some for batch in way))
    wrong = {}
    for n, states in enumerate(played.play(zip(scripts, ways))):
        if found := played.differences(scripts[n], states):
            wrong[n] = found
    if wrong:
        first = next(iter(wrong))
        shown = "\n\n".join(told(scripts[n], ways[n], wrong[n]) for n in list(wrong)[:SHOWN])
        pytest.fail(f"{len(wrong)} of {count} histories are not as the rules say; NIANSHEN_SEED={number} NIANSHEN_HISTORIES={count} shows it again\n"
                    f"{shown}\n\n{core_of(scripts[first], ways[first])}", pytrace=False)


def told(one, ways, found):
    """One history, and the first way in which it differs."""
    number, rows = found[0]
    return "\n".join([str(one), f"in {len(found)} of {len(ways)} ways, such as {way_text(ways[number])}", *rows])


def way_text(way):
    return " | ".join(" ".join(f"{topic}.{place + 1}" for topic, place in batch) for batch in way)


def core_of(one, ways):
    """Hypothesis takes away of a history what does not matter; each try is played in several interleavings."""
    last = []

    def is_wrong(part):
        script = played.scripted(part)
        if not any(script.sent.values()):
            return False
        tried = [*interleavings(script, random.Random(0), SHRINK_WAYS), *(kept(way, one.history, part) for way in ways)]
        (states,) = played.play([(script, tried)])
        found = played.differences(script, states)
        if found:
            last[:] = [told(script, tried, found)]
        return bool(found)

    if history.shrunk(one.history, is_wrong) is None:
        return "what differs is gone when the history is played again"
    return f"the least of it that still differs:\n{last[0]}"


def kept(way, whole, part):
    """The same way without the records that were taken away; steps are told apart by their place."""
    left = {}
    for topic in TOPICS:
        rest = iter(enumerate(part.topics[topic]))
        following = next(rest, None)
        for place, step in enumerate(whole.topics[topic]):
            if following and same_but_form(step, following[1]):
                left[topic, place], following = (topic, following[0]), next(rest, None)
    batches = [[left[message] for message in batch if message in left] for batch in way]
    return [batch for batch in batches if batch]


def same_but_form(step, other):
    return (step.id, step.data, step.source, step.broken, step.phase) == (other.id, other.data, other.source, other.broken, other.phase)


def test_histories_are_varied(tally, capsys):
    """Prints how the histories end; at least a third of them come to an approval, and nothing that matters is missing."""
    with capsys.disabled():
        print(f"\n{tally}")
    assert tally.approved >= tally.histories * APPROVED_SHARE_MIN
    if tally.histories < HISTORIES_VARIED:
        return
    missing = {what: names - set(tally.ends[what]) for what, names in MUST_OCCUR.items() if names - set(tally.ends[what])}
    assert not missing, f"no history leads to {missing}"
