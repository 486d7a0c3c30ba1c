"""A history made ready for one unit: the records to play, and what the reference model says must come of them."""

import json
from collections import Counter
from dataclasses import dataclass

from model import broken, facts, rules
from model.history import NO_DIGEST, TOPICS
from support.events import TYPES, Event

WITHOUT_ID = {"no id"}  # of broken.WAYS: nobody can say which event it is
NAMED_HERE = ("not-listed", "number-corrected", "holder-changed", "id-spreadsheet")  # findings that say which member is meant
WARNINGS = ("roster-malformed", "name-differs")  # those that the model knows; the others are the ID check's


@dataclass
class Script:
    unit: str
    history: object
    sent: dict  # topic → list of rules.Sent
    records: dict  # topic → list of broken.Record
    verdict: rules.Verdict

    def __str__(self):
        return f"{self.unit}\n{self.history}"


def script(unit, history, salt):
    sent = {topic: [] for topic in TOPICS}
    for topic in TOPICS:  # what the decisions name is known by then
        digests = rules.digests(sent, salt, history.unit) if topic == "approval" else {}
        sent[topic] = [sent_of(step, place, unit, digests) for place, step in enumerate(history.topics[topic])]
    records = {t: [record_of(step, s.event) for step, s in zip(history.topics[t], sent[t])] for t in TOPICS}
    return Script(unit, history, sent, records, rules.judge(sent, salt, history.unit))


def sent_of(step, place, unit, digests):
    data = {"unit": unit, **step.data}
    if ":" not in data.get("digest", ":"):
        data["digest"] = digests.get((data["year"], data["digest"]), NO_DIGEST)
    event = Event(step.topic, TYPES[step.kind], data, id=step.id, source=step.source)
    code = broken.WAYS[step.broken][0] if step.broken else None
    return rules.Sent(event, step.kind, step.phase, place, code, step.broken not in WITHOUT_ID)


def record_of(step, event):
    """The record in the step's form; blanks, the order of keys, the time and the mode are no content."""
    headers, value = event.structured() if step.form == "structured" and not step.broken else event.binary()
    if step.form == "spaced" and not step.broken:
        headers, value = {**headers, "ce_time": "2026-03-01T08:00:00Z"}, json.dumps(dict(reversed(event.data.items())), indent=1).encode()
    record = broken.Record(event.topic, event.key, headers, value)
    return broken.WAYS[step.broken][1](record) if step.broken else record


# ---- the final state as lines that can be compared with the engine's ----


def state_lines(script):
    """Each a tuple, the first word of which says what it is about."""
    intake = script.verdict.intake
    lines = {("fate", topic, place, fate) for topic, fates in script.verdict.fates.items() for place, fate in enumerate(fates)}
    lines |= {review_line(r) for r in intake.unit_reviews.values()}
    lines |= {submission_line(s) for s in intake.submissions.values()}
    lines |= {decision_line(d) for d in intake.decisions}
    lines |= {("repeat", s.event.data["year"], s.event.source, s.event.id) for s in intake.repeats}
    lines |= {("counted", year, kind, count) for (year, kind), count in intake.counted.items()}
    lines |= {("withdrawals", year, source, count) for (year, source), count in intake.withdrawals.items()}
    return lines | effect_lines(script.verdict) | set(outcome_lines(script))


def review_line(review):
    event = review.sent.event
    return "unit-review", event.data["year"], event.source, event.id, review.verdict, review.code


def submission_line(submission):
    s, counts = submission, (0, 0, 0)
    if s.digest:
        counts = counts_of(s)
    return "submission", s.year, s.name, s.source, len(s.chunks), s.state, s.code, s.digest, *counts


def counts_of(submission):
    listed, failed = len(facts.ROSTER), len(submission.failing())
    return listed, listed - failed, failed


def decision_line(decision):
    event = decision.sent.event
    return "decision", event.data["year"], event.source, event.id, event.data["submission"], decision.sent.kind, decision.verdict, decision.code


def effect_lines(verdict):
    """Who is removed, and what changes in the unit's profile."""
    submission = verdict.approved
    if submission is None:
        return set()
    changes = verdict.intake.unit_review_of(submission).changes()
    removed = {("removed", submission.name, no, reason) for no, reason in submission.removes().items()}
    return removed | {("profile", name, value) for name, value in changes.items()}


# ---- outcomes: (what, type, ce_causationid, what it says) ----


def outcome_lines(script):
    """Not those that depend on arrival, and nothing of what was withdrawn, for the withdrawal may have come first."""
    intake = script.verdict.intake
    for review in intake.unit_reviews.values():
        codes = (review.code,) if review.code else tuple(review.warnings())
        yield "outcome", f"unit-review.{review.verdict}", review.sent.event.id, codes
    for submission in intake.completed:
        yield from submission_answers(submission)
    for decision in intake.decisions:
        if decision.verdict != rules.WAITING:
            yield decision_answer(intake, decision)
    for sent, code in intake.refused:
        yield "outcome", "event.refused", sent.event.id if sent.has_id else None, (code, sent.event.topic, sent.place)


def submission_answers(submission):
    if submission.state == "withdrawn":
        return
    id = submission.completed_by.event.id
    if submission.was_pending:
        reasons = Counter(submission.failing().values())
        yield "outcome", "member-review.pending", id, (counts_of(submission), by_name(reasons), findings(rules.row_warnings(submission)))
    if submission.state == "rejected":
        errors = rules.row_errors(submission) if submission.code in ("not-sorted", "row-errors", "total-mismatch") else []
        yield "outcome", "member-review.rejected", id, (submission.code, len(errors), findings(errors))


def decision_answer(intake, decision):
    id, data, kind = decision.sent.event.id, decision.data, decision.sent.kind
    if decision.verdict == rules.REJECTED:
        return "outcome", "decision.rejected", id, (data["submission"], kind, decision.code)
    if kind != "approved":
        return "outcome", "member-review.closed", id, (data["submission"], kind, data.get("comment"))
    submission = intake.submissions[data["year"], data["submission"]]
    listed, passed, removed = counts_of(submission)
    return "outcome", "member-review.completed", id, (data["submission"], listed, passed, by_name(Counter(submission.removes().values())), removed, 0)


def by_name(counts):
    return tuple(sorted(counts.items()))


def findings(found):
    told = [(f.code, f.chunk, f.list, f.index, f.member_no if f.code in NAMED_HERE else None) for f in found]
    return tuple(sorted(told, key=str))
