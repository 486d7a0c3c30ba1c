"""The rules of the annual review as a reference model: from a unit's three topics to its one final state.

Written from the rules and not from the engine. The engine is told of events bit by bit, in any interleaving, and decides what it can; the model
sees each topic whole and walks once through the queue of submissions. It judges one unit in the world of facts.py.
"""

from collections import Counter
from dataclasses import dataclass, field
from unicodedata import normalize

from model import facts
from model.canonical import digest_of

ACCEPTED, REJECTED, WAITING = "accepted", "rejected", "waiting"
DECIDED = ("approved", "returned", "withdrawn")  # kinds of decisions, and states of the submissions that they settled
HEADER = ("unit_review", "mode", "submitted_by", "chunks", "entries_total")
YEARS = (facts.CLOSED_YEAR, facts.YEAR, facts.UNKNOWN_YEAR)


@dataclass(frozen=True)
class Sent:
    """One record as it was published: what it says, the code if it breaks the contract, in which phase it was appended, at which place of its topic."""

    event: object  # topic, type, id, source, data
    kind: str
    phase: int
    place: int
    dead_letter: str | None = None
    has_id: bool = True  # its ce_id can be read

    @property
    def content(self):
        """A chunk without passing members may leave out their list."""
        data = self.event.data
        return self.event.type, {**data, "passed": data.get("passed", [])} if self.event.topic == "member-review" else data

    @property
    def in_campaign(self):
        return self.event.data["year"] == facts.YEAR and self.phase in facts.PHASES_OPEN

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

    def warnings(self):
        return ["unknown-field" for n in self.sent.event.data["profile"] if n not in facts.PROFILE_FIELDS]


@dataclass(frozen=True)
class Entry:
    """One row as it was listed, and where."""

    chunk: int
    list: str
    index: int
    reading: facts.Reading
    reason: str | None = None
    name: str | None = None

    @property
    def key(self):
        return self.reading.key

    def finding(self, code, member_no=None):
        return Finding(code, self.chunk, self.list, self.index, member_no)


@dataclass(frozen=True)
class Finding:
    code: str
    chunk: int | None = None
    list: str | None = None
    index: int | None = None
    member_no: str | None = None


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
    settled_by: Decision | None = None
    was_pending: bool = False

    @property
    def phase(self):
        """When it was completed: numbers and names are those of that time."""
        return self.completed_by.phase

    def entries(self):
        """Chunk by chunk in the order of their numbers, those that hold any: lists of Entry."""
        for number, sent in sorted(self.chunks.items()):
            data = sent.event.data
            rows = [Entry(number, "failed", n, facts.READINGS[e["id_number"]], e["reason"], e.get("name")) for n, e in enumerate(data["failed"])]
            rows += [Entry(number, "passed", n, facts.READINGS[text]) for n, text in enumerate(data.get("passed", []))]
            if rows:
                yield rows

    def failing(self):
        """member_no → reason, of rows that are good."""
        holders = holders_at(self.phase)
        return {holders[e.key]: e.reason for rows in self.entries() for e in rows if e.list == "failed" and e.key in holders}

    def removes(self):
        return self.failing() if self.state == "approved" else {}


# ---- what is taken in: identities, headers, chunk numbers, limits ----


class Intake:
    """Takes one topic after the other, record by record."""

    def __init__(self, unit):
        self.unit = unit
        self.contents = {}  # identity → content
        self.unit_reviews, self.submissions, self.decisions, self.repeats = {}, {}, [], []
        self.completed = []  # submissions, in the order in which their last chunks came
        self.refused = []  # (Sent, code): dead letters of a known unit
        self.counted, self.withdrawals = Counter(), Counter()  # by (year, kind of limit), by (year, source)

    def take(self, sent):
        """What becomes of it: 'applied', 'duplicate' or the code of a dead letter, which an outcome tells where the unit is known."""
        fate = sent.dead_letter or self.refusal(sent)
        if fate is None:
            self.use_up(sent)
            {"unit-review": self.take_unit_review, "member-review": self.take_chunk, "approval": self.take_decision}[sent.event.topic](sent)
            return "applied"
        if fate != "duplicate" and self.unit.is_known(sent.phase):
            self.refused.append((sent, fate))
        return fate

    def refusal(self, sent):
        if not self.unit.is_known(sent.phase):
            return "unknown-unit"
        if sent.identity in self.contents:
            return "duplicate" if self.contents[sent.identity] == sent.content else "identity-reused"
        if sent.event.topic == "member-review":
            return self.chunk_refusal(sent)
        return "too-many" if self.is_one_too_many(sent) else None

    def use_up(self, sent):
        """A dead letter uses up no identity."""
        self.contents[sent.identity] = sent.content

    def chunk_refusal(self, sent):
        """A chunk that contradicts its submission's first one, or whose number is there already; a repeat uses up its own id, too."""
        data = sent.event.data
        submission = self.submissions.get((data["year"], data["submission"]))
        if submission is None:
            return "too-many" if self.is_full(sent, "submissions") else None
        if (sent.event.source, header_of(data)) != (submission.source, submission.header):
            return "chunk-contradicts"
        if data["chunk"] not in submission.chunks:
            return None
        if submission.chunks[data["chunk"]].content != sent.content:
            return "chunk-differs"
        self.use_up(sent)
        self.repeats.append(sent)
        return "duplicate"

    # A limit is that of the append time; what is no dead letter counts.

    def is_full(self, sent, kind):
        return self.counted[sent.event.data["year"], kind] >= self.unit.limit(kind, sent.phase)

    def is_one_too_many(self, sent):
        if sent.event.topic == "unit-review":
            return self.is_full(sent, "unit-reviews")
        if sent.kind == "withdrawn":
            return self.withdrawals[sent.event.data["year"], sent.event.source] >= self.unit.limit("decisions", sent.phase)
        return decider_refusal(sent, self.unit) is None and self.is_full(sent, "decisions")

    def count(self, sent, kind):
        self.counted[sent.event.data["year"], kind] += 1

    def take_unit_review(self, sent):
        self.count(sent, "unit-reviews")
        self.unit_reviews[sent.event.data["year"], sent.event.source, sent.event.id] = UnitReview(sent, unit_review_refusal(sent))

    def take_chunk(self, sent):
        data = sent.event.data
        name = data["year"], data["submission"]
        if name not in self.submissions:
            self.count(sent, "submissions")
            self.submissions[name] = Submission(*name, sent.event.source, header_of(data))
        submission = self.submissions[name]
        submission.chunks[data["chunk"]] = sent
        if len(submission.chunks) == data["chunks"]:
            submission.completed_by = sent
            self.completed.append(submission)

    def take_decision(self, sent):
        if sent.kind == "withdrawn":
            self.withdrawals[sent.event.data["year"], sent.event.source] += 1
        elif decider_refusal(sent, self.unit) is None:
            self.count(sent, "decisions")
        self.decisions.append(Decision(sent))

    def unit_review_of(self, submission):
        return self.unit_reviews.get((submission.year, submission.source, submission.header["unit_review"]))

    def digest(self, submission, salt):
        """Whom the reviewer sees, as the roster has them when the submission is completed."""
        review, roster = self.unit_review_of(submission), facts.roster_at(submission.phase)
        failing = [(roster[no].number, no, roster[no].name, reason) for no, reason in submission.failing().items()]
        return digest_of(salt, submission.completed_by.event.data, failing, len(roster), review.changes() if review else {})


def header_of(data):
    return {name: data[name] for name in HEADER}


def unit_review_refusal(sent):
    if not sent.in_campaign:
        return "campaign-closed"
    return next((code for profile, code in facts.BAD_PROFILES if profile == sent.event.data["profile"]), None)


# ---- rows ----


def holders_at(phase):
    """number → member_no."""
    return {member.number: no for no, member in facts.roster_at(phase).items()}


def row_errors(submission):
    """Everything that is wrong with the rows of a complete submission; nothing: they are good."""
    chunks = list(submission.entries())
    entries = [entry for rows in chunks for entry in rows]
    errors = [error for entry in entries for error in entry_errors(entry, submission.phase)] + repeats(entries)
    unsorted = disorder(chunks)
    if submission.header["mode"] == "list" and not unsorted:  # where the order is broken, nobody is told to be missing
        errors += missing({entry.key for entry in entries}, submission.phase)
    if submission.header["entries_total"] != len(entries):
        errors.append(Finding("total-mismatch"))
    return errors + unsorted


def row_refusal(errors):
    codes = {error.code for error in errors}
    if "not-sorted" in codes:
        return "not-sorted"
    return "total-mismatch" if codes == {"total-mismatch"} else "row-errors" if codes else None


def entry_errors(entry, phase):
    """By itself and beside the roster; a malformed number is good where the roster has it so."""
    if entry.key in holders_at(phase):
        if holder_has_changed(entry, phase):
            yield entry.finding("holder-changed", holders_at(phase)[entry.key])
    elif entry.reading.code:
        yield entry.finding(entry.reading.code, cut_member(entry.key, phase))
    else:
        yield stranger(entry, phase)
    if entry.list == "failed" and entry.reason not in facts.REASONS:
        yield entry.finding("unknown-reason" if entry.reason else "missing-reason")


def cut_member(key, phase):
    """A spreadsheet keeps fifteen digits: they may tell who was meant."""
    if len(key) == 18 and key.endswith("000"):
        found = [no for number, no in holders_at(phase).items() if number.startswith(key[:15])]
        return found[0] if len(found) == 1 else None
    return None


def stranger(entry, phase):
    """Nobody of the campaign holds the number: a later member does, somebody did before a correction, or nobody ever."""
    if entry.key in facts.later_numbers(phase):
        return entry.finding("not-in-campaign")
    for earlier in range(phase - 1, -1, -1):
        if entry.key in holders_at(earlier):
            return entry.finding("number-corrected", holders_at(earlier)[entry.key])
    return entry.finding("not-on-roster")


def holder_has_changed(entry, phase):
    """To fail a member whose number was another's at the opening, the name must be given."""
    holder, at_opening = holders_at(phase)[entry.key], holders_at(facts.OPENED).get(entry.key)
    if entry.list == "passed" or at_opening in (None, holder):
        return False
    return entry.name is None or name_differs(entry.name, facts.roster_at(phase)[holder].name)


def row_warnings(submission):
    """Of good rows; those of the ID check are not told here."""
    roster, holders = facts.roster_at(submission.phase), holders_at(submission.phase)
    for rows in submission.entries():
        for entry in rows:
            if entry.reading.code:
                yield entry.finding("roster-malformed")
            if entry.name is not None and name_differs(entry.name, roster[holders[entry.key]].name):
                yield entry.finding("name-differs")


def name_differs(name, on_roster):
    """White space, the kind of dot, full width and the case of letters do not count; a roster without a name agrees with any."""
    return on_roster != "" and plain_name(name) != plain_name(on_roster)


def plain_name(name):
    dots = str.maketrans(dict.fromkeys("·•・‧∙･", "·"))
    return lower_ascii(half_width("".join(c for c in name if not is_blank(c)).translate(dots)))


def half_width(text):
    return "".join(normalize("NFKC", c) if "！" <= c <= "～" else c for c in text)


def lower_ascii(text):
    return "".join(c.lower() if c.isascii() else c for c in text)


def is_blank(character):
    return character.isspace() or character in "\u200b\u200c\u200d\u2060\ufeff"


def repeats(entries):
    """The second and every later place of a number; entries without one have none."""
    seen, found = set(), []
    for entry in entries:
        if entry.key and entry.key in seen:
            found.append(entry.finding("listed-twice"))
        seen.add(entry.key)
    return found


def disorder(chunks):
    """Each list within a chunk ascends, and each chunk is above the one before; equal neighbours are listed twice, which is another matter."""
    found, highest = [], ""
    for rows in chunks:
        if min(entry.key for entry in rows) < highest:
            found.append(Finding("not-sorted", rows[0].chunk))
        highest = max(entry.key for entry in rows)
        found += [b.finding("not-sorted") for a, b in zip(rows, rows[1:]) if a.list == b.list and b.key < a.key]
    return found


def missing(listed, phase):
    return [Finding("not-listed", member_no=no) for number, no in holders_at(phase).items() if number not in listed]


# ---- the queue and the decisions ----


def decider_refusal(sent, unit):
    """Who may decide on the unit at all, as of the append time: its direct superior, by a reviewer who is registered there."""
    data = sent.event.data
    if data["superior"] != unit.superior(sent.phase):
        return "wrong-superior"
    return None if facts.is_registered(data["reviewer"], data["superior"], sent.phase) else "unknown-reviewer"


def refusal_at_once(decision, unit):
    """What shows without looking at the submission."""
    if not decision.sent.in_campaign:
        return "campaign-closed"
    return None if decision.sent.kind == "withdrawn" else decider_refusal(decision.sent, unit)


def withdrawal_refusal(decision, submission):
    """In any state that is not decided; withdrawn outranks rejected."""
    if decision.sent.event.source != submission.source:
        return "not-yours"
    return "already-decided" if submission.state in DECIDED else None


def refusal_in_place(decision, submission):
    """What an approval or a return meets on a submission that is pending or settled."""
    if submission.state in DECIDED:
        return "already-decided"
    if submission.state == "rejected":
        return "not-pending"
    if decision.data["digest"] != submission.digest:
        return "stale-digest"
    if plain_person(decision.data["reviewer"]) == plain_person(submission.header["submitted_by"]):
        return "self-review"
    return "roster-changed" if decision.sent.kind == "approved" and has_changed(submission, decision.sent.phase) else None


def plain_person(name):
    """Blanks at the ends, runs of them, full width and the case of letters make no other person."""
    first = next((n for n, c in enumerate(name) if not is_blank(c)), len(name))
    last = next((n for n in range(len(name), first, -1) if not is_blank(name[n - 1])), first)
    return lower_ascii(half_width(" ".join(name[first:last].split())))


def has_changed(submission, phase):
    """Whom the reviewer saw is whom the approval removes: number and name of each failing member are what they were. What was corrected before the
    submission was completed never counts, even if the approval was sent before."""
    seen, now = facts.roster_at(submission.phase), facts.roster_at(max(phase, submission.phase))
    return any(seen[no] != now[no] for no in submission.failing())


class Review:
    """One unit's year: its queue of submissions, each with its decisions in the order of their topic."""

    def __init__(self, intake, year, salt):
        self.intake, self.year, self.salt = intake, year, salt
        self.decisions = {}  # submission's name → those that are not judged yet, in order
        for decision in intake.decisions:
            if decision.data["year"] == year and decision.verdict == WAITING:
                self.decisions.setdefault(decision.data["submission"], []).append(decision)

    def run(self):
        for name in self.decisions:
            if submission := self.intake.submissions.get((self.year, name)):
                self.take_back(submission)
        queue = [s for s in self.intake.completed if s.year == self.year and s.state != "withdrawn"]
        for submission in queue:
            submission.state = "waiting"
        for submission in queue:
            if not self.settle(submission):
                break

    def take_back(self, submission):
        """A withdrawal that nothing stands before is judged in any state, once a chunk has told whose submission it is."""
        left = self.decisions[submission.name]
        while left and (left[0].sent.kind == "withdrawn" or submission.state == "withdrawn"):
            self.decide(submission, left.pop(0))

    def settle(self, submission):
        """Judges the head of the queue and its decisions. False: it stays the head, and the next one is not looked at."""
        code = self.refusal(submission)
        if code == "wait":
            return False
        submission.state, submission.code = ("rejected", code) if code else ("pending", None)
        submission.was_pending = code is None
        submission.digest = None if code else self.intake.digest(submission, self.salt)
        for decision in self.decisions.get(submission.name, []):
            self.decide(submission, decision)
        return submission.state != "pending"

    def refusal(self, submission):
        if any(s.state == "approved" for s in self.intake.completed if s.year == self.year):
            return "already-reviewed"
        if not all(sent.in_campaign for sent in submission.chunks.values()):
            return "campaign-closed"
        unit_review = self.intake.unit_review_of(submission)
        if unit_review is None:
            return "wait"
        return "unit-review-rejected" if unit_review.code else row_refusal(row_errors(submission))

    def decide(self, submission, decision):
        is_withdrawal = decision.sent.kind == "withdrawn"
        decision.judge((withdrawal_refusal if is_withdrawal else refusal_in_place)(decision, submission))
        if decision.code == "roster-changed":
            submission.state, submission.code, submission.digest = "rejected", "roster-changed", None
        elif decision.verdict == ACCEPTED:
            submission.state, submission.code, submission.settled_by = decision.sent.kind, None, decision
            submission.digest = None if is_withdrawal else submission.digest


# ---- the whole ----


@dataclass
class Verdict:
    """All that the model says of a unit."""

    fates: dict  # topic → what became of each record, in order
    intake: Intake  # with everything in it judged

    @property
    def approved(self):
        """The submission whose approval took effect, or None."""
        return next((s for s in self.intake.completed if s.state == "approved"), None)


def judge(topics, salt, unit):
    """`topics`: name → list of Sent, in the topic's order."""
    intake = Intake(unit)
    fates = {topic: [intake.take(sent) for sent in sents] for topic, sents in topics.items()}
    for decision in intake.decisions:
        if code := refusal_at_once(decision, unit):
            decision.judge(code)
    for year in YEARS:
        Review(intake, year, salt).run()
    return Verdict(fates, intake)


def digests(topics, salt, unit):
    """(year, submission) → what an approval must name, for each complete submission of these topics."""
    intake = Intake(unit)
    for sents in topics.values():
        for sent in sents:
            intake.take(sent)
    return {(s.year, s.name): intake.digest(s, salt) for s in intake.completed}
