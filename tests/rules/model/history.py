"""Random histories: what all kinds of upstreams might publish about one unit, in its topics' own order.

A history knows neither its unit's code nor the campaign's salt (script.py fills them in), and how the three topics interleave is no part of it
either. Hypothesis draws one seed a history: fast, and as varied as the percentages below say. When one fails, Hypothesis takes away of it what
does not matter (`shrunk`).
"""

import json
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from model import broken, facts

TOPICS = ("unit-review", "member-review", "approval")
SOURCE, OTHER_SOURCE = "upstream", "another-upstream"
NO_DIGEST = "sha256:" + 64 * "0"
FORMS = ["binary", "spaced", "structured"]
PHASE_MARKS = ("", "CORRECTED", "MOVED", "LATE")


@dataclass(frozen=True)
class Step:
    """One record. `data` has no unit yet, and instead of a digest the name of the submission whose digest is meant (or a text with a colon)."""

    topic: str
    kind: str  # of support.events.TYPES
    id: str
    data: dict
    source: str = SOURCE
    form: str = "binary"
    broken: str | None = None  # of broken.WAYS
    phase: int = facts.OPENED  # when it is appended; a topic's phases ascend

    def __str__(self):
        marks = [m for m in (self.form != "binary" and self.form, self.broken and f"BROKEN: {self.broken}", PHASE_MARKS[self.phase]) if m]
        source = "" if self.source == SOURCE else f" of {self.source}"
        return f"{self.kind} {self.id}{source} {json.dumps(self.data, ensure_ascii=False)} {' '.join(marks)}".rstrip()


@dataclass(frozen=True)
class History:
    topics: dict  # name → list of Step
    unit: facts.Unit = facts.Unit()

    def __str__(self):
        lines = [f"the unit: {self.unit}"] if str(self.unit) else []
        return "\n".join(lines + [f"{topic}: {step}" for topic in TOPICS for step in self.topics[topic]])


# ---- chance ----


def often(chance, percent):
    """True in so many of a hundred cases."""
    return chance.randint(0, 99) >= 100 - percent


def one_of(chance, usual, unusual, percent):
    """Mostly the usual value, in so many of a hundred cases one of the unusual ones."""
    return chance.choice(unusual) if often(chance, percent) else usual


def mixed(chance, steps, percent):
    """In so many of a hundred cases in another order."""
    steps = list(steps)
    if often(chance, percent):
        chance.shuffle(steps)
    return steps


# ---- unit reviews ----


def unit_reviews(chance, year):
    """The unit reviews r1 and r2; either may be bad or never come."""
    steps = []
    for name, missing in (("r1", 5), ("r2", 60)):
        profile = chance.choice([bad for bad, _ in facts.BAD_PROFILES] if often(chance, 6) else facts.PROFILES)
        if not often(chance, missing):
            steps.append(Step("unit-review", "unit-review", name, {"year": year, "submitted_by": facts.CLERK, "profile": profile}))
    return steps


# ---- submissions: first the rows as a file would hold them, then what spoils them, then the chunks ----


@dataclass
class File:
    mode: str
    rows: list  # (text of the ID number, reason or None: passes, name of a failing member or None)
    total_error: int = 0
    disorder: str | None = None


def key_of(row):
    return facts.READINGS[row[0]].key


def a_row_of(reason, *numbers):
    """A flaw: a row that should not be there."""

    def flaw(chance, file):
        file.rows.append((chance.choice(numbers), reason, None))

    return flaw


def a_row_less(chance, file):
    file.rows.pop(chance.randrange(len(file.rows)))


def a_row_twice(chance, file):
    """Perhaps with another result."""
    text, reason, name = chance.choice(file.rows)
    file.rows.append((text, chance.choice([reason, None, "retired"]), name))


def a_wrong_reason(chance, file):
    at = chance.randrange(len(file.rows))
    file.rows[at] = (file.rows[at][0], chance.choice(["", "moved", "RETIRED"]), None)


def a_wrong_name(chance, file):
    at = chance.randrange(len(file.rows))
    file.rows[at] = (*file.rows[at][:2], chance.choice([*facts.NAMES[:2], "某某", "张一"]))


def a_wrong_total(chance, file):
    file.total_error = chance.choice([1, -1, 3])


def disorder(chance, file):
    file.disorder = chance.choice(["rows", "chunks"])


FLAWS = [
    a_row_less, a_row_twice, a_wrong_reason, a_wrong_total, a_wrong_total, disorder, disorder,
    a_row_of("left", facts.STRANGER), a_row_of("left", facts.LATE_NUMBER), a_row_of("retired", facts.NEW_NUMBER), a_row_of("left", ""),
    a_wrong_name, a_row_of("left", facts.OLD_NUMBER, facts.LEFT_NUMBER, facts.PASSED_ON, facts.OWN_NUMBER),
    a_row_of("left", *facts.BAD_NUMBERS), a_row_of(None, facts.STRANGER, *facts.BAD_NUMBERS),
]  # fmt: skip


def written(chance, number):
    """A number may be written in other ways than the plain one."""
    if number == facts.MALFORMED:
        return one_of(chance, number, [f" {number} "], 20)
    return one_of(chance, str, facts.WRITINGS, 10)(number)


def spelt(chance, name):
    """A name may be written in other ways than the roster's."""
    return chance.choice([str, lambda n: f" {n[:1]}\u3000{n[1:]}", lambda n: n.replace("·", "•"), lambda n: facts.full_width(n) if n.isascii() and " " not in n else n.upper()])(name)


def a_row(chance, member, failing, named):
    """Who passes has no name; whose number was another's needs one to fail."""
    reason = chance.choice(sorted(facts.REASONS)) if often(chance, failing) else None
    has_name = reason and member.name and often(chance, 98 if has_moved(member) else named)
    return written(chance, member.number), reason, spelt(chance, member.name) if has_name else None


def has_moved(member):
    return any(member.number == m.number and member.name != m.name for m in facts.ROSTER.values())


def a_file(chance, phase):
    """The rows of one submission, ascending, as the roster stands in that phase; import mode leaves out who passes."""
    failing, named = chance.choice([0, 10, 30, 90]), chance.choice([0, 0, 20, 90])
    file = File(chance.choice(["import", "list"]), [a_row(chance, m, failing, named) for m in facts.roster_at(phase).values()])
    for _ in range(one_of(chance, 0, [1, 1, 2], 20)):
        chance.choice(FLAWS)(chance, file)
    if file.mode == "import":
        file.rows = [row for row in file.rows if row[1] is not None]
    file.rows.sort(key=key_of)
    return file


def chunks_of(chance, file):
    """The rows cut at random places; a chunk may be empty."""
    cuts = sorted(chance.randint(0, len(file.rows)) for _ in range(chance.choice([0, 0, 1, 2, 3])))
    chunks = [file.rows[a:b] for a, b in zip([0, *cuts], [*cuts, len(file.rows)])]
    if file.disorder == "rows":
        return [chunk[::-1] for chunk in chunks]
    return chunks[::-1] if file.disorder == "chunks" else chunks


def entry(text, reason, name=None):
    """A failing entry as it is sent."""
    return {"id_number": text, "reason": reason, **({} if name is None else {"name": name})}


def submission(chance, name, year, phase):
    """The records of one submission, mostly in the order of their numbers."""
    file = a_file(chance, one_of(chance, phase, facts.PHASES_OPEN, 8))
    chunks = chunks_of(chance, file)
    header = {
        "year": year, "submission": name, "unit_review": one_of(chance, "r1", ["r2", "r9"], 12), "mode": file.mode,
        "submitted_by": one_of(chance, facts.OTHER_CLERK, [facts.CLERK, *facts.CLERK_WRITINGS, *facts.BLANK_WRITINGS], 35),
        "chunks": len(chunks), "entries_total": max(0, len(file.rows) + file.total_error),
    }  # fmt: skip
    steps = []
    for number, rows in enumerate(chunks, 1):
        data = {**header, "chunk": number, "failed": [entry(*row) for row in rows if row[1] is not None]}
        if file.mode == "list":
            data["passed"] = [text for text, reason, _ in rows if reason is None]
        steps.append(Step("member-review", "member-review", f"{name}/{number}", data))
    if often(chance, 5):
        steps.pop(chance.randrange(len(steps)))
    return mixed(chance, steps, 30)


# ---- decisions ----

# What may be wrong with one: fields that replace the right ones.
DECISION_FLAWS = [
    {"digest": NO_DIGEST}, {"digest": "s2"}, {"superior": facts.ANCESTOR, "reviewer": "R000"}, {"superior": facts.STRANGERS_SUPERIOR, "reviewer": "R020"},
    {"reviewer": "R999"}, {"reviewer": "R020"}, *4 * [{"reviewer": facts.CLERK}], *2 * [{"reviewer": facts.BLANK_REVIEWER}],
    {"reviewer": facts.LATER_REVIEWER}, {"reviewer": facts.LATER_REVIEWER},
]  # fmt: skip


def decision(chance, name, year, id):
    """One decision on the submission of that name."""
    kind = one_of(chance, "approved", ["returned", "withdrawn", "withdrawn"], 25)
    data = {"year": year, "submission": name}
    if kind == "withdrawn":
        source = one_of(chance, SOURCE, [OTHER_SOURCE], 25)
        return Step("approval", kind, id, {**data, "submitted_by": facts.CLERK}, source)
    data |= {"digest": name, "superior": facts.SUPERIOR, "reviewer": facts.REVIEWER, "comment": "请核对"}
    return Step("approval", kind, id, {**data, **one_of(chance, {}, DECISION_FLAWS, 16)})


# ---- what goes wrong on the way: repeats, contradictions, broken records ----

HEADER_CHANGES = [{"mode": "import"}, {"submitted_by": "someone-else"}, {"unit_review": "r2"}, {"chunks": 9}, {"entries_total": 99}]
ROWS_CHANGES = [{"failed": []}, {"failed": [{"id_number": facts.NUMBERS[0], "reason": "deceased"}]}, {"remark": "a field that nobody knows"}]


def repeated(chance, step):
    return replace(step, form=chance.choice(FORMS))


def under_another_id(chance, step):
    return replace(step, id=f"{step.id}-x")


def with_other_content(chance, step):
    """Other rows of a chunk, or any field more."""
    change = chance.choice(ROWS_CHANGES) if step.topic == "member-review" else {"remark": "once more"}
    return replace(step, data={**step.data, **change})


def another(chance, step):
    """Other content under another identity."""
    return replace(with_other_content(chance, step), id=f"{step.id}-y")


def of_another_source(chance, step):
    return replace(step, source=OTHER_SOURCE)


def contradicting(chance, step):
    """A chunk with another header, under an identity of its own."""
    if step.topic != "member-review":
        return of_another_source(chance, step)
    change = chance.choice(HEADER_CHANGES)
    if change.get("mode") == "import":
        change = {**change, "passed": []}
    return replace(step, id=f"{step.id}-c", data={**step.data, **change})


def broken_in_some_way(chance, step):
    return replace(step, broken=chance.choice(sorted(broken.WAYS)))


DISTURBANCES = [repeated, under_another_id, with_other_content, another, of_another_source, contradicting, broken_in_some_way]


def disturbed(chance, steps, percent):
    """The steps with disturbances among them, mostly behind what they disturb."""
    result = [replace(step, form=one_of(chance, step.form, FORMS, 10)) for step in steps]
    for step in steps:
        if often(chance, percent):
            behind = 1 + next(n for n, s in enumerate(result) if s.id == step.id)
            at = chance.randint(0, len(result)) if often(chance, 30) else behind
            result.insert(at, chance.choice(DISTURBANCES)(chance, step))
    return result


# ---- time, and what the unit is like ----


def in_phases(chance, steps, phase):
    """Mostly all of a topic in one phase; else cut at random places. Sometimes the last ones come after the campaign has closed."""
    cuts = [0 if first <= phase else len(steps) for first in (facts.CORRECTED, facts.MOVED)]
    if steps and often(chance, 22):
        cuts = sorted(chance.randint(0, len(steps)) for _ in cuts)
    first_late = chance.randrange(len(steps)) if steps and often(chance, 4) else len(steps)
    return [replace(step, phase=facts.LATE if n >= first_late else sum(n >= cut for cut in cuts)) for n, step in enumerate(steps)]


def limits(chance):
    """Low ones; sometimes raised before the end."""
    found = []
    for kind in facts.LIMIT_KINDS:
        if often(chance, 50):
            most = chance.randint(1, 3)
            found.append((kind, facts.OPENED, most))
            found += [(kind, facts.MOVED, chance.choice([0, most + 1, 1000]))] if often(chance, 40) else []
    return tuple(found)


def a_unit(chance):
    known_from = one_of(chance, facts.OPENED, [None, facts.CORRECTED, facts.MOVED], 3)
    return facts.Unit(known_from, limits(chance) if often(chance, 20) else (), often(chance, 4))


# ---- the whole ----


def history(chance):
    year = one_of(chance, facts.YEAR, [facts.CLOSED_YEAR, facts.UNKNOWN_YEAR], 3)
    phase = one_of(chance, facts.OPENED, [facts.CORRECTED, facts.MOVED], 45)
    names = [f"s{n}" for n in range(1, 2 + one_of(chance, 0, [1, 1, 2], 55))]
    chunks = [submission(chance, name, one_of(chance, year, [facts.UNKNOWN_YEAR], 2), phase) for name in names]
    decided = [decision(chance, name, year, f"d-{name}-{n}") for name in names for n in range(one_of(chance, 1, [0, 2, 2, 3], 40))]
    if often(chance, 8):
        decided.append(decision(chance, "ghost", year, "d-ghost"))
    topics = {
        "unit-review": disturbed(chance, mixed(chance, unit_reviews(chance, year), 30), 12),
        "member-review": disturbed(chance, mixed(chance, [step for steps in chunks for step in steps], 15), 10),
        "approval": disturbed(chance, mixed(chance, decided, 30), 12),
    }
    return History({topic: in_phases(chance, steps, phase) for topic, steps in topics.items()}, a_unit(chance))


def drawn(count, number):
    """So many different histories, always the same ones for a number."""
    found = {}

    @seed(number)
    @settings(max_examples=count + count // 10 + 10, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(st.randoms(use_true_random=True).map(history))
    def collect(one):
        found[str(one)] = one

    collect()
    assert len(found) >= count
    return list(found.values())[:count]


# ---- the core of one that fails ----

SHRINK_TRIES_MAX = 400
# 0: the record is not there. 1: it comes in its plainest form. Most are left as they are, so that the first tries fail as the whole does.
LEFT_OUT, PLAIN, PARTS = 0, 1, 500


def part_of(whole, choices):
    left = iter(choices)
    topics = {}
    for topic, steps in whole.topics.items():
        kept = [(step, choice) for step, choice in zip(steps, left) if choice != LEFT_OUT]
        topics[topic] = [replace(step, form="binary") if choice == PLAIN else step for step, choice in kept]
    return replace(whole, topics=topics)


def shrunk(whole, is_wrong):
    """The least part of a history that is still wrong, or None if it is not wrong any more."""
    count = sum(len(steps) for steps in whole.topics.values())
    parts = st.lists(st.integers(0, PARTS), min_size=count, max_size=count).map(lambda choices: part_of(whole, choices))
    try:
        return find(parts, is_wrong, settings=settings(max_examples=SHRINK_TRIES_MAX, database=None, deadline=None, suppress_health_check=list(HealthCheck)))
    except NoSuchExample:
        return None
