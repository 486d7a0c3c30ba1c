"""The rules of the annual review as a reference model: from a unit's three topics to its one final state.

Written from the rules and not from the SQL. The product is told of events bit by bit, in any interleaving, and decides set by set; the model
sees each topic whole and walks once through the queue of submissions. It judges one unit in the world of facts.py.
"""

from dataclasses import dataclass, field

from model import facts
from model.canonical import digest_of

ACCEPTED, REJECTED, WAITING = "accepted", "rejected", "waiting"
DECIDED = ("approved", "returned", "withdrawn")  # kinds of decisions, and states of the submissions that they settled
HEADER = ("unit_review", "mode", "submitted_by", "chunks", "entries_total")


@dataclass(frozen=True)
class Sent:
    """One record as it was published: what it says, the code if it breaks the contract, and whether it came after the campaign's end."""

    event: object  # topic, type, id, source, data
    kind: str
    dead_letter: str | None = None
    late: bool = False

    @property
    def content(self):
        """An empty "passed" says no more than none."""
        return self.event.type, {name: value for name, value in self.event.data.items() if name != "passed" or value}

    @property
    def in_campaign(self):
        return self.event.data["year"] == facts.YEAR and not self.late

    @property
    def identity(self):
        return self.event.topic, self.event.data["year"], self.event.source, self.event.id


@dataclass
class UnitReview:
    sent: Sent
    code: str | None

    @property
    def verdict(self):
        return REJECTED if self.code else ACCEPTED

    def changes(self):
        """The known fields that it changes; a mobile by its digits."""
        changes = {n: v for n, v in self.sent.event.data["profile"].items() if n in facts.PROFILE_FIELDS}
        if "contact_mobile" in changes:
            changes["contact_mobile"] = "".join(c for c in changes["contact_mobile"] if c.isdigit())
        return changes


@dataclass
class Submission:
    year: int
    name: str
    source: str
    header: dict
    chunks: dict = field(default_factory=dict)  # number → Sent
    completed_by: Sent | None = None
    state: str = "receiving"
    code: str | None = None
    digest: str | None = None

    def rows(self):
        """Chunk by chunk in the order of their numbers, those that hold any: lists of (list, reading, reason)."""
        for _, sent in sorted(self.chunks.items()):
            data = sent.event.data
            rows = [("failed", facts.READINGS[e["id_number"]], e["reason"]) for e in data["failed"]]
            rows += [("passed", facts.READINGS[n], None) for n in data.get("passed", [])]
            if rows:
                yield rows

    def failing(self):
        return {reading.key: reason for rows in self.rows() for which, reading, reason in rows if which == "failed"}


@dataclass
class Decision:
    sent: Sent
    verdict: str = WAITING
    code: str | None = None

    @property
    def data(self):
        return self.sent.event.data

    def judge(self, code):
        self.verdict, self.code = (REJECTED if code else ACCEPTED), code


# ---- what is taken in: identities, headers, chunk numbers ----


class Intake:
    """Takes one topic after the other, record by record."""

    def __init__(self, unit_is_known=True):
        self.unit_is_known = unit_is_known
        self.contents = {}  # identity → content
        self.unit_reviews, self.submissions, self.decisions = {}, {}, []
        self.completed = []  # submissions, in the order in which their last chunks came

    def take(self, sent):
        """What becomes of it: 'applied', 'duplicate' or the code of a dead letter. A dead letter uses up no identity."""
        if sent.dead_letter:
            return sent.dead_letter
        if sent.event.topic != "unit-review" and not self.unit_is_known:
            return "unknown-unit"
        if sent.identity in self.contents:
            return "duplicate" if self.contents[sent.identity] == sent.content else "identity-reused"
        if sent.event.topic == "member-review" and (fate := self.chunk_not_taken(sent)):
            return fate
        self.contents[sent.identity] = sent.content
        {"unit-review": self.take_unit_review, "member-review": self.take_chunk, "approval": self.take_decision}[sent.event.topic](sent)
        return "applied"

    def chunk_not_taken(self, sent):
        """What becomes of a chunk that contradicts its submission's first one, or whose number is there already; else None."""
        data = sent.event.data
        submission = self.submissions.get((data["year"], data["submission"]))
        if submission is None:
            return None
        if (sent.event.source, header_of(data)) != (submission.source, submission.header):
            return "chunk-contradicts"
        if data["chunk"] in submission.chunks:
            return "duplicate" if submission.chunks[data["chunk"]].content == sent.content else "chunk-differs"
        return None

    def take_unit_review(self, sent):
        review = UnitReview(sent, unit_review_refusal(sent, self.unit_is_known))
        self.unit_reviews[sent.event.data["year"], sent.event.source, sent.event.id] = review

    def take_chunk(self, sent):
        data = sent.event.data
        name = data["year"], data["submission"]
        submission = self.submissions.setdefault(name, Submission(*name, sent.event.source, header_of(data)))
        submission.chunks[data["chunk"]] = sent
        if len(submission.chunks) == data["chunks"]:
            submission.completed_by = sent
            self.completed.append(submission)

    def take_decision(self, sent):
        self.decisions.append(Decision(sent))

    def unit_review_of(self, submission):
        return self.unit_reviews.get((submission.year, submission.source, submission.header["unit_review"]))

    def digest(self, submission, salt):
        review = self.unit_review_of(submission)
        return digest_of(salt, submission.completed_by.event.data, submission.failing(), review.changes() if review else {})


def header_of(data):
    return {name: data[name] for name in HEADER}


def unit_review_refusal(sent, unit_is_known):
    if not unit_is_known:
        return "unknown-unit"
    if not sent.in_campaign:
        return "campaign-closed"
    return next((code for profile, code in facts.BAD_PROFILES if profile == sent.event.data["profile"]), None)


# ---- rows ----


def row_refusal(submission):
    """Why the rows of a complete submission are refused, or None."""
    chunks = list(submission.rows())
    if not is_ascending(chunks):
        return "not-sorted"
    if has_row_error(submission, chunks):
        return "row-errors"
    return None if submission.header["entries_total"] == sum(map(len, chunks)) else "total-mismatch"


def is_ascending(chunks):
    """Each list within a chunk, and each chunk above the one before; equal neighbours are listed twice, which is another matter."""
    highest = ""
    for rows in chunks:
        for which in ("failed", "passed"):
            keys = [reading.key for at, reading, _ in rows if at == which]
            if keys != sorted(keys):
                return False
        if min(reading.key for _, reading, _ in rows) < highest:
            return False
        highest = max(reading.key for _, reading, _ in rows)
    return True


def has_row_error(submission, chunks):
    """The roster is that of the opening; a malformed number is good where the roster has it so."""
    on_roster = set(facts.ROSTER.values())
    keys = [reading.key for rows in chunks for _, reading, _ in rows]
    if len(keys) != len(set(keys)) or not set(keys) <= on_roster:
        return True
    if submission.header["mode"] == "list" and set(keys) != on_roster:
        return True
    return any(which == "failed" and reason not in facts.REASONS for rows in chunks for which, _, reason in rows)


# ---- the queue and the decisions ----


def refusal_at_once(decision):
    """What shows without looking at the submission."""
    data = decision.data
    if not decision.sent.in_campaign:
        return "campaign-closed"
    if decision.sent.kind == "withdrawn":
        return None
    if data["superior"] != facts.SUPERIOR:
        return "wrong-superior"
    return None if (data["reviewer"], data["superior"]) in facts.REVIEWERS else "unknown-reviewer"


def refusal_in_place(decision, submission):
    """What a decision meets on a submission that is pending or settled."""
    if submission.state in DECIDED:
        return "already-decided"
    if decision.sent.kind == "withdrawn":
        return None  # withdrawn outranks rejected
    if submission.state == "rejected":
        return "not-pending"
    if decision.data["digest"] != submission.digest:
        return "stale-digest"
    return "self-review" if decision.data["reviewer"] == submission.header["submitted_by"] else None


class Review:
    """One unit's year: its queue of submissions, each with its decisions in the order of their topic."""

    def __init__(self, intake, year, salt):
        self.intake, self.year, self.salt = intake, year, salt
        self.approved_by = None  # (submission, decision)
        self.decisions = {}  # submission's name → those that were not refused at once
        for decision in intake.decisions:
            if decision.data["year"] == year and decision.verdict == WAITING:
                self.decisions.setdefault(decision.data["submission"], []).append(decision)

    def run(self):
        for name in self.decisions:
            self.take_back(name)
        queue = [s for s in self.intake.completed if s.year == self.year and s.state != "withdrawn"]
        for submission in queue:
            submission.state = "waiting"
        for submission in queue:
            if not self.settle(submission):
                break

    def take_back(self, name):
        """A withdrawal that nothing stands before is judged in any state; all that follows comes too late."""
        first, *rest = self.decisions[name]
        if first.sent.kind != "withdrawn":
            return
        first.judge(None)
        for decision in rest:
            decision.judge("already-decided")
        if submission := self.intake.submissions.get((self.year, name)):
            submission.state = "withdrawn"

    def settle(self, submission):
        """Judges the head of the queue and its decisions. False: it stays the head, and the next one is not looked at."""
        code = self.refusal(submission)
        if code == "wait":
            return False
        submission.state, submission.code = ("rejected", code) if code else ("pending", None)
        submission.digest = None if code else self.intake.digest(submission, self.salt)
        for decision in self.decisions.get(submission.name, []):
            self.decide(submission, decision)
        return submission.state != "pending"

    def refusal(self, submission):
        if self.approved_by:
            return "already-reviewed"
        if not all(sent.in_campaign for sent in submission.chunks.values()):
            return "campaign-closed"
        unit_review = self.intake.unit_review_of(submission)
        if unit_review is None:
            return "wait"
        return "unit-review-rejected" if unit_review.code else row_refusal(submission)

    def decide(self, submission, decision):
        decision.judge(refusal_in_place(decision, submission))
        if decision.verdict == REJECTED:
            return
        submission.state, submission.code = decision.sent.kind, None
        if submission.state == "withdrawn":
            submission.digest = None
        elif submission.state == "approved":
            self.approved_by = submission, decision


# ---- the whole ----


@dataclass
class Verdict:
    """All that the model says of a unit."""

    fates: dict  # topic → what became of each record, in order
    intake: Intake  # with everything in it judged
    approved_by: tuple | None  # (submission, decision)


def judge(topics, salt, unit_is_known=True):
    """`topics`: name → list of Sent, in the topic's order."""
    intake = Intake(unit_is_known)
    fates = {topic: [intake.take(sent) for sent in sents] for topic, sents in topics.items()}
    for decision in intake.decisions:
        if code := refusal_at_once(decision):
            decision.judge(code)
    approved_by = None
    for year in (facts.CLOSED_YEAR, facts.YEAR, facts.UNKNOWN_YEAR):
        review = Review(intake, year, salt)
        review.run()
        approved_by = approved_by or review.approved_by
    return Verdict(fates, intake, approved_by)


def digests(topics, salt):
    """(year, submission) → what an approval must name, for each complete submission of these topics."""
    intake = Intake()
    for sents in topics.values():
        for sent in sents:
            intake.take(sent)
    return {(s.year, s.name): intake.digest(s, salt) for s in intake.completed}
