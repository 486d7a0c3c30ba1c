"""A history made ready for one unit: the records to publish, and what the reference model says must come of them."""

import json
from collections import Counter
from dataclasses import dataclass

from model import broken, facts, rules
from model.history import NO_DIGEST, TOPICS
from support.events import TYPES, Event


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
        digests = rules.digests(sent, salt) if topic == "approval" else {}
        sent[topic] = [sent_of(step, unit, digests) for step in history.topics[topic]]
    records = {t: [record_of(step, s.event) for step, s in zip(history.topics[t], sent[t])] for t in TOPICS}
    return Script(unit, history, sent, records, rules.judge(sent, salt, history.unit_is_known))


def sent_of(step, unit, digests):
    data = {"unit": unit, **step.data}
    if ":" not in data.get("digest", ":"):
        data["digest"] = digests.get((data["year"], data["digest"]), NO_DIGEST)
    event = Event(step.topic, TYPES[step.kind], data, id=step.id, source=step.source)
    return rules.Sent(event, step.kind, broken.WAYS[step.broken][0] if step.broken else None, step.late)


def record_of(step, event):
    """The record in the step's form; blanks, the order of keys, the time and the mode are no content."""
    headers, value = event.structured() if step.form == "structured" and not step.broken else event.binary()
    if step.form == "spaced" and not step.broken:
        headers, value = {**headers, "ce_time": "2026-03-01T08:00:00Z"}, json.dumps(dict(reversed(event.data.items())), indent=1).encode()
    record = broken.Record(event.topic, event.key, headers, value)
    return broken.WAYS[step.broken][1](record) if step.broken else record


# ---- the final state as lines that can be compared with the database's ----


def state_lines(script):
    """Each a tuple, the first word of which says what it is about."""
    verdict, intake = script.verdict, script.verdict.intake
    lines = {review_line(r) for r in intake.unit_reviews.values()}
    lines |= {submission_line(s) for s in intake.submissions.values()}
    lines |= {decision_line(d) for d in intake.decisions}
    lines |= {answer for s in intake.submissions.values() for answer in submission_answers(s)}
    lines |= {("outcome", review_type(r), r.sent.event.id) for r in intake.unit_reviews.values()}
    lines |= {("outcome", decision_type(d), d.sent.event.id) for d in intake.decisions if d.verdict != rules.WAITING}
    lines |= {completed_line(*verdict.approved_by)} if verdict.approved_by else set()
    return lines | (roster_lines(verdict) if script.history.unit_is_known else set())


def review_line(review):
    event = review.sent.event
    return "unit-review", event.data["year"], event.source, event.id, review.verdict, review.code


def submission_line(submission):
    s, counts = submission, (None, None, None)
    if s.digest:
        counts = len(facts.ROSTER), len(facts.ROSTER) - len(s.failing()), len(s.failing())
    return "submission", s.year, s.name, s.source, len(s.chunks), s.state, s.code, s.digest, *counts


def decision_line(decision):
    event = decision.sent.event
    return "decision", event.data["year"], event.source, event.id, event.data["submission"], decision.sent.kind, decision.verdict, decision.code


def review_type(review):
    return f"unit-review.{review.verdict}"


def decision_type(decision):
    if decision.verdict == rules.REJECTED:
        return "decision.rejected"
    return "member-review.completed" if decision.sent.kind == "approved" else "member-review.closed"


def submission_answers(submission):
    """Not `waiting`, which depends on arrival, and nothing of what was withdrawn, for the withdrawal may have come first."""
    if submission.state in ("pending", "approved", "returned"):
        yield "outcome", "member-review.pending", submission.completed_by.event.id
    elif submission.state == "rejected":
        yield "outcome", "member-review.rejected", submission.completed_by.event.id


def completed_line(submission, decision):
    """The counts of the answer to an approval; nobody was gone already, for a roster changes by nothing else here."""
    reasons = Counter(submission.failing().values())
    removed, listed = sum(reasons.values()), len(facts.ROSTER)
    by_reason = json.dumps(dict(sorted(reasons.items(), key=lambda item: (len(item[0]), item[0]))))
    return "completed", decision.sent.event.id, listed, listed - removed, removed, 0, by_reason


def roster_lines(verdict):
    """Who is left, who was removed, and the unit's profile where it was changed."""
    removed, changes, by = {}, {}, ()
    if verdict.approved_by:
        submission, decision = verdict.approved_by
        by = submission.name, decision.sent.event.source, decision.sent.event.id
        removed = {no: submission.failing()[number] for no, number in facts.ROSTER.items() if number in submission.failing()}
        changes = verdict.intake.unit_review_of(submission).changes()
    lines = {("member", no, number) for no, number in facts.ROSTER_NOW.items() if no not in removed}
    lines |= {("removed", no, facts.ROSTER_NOW[no], reason, *by) for no, reason in removed.items()}
    return lines | {("profile", name, changes.get(name, facts.PROFILE[name])) for name in facts.PROFILE_FIELDS}
