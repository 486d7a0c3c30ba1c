"""Histories through the real engine in memory (build/…/rules/play), and what stands in its state then, as the lines of model/script.py."""

import hashlib
import json
import os
import subprocess
from pathlib import Path

from model import facts
from model.history import TOPICS
from model.script import NAMED_HERE, WARNINGS, script, state_lines
from support.events import partition_of

TOOL = Path(os.environ.get("NIANSHEN_RULES_BIN", "build/release/rules")).resolve() / "play"
UNIT, SALT, PARTITIONS = "U0001", bytes(range(32)), 2
ADVISORY = ("member-review.waiting", "decision.waiting")  # whether they are sent depends on arrival
UNSENT_AFTER_WITHDRAWAL = ("member-review.pending", "member-review.rejected")


# ---- what is given to the tool ----


def ms_or_none(phase):
    return None if phase is None else facts.begin_ms(phase)


def world_of(unit):
    """facts.py in the words of the tool."""
    closed = {"year": facts.CLOSED_YEAR, "opens_ms": 1, "closes_ms": facts.OPENS_MS - 2, "salt": "00" * 32}
    campaign = {"year": facts.YEAR, "opens_ms": facts.OPENS_MS, "closes_ms": facts.begin_ms(facts.LATE), "salt": SALT.hex()}
    reviewers = [{"reviewer": r, "superior": s, "from_ms": ms_or_none(first), "until_ms": ms_or_none(end)} for r, s, first, end in facts.REVIEWERS]
    return {"partitions": PARTITIONS, "campaigns": [closed, campaign], "reviewers": reviewers, "units": [] if unit.known_from is None else [unit_of(unit)]}


def unit_of(unit):
    moves_ms = facts.begin_ms(facts.MOVED) if unit.moves else None
    superiors = [{"superior": facts.SUPERIOR, "until_ms": moves_ms}]
    if unit.moves:
        superiors.append({"superior": facts.STRANGERS_SUPERIOR, "from_ms": moves_ms})
    limits = [{"kind": kind, "most": most, "from_ms": facts.begin_ms(first), "until_ms": until_ms(unit, kind, first)} for kind, first, most in unit.limits]
    joined = [(no, m, facts.OPENS_MS - 1) for no, m in facts.ROSTER.items()]
    joined += [(no, m, facts.begin_ms(first)) for first, no, m in facts.LATECOMERS]
    return {
        "unit": UNIT, "created_ms": facts.begin_ms(unit.known_from), "superiors": superiors, "limits": limits,
        "members": [{**member_of(no, m), "enrolled_ms": enrolled_ms} for no, m, enrolled_ms in joined],
        "changes": [{**member_of(no, m), "at_ms": facts.begin_ms(first)} for first, no, m in facts.CORRECTIONS],
    }  # fmt: skip


def member_of(no, member):
    return {"enrolment": enrolment_of(no), "member_no": no, "number": member.number, "name": member.name}


def enrolment_of(member_no):
    return 1000 + int(member_no)


def until_ms(unit, kind, first):
    later = [begin for of, begin, _ in unit.limits if of == kind and begin > first]
    return ms_or_none(min(later, default=None))


def append_ms(sent):
    """The first of a phase comes in its very first moment when it is the first of its topic."""
    return facts.begin_ms(sent.phase) + sent.place


def record_name(topic, place):
    return f"{topic}.{place}"


def records_of(script):
    """name → record, in the words of the tool. Offsets have gaps."""
    found = {}
    for topic in TOPICS:
        for place, (sent, record) in enumerate(zip(script.sent[topic], script.records[topic])):
            line = {"topic": record.topic, "partition": (partition_of(record.key, PARTITIONS) + record.shift) % PARTITIONS,
                    "offset": offset_of(topic, place), "append_ms": append_ms(sent), "key": record.key.decode(), "headers": record.headers}
            if record.value is not None:
                line["value_text"] = record.value.decode()
            found[record_name(topic, place)] = line
    return found


def offset_of(topic, place):
    """The topics' offsets are apart, since a broken record may lie in another topic than its place says."""
    return 1000 * TOPICS.index(topic) + 3 * place


def place_of(offset):
    return TOPICS[offset // 1000], offset % 1000 // 3


def lines_for(script, ways):
    """The lines that play one script in each of these ways; a way is a list of micro-batches of (topic, place)."""
    yield json.dumps({"world": world_of(script.history.unit)}, ensure_ascii=False)
    yield json.dumps({"records": records_of(script)}, ensure_ascii=False)
    for number, way in enumerate(ways):
        yield json.dumps({"case": str(number), "batches": [[record_name(*message) for message in batch] for batch in way]})


def play(scripts_and_ways):
    """Yields one list of played states (one a way) for each script, in order."""
    scripts_and_ways = list(scripts_and_ways)
    text = "\n".join(line for one, ways in scripts_and_ways for line in lines_for(one, ways)) + "\n"
    done = subprocess.run([TOOL], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    answers = iter(done.stdout.splitlines())
    assert done.returncode == 0, f"the player ended with {done.returncode}: {done.stderr.decode()[-3000:]}"
    for one, ways in scripts_and_ways:
        yield [Played(one, json.loads(next(answers))) for _ in ways]


# ---- what came of it ----


class Played:
    """The state that the engine came to, in the model's words."""

    def __init__(self, script, answer):
        self.script, self.answer = script, answer
        self.withdrawn = {s["completed_by"] for r in answer["reviews"] for s in r["submissions"] if s["state"] == "withdrawn"}
        self.outcomes = [o for o in answer["outcomes"] if not self.depends_on_arrival(o)]

    def depends_on_arrival(self, outcome):
        kind = kind_of(outcome)
        return kind in ADVISORY or (kind in UNSENT_AFTER_WITHDRAWAL and outcome["causation"] in self.withdrawn)

    def lines(self):
        found = {fate_line(f) for f in self.answer["fates"]}
        for review in self.answer["reviews"]:
            found |= set(review_lines(review))
        return found | {outcome_line(o) for o in self.outcomes}

    def bodies(self):
        """What must be the same in every interleaving."""
        return {(o["type"], o["id"]): (o["time_ms"], json.dumps(o["body"], sort_keys=True, ensure_ascii=False)) for o in self.outcomes}

    def faults(self):
        """What is wrong by itself, whatever the model says."""
        ids = [(o["type"], o["id"]) for o in self.answer["outcomes"]]
        yield from (f"the same outcome twice: {id}" for id in sorted({id for id in ids if ids.count(id) > 1}))
        for outcome in self.answer["outcomes"]:
            if outcome["id"] != self.id_of(outcome):
                yield f"the id of {outcome['type']} of {outcome['causation']} is {outcome['id']}, expected {self.id_of(outcome)}"
            errors = outcome["body"].get("errors", [])
            if kind_of(outcome) == "member-review.rejected" and errors != sorted(errors, key=finding_order):
                yield f"the findings of {outcome['causation']} are not in order"

    def id_of(self, outcome):
        """By the judged event and the type alone."""
        if kind_of(outcome) == "event.refused":
            judged = [outcome["body"]["topic"], UNIT, outcome["body"]["partition"], outcome["body"]["offset"]]
        else:
            topic = "unit-review" if kind_of(outcome).startswith("unit-review") else "member-review"
            topic = "approval" if "decision" in outcome["body"] else topic
            judged = [topic, UNIT, outcome["body"]["year"], self.source_of(topic, outcome), outcome["causation"]]
        return hashlib.sha256("\n".join(map(str, [*judged, outcome["type"]])).encode()).hexdigest()[:32]

    def source_of(self, topic, outcome):
        """The judged event is the one of that id whose outcome can only be this one; of two sources either may be meant."""
        sources = [s.event.source for s in self.script.sent[topic] if s.event.id == outcome["causation"]]
        for source in sources:
            judged = [topic, UNIT, outcome["body"]["year"], source, outcome["causation"], outcome["type"]]
            if hashlib.sha256("\n".join(map(str, judged)).encode()).hexdigest()[:32] == outcome["id"]:
                return source
        return sources[0] if sources else None


def finding_order(finding):
    """Those of entries as they were sent, the failing ones first; then those of a chunk against the one before; then those about the whole."""
    if finding["list"] is not None:
        return 0, finding["chunk"], finding["list"] == "passed", finding["index"], finding["code"]
    if finding["chunk"] is not None:
        return 1, finding["chunk"], False, 0, finding["code"]
    return 2, 0, finding["code"] == "total-mismatch", 0, finding["code"]


def kind_of(outcome):
    return outcome["type"].removeprefix("nianshen.").removesuffix(".v1")


def fate_line(fate):
    topic, place = place_of(fate["offset"])
    return "fate", topic, place, fate["code"] or fate["fate"]


def review_lines(review):
    year = review["year"]
    for r in review["unit_reviews"]:
        yield "unit-review", year, r["source"], r["id"], r["verdict"], r["code"]
    for s in review["submissions"]:
        yield "submission", year, s["submission"], s["source"], s["received"], s["state"], s["code"], s["digest"], s["listed"], s["passed"], s["failed"]
    for d in review["decisions"]:
        yield "decision", year, d["source"], d["id"], d["submission"], d["kind"], d["verdict"], d["code"]
    yield from (("repeat", year, r["source"], r["id"]) for r in review["repeats"])
    yield from (("counted", year, kind, count) for kind, count in review["counted"].items() if count)
    yield from (("withdrawals", year, source, count) for source, count in review["withdrawals"].items() if count)
    yield from (("removed", r["submission"], f"{r['enrolment'] - 1000:02d}", r["reason"]) for r in review["removed"])
    profile = review["profile"] or {}
    yield from (("profile", name, value) for name, value in profile.items() if name != "at_ms" and value is not None)


def outcome_line(outcome):
    return "outcome", kind_of(outcome), outcome["causation"], SAYS[kind_of(outcome)](outcome["body"])


def codes_of(findings):
    return tuple(f["code"] for f in findings)


def findings_of(findings):
    told = [(f["code"], f["chunk"], f["list"], f["index"], f["member_no"] if f["code"] in NAMED_HERE else None) for f in findings]
    return tuple(sorted(told, key=str))


def known_warnings(body):
    return [w for w in body["warnings"] if w["code"] in WARNINGS]


def by_name(counts):
    return tuple(sorted(counts.items()))


# What of a body the model tells, too.
SAYS = {
    "unit-review.accepted": lambda b: tuple(c for c in codes_of(b["warnings"]) if c == "unknown-field"),
    "unit-review.rejected": lambda b: codes_of(b["errors"]),
    "member-review.pending": lambda b: ((b["listed"], b["passed"], b["failed"]), by_name(b["reasons"]), findings_of(known_warnings(b))),
    "member-review.rejected": lambda b: (b["code"], b["errors_total"], findings_of(b["errors"])),
    "member-review.completed": lambda b: (b["submission"], b["listed"], b["passed"], by_name(b["removed"]), b["removed_total"], b["already_gone"]),
    "member-review.closed": lambda b: (b["submission"], b["how"], b["comment"]),
    "decision.rejected": lambda b: (b["submission"], b["kind"], b["code"]),
    "event.refused": lambda b: (b["code"], *place_of(b["offset"])),
}


# ---- comparing ----


def scripted(history):
    return script(UNIT, history, SALT)


def told(lines, mark):
    return [f"  {mark} {line}" for line in sorted(lines, key=str)]


def differences(script, states):
    """How these states (one a way) differ from the model and among themselves; an empty list when they do not."""
    expected, first = state_lines(script), states[0].bodies()
    found = []
    for number, state in enumerate(states):
        seen = state.lines()
        rows = told(seen - expected, "seen:    ") + told(expected - seen, "expected:") + [f"  {fault}" for fault in state.faults()]
        bodies = state.bodies()
        rows += [f"  another body than in way 0: {key} {bodies.get(key)} {first.get(key)}" for key in sorted({*bodies, *first})
                 if bodies.get(key) != first.get(key) and not rows]
        if rows:
            found.append((number, rows))
    return found
