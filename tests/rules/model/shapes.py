"""Small histories, few enough messages each that all their orders can be tried: for each rule of one topic, beside each rule of another.

A part is what one topic holds; its name says which rule it is about. A shape is one part for each topic. Written in the words of history.py: no
unit's code yet, and instead of a digest the name of the submission that is meant.
"""

from dataclasses import dataclass, replace
from itertools import product

from model import facts
from model.history import NO_DIGEST, OTHER_SOURCE, SOURCE, TOPICS, History, Step, entry

MESSAGES_MAX = 6


@dataclass(frozen=True)
class Shape:
    name: str
    history: History

    @property
    def messages(self):
        return sum(len(steps) for steps in self.history.topics.values())


# ---- unit reviews ----


def review(name="r1", profile=0, year=facts.YEAR, **more):
    data = {"year": year, "submitted_by": facts.CLERK, "profile": facts.PROFILES[profile]}
    return Step("unit-review", "unit-review", name, data, **more)


def bad_review(name="r1"):
    return replace(review(name), data={**review(name).data, "profile": facts.BAD_PROFILES[0][0]})


def remarked(step):
    """The same identity with other content."""
    return replace(step, data={**step.data, "remark": "once more"})


REVIEWS = {
    "reviewed": [review(profile=2)],
    "no review": [],
    "bad review": [bad_review()],
    "review twice": [review(), review(form="structured")],
    "review reused": [review(), remarked(review())],
    "review late": [review(phase=facts.LATE)],
    "review with an unknown field": [review(profile=3)],
    "review broken": [review(broken="truncated"), review()],
    "review bad, then another": [bad_review(), review("r2")],
    "review elsewhere": [review(source=OTHER_SOURCE)],
    "review of a closed year": [review(year=facts.CLOSED_YEAR)],
}

# ---- submissions ----

ALL = sorted(member.number for member in facts.ROSTER.values())
# Members whom nothing is corrected of.
A, B, C = [(facts.NUMBERS[0], "retired")], [(facts.NUMBERS[4], "left")], [(facts.NUMBERS[5], "deceased")]


def passing(numbers):
    return [(number, None) for number in numbers]


def all_passing(phase=facts.OPENED, but=()):
    return passing(sorted(m.number for m in facts.roster_at(phase).values() if m.number not in but))


def chunks(*groups, name="s1", mode="import", total=0, **header):
    """The chunks of a submission; `total` is added to the true sum of entries."""
    common = {
        "year": facts.YEAR, "submission": name, "unit_review": "r1", "mode": mode, "submitted_by": facts.OTHER_CLERK,
        "chunks": len(groups), "entries_total": sum(map(len, groups)) + total, **header,
    }  # fmt: skip
    steps = []
    for number, rows in enumerate(groups, 1):
        data = {**common, "chunk": number, "failed": [entry(*row) for row in rows if row[1] is not None]}
        if mode == "list":
            data["passed"] = [row[0] for row in rows if row[1] is None]
        steps.append(Step("member-review", "member-review", f"{name}/{number}", data))
    return steps


def listed(*groups):
    return chunks(*groups, mode="list")


def at(phase, steps):
    return [replace(step, phase=phase) for step in steps]


def from_on(phase, steps):
    """The last one is appended then."""
    return [*steps[:-1], replace(steps[-1], phase=phase)]


def renamed(step):
    return replace(step, id=f"{step.id}-x")


def contradicting(step):
    """Another header than the other chunks have."""
    return replace(renamed(step), data={**step.data, "submitted_by": "someone-else"})


def other_rows(step):
    return replace(step, data={**step.data, "failed": [{"id_number": ALL[0], "reason": "deceased"}]})


ONE, TWO = chunks(A + B), chunks(A, B)
NEXT = chunks(C, name="s2")
BAD = chunks([(facts.STRANGER, "left")])
SUBMISSIONS = {
    "one chunk": ONE,
    "nobody fails": chunks([]),
    "two chunks": TWO,
    "last chunk first": TWO[::-1],
    "a chunk is missing": TWO[:1],
    "list": listed(A + all_passing(but=A[0])),
    "list, last chunk first": listed(A + passing(ALL[1:3]), passing(ALL[3:]))[::-1],
    "list with a gap between chunks": listed(passing(ALL[:3]), passing(ALL[4:])),
    "not on the roster": BAD,
    "malformed, but on the roster": chunks([(facts.MALFORMED, "left")]),
    "listed twice, in two chunks": chunks(A, A),
    "chunks not ascending": chunks(B, A),
    "unknown reason": chunks([(ALL[1], "moved")]),
    "wrong total": chunks(A, total=1),
    "another unit review": chunks(A, unit_review="r2"),
    "by a reviewer": chunks(A, submitted_by=facts.CLERK),
    "of another source": [replace(step, source=OTHER_SOURCE) for step in ONE],
    "late": at(facts.LATE, ONE),
    "late second chunk": from_on(facts.LATE, TWO),
    "of a year without campaign": chunks(A, year=facts.UNKNOWN_YEAR),
    "chunk repeated": [ONE[0], replace(ONE[0], form="spaced")],
    "chunk under another id": [ONE[0], renamed(ONE[0])],
    "chunk's id reused": [ONE[0], other_rows(ONE[0])],
    "chunk differs": [TWO[0], renamed(other_rows(TWO[0])), TWO[1]],
    "chunk contradicts": [TWO[0], contradicting(TWO[1]), TWO[1]],
    "contradicting chunk first": [contradicting(TWO[0]), *TWO],
    "chunk broken": [replace(ONE[0], broken="real number"), ONE[0]],
}
# What was corrected in mid-campaign, before the submission is completed or behind it.
CHANGED = [(facts.NUMBERS[1], "left")]  # whose name is corrected
BACK = [(facts.NUMBERS[3], "left")]  # whose name is corrected, and back again
SWAPPED = [(facts.SWAPPED_A, "deceased")]
CORRECTED_ROWS = {
    "number corrected": at(facts.CORRECTED, chunks([(facts.OLD_NUMBER, "left")])),
    "new number": at(facts.CORRECTED, chunks([(facts.NEW_NUMBER, "left")])),
    "new number too early": chunks([(facts.NEW_NUMBER, "left")]),
    "number of between": at(facts.MOVED, chunks([(facts.NEW_NUMBER, "left")])),
    "completed behind the correction": from_on(facts.CORRECTED, chunks([(facts.OLD_NUMBER, "left")], B)),
    "completed by the first, behind the correction": from_on(facts.CORRECTED, chunks([(facts.NEW_NUMBER, "left")], B)[::-1]),
    "swapped": at(facts.MOVED, chunks(SWAPPED)),
    "swapped, named": at(facts.MOVED, chunks([(facts.SWAPPED_A, "deceased", "李二")])),
    "swapped, the other named": at(facts.MOVED, chunks([(facts.SWAPPED_A, "deceased", "张一")])),
    "passed on": at(facts.MOVED, chunks([(facts.PASSED_ON, "left")])),
    "passed on, named": at(facts.MOVED, chunks([(facts.PASSED_ON, "left", "吴一")])),
    "passed on, nobody's yet": at(facts.CORRECTED, chunks([(facts.PASSED_ON, "left", "吴一")])),
    "to a later member": at(facts.MOVED, chunks([(facts.OLD_NUMBER, "left", "孙八")])),
    "a later member": at(facts.CORRECTED, chunks([(facts.LATE_NUMBER, "left")])),
    "a later member too early": chunks([(facts.LATE_NUMBER, "left")]),
    "list of the corrected": at(facts.MOVED, listed(A + all_passing(facts.MOVED, but=A[0]))),
    "list of the opening": at(facts.MOVED, listed(A + all_passing(but=A[0]))),
    "list in two halves of time": from_on(facts.CORRECTED, listed(passing(ALL[:4]), passing(ALL[4:]))),
    "name agrees": chunks([(facts.NUMBERS[0], "left", " 王\u3000建国")]),
    "name differs": chunks([(facts.NUMBERS[0], "left", "王健国")]),
    "name of the roster is empty": chunks([(facts.NUMBERS[2], "left", "某某")]),
    "name with another dot": chunks([(facts.NUMBERS[3], "left", "阿依•古丽")]),
    "name in full width": chunks([(facts.NUMBERS[4], "left", "ｌｉｎａ")]),
    "name of before": at(facts.CORRECTED, chunks([(facts.NUMBERS[1], "left", "李二")])),
    "cut by a spreadsheet": chunks([(facts.CUT, "left")]),
}
# Beside decisions of every time.
SEEN = {
    "of one whose name changes": chunks(CHANGED),
    "of one whose name changes and comes back": chunks(BACK),
    "of one whose number is swapped": chunks(SWAPPED),
    "of one whose number changes twice": chunks([(facts.OLD_NUMBER, "left")]),
    "of nobody who changes": ONE,
    "of one who passes and changes": listed(A + all_passing(but=A[0])),
    "behind the change": at(facts.CORRECTED, chunks(CHANGED)),
}
DOUBLES = {
    "id of a repeat used again": [TWO[0], renamed(TWO[0]), replace(TWO[1], id=f"{TWO[0].id}-x")],
    "id of a repeat repeated": [ONE[0], renamed(ONE[0]), renamed(ONE[0])],
    "id of a repeat in another submission": [ONE[0], renamed(ONE[0]), replace(NEXT[0], id=f"{ONE[0].id}-x")],
    "id of a chunk that differs is free": [TWO[0], renamed(other_rows(TWO[0])), replace(TWO[1], id=f"{TWO[0].id}-x")],
    "id of a chunk that contradicts is free": [TWO[0], contradicting(TWO[1]), renamed(TWO[1])],
}
WRITERS = {
    **{f"submitted by {name!r}": chunks(A, submitted_by=name) for name in facts.CLERK_WRITINGS},
    **{f"submitted by {name!r}": chunks(A, submitted_by=name) for name in facts.BLANK_WRITINGS},
    "submitted by LiNa": chunks(A, submitted_by="LiNa"),
}
QUEUES = {
    "two submissions": ONE + NEXT,
    "a rejected one, then a good one": BAD + NEXT,
    "an unfinished one, then a good one": TWO[:1] + NEXT,
    "overtaken by the second": [TWO[0], *NEXT, TWO[1]],
    "the first waits for another review": chunks(A, unit_review="r2") + NEXT,
}

# ---- decisions ----

DIRECT = {"superior": facts.SUPERIOR, "reviewer": facts.REVIEWER}


def decided(kind="approved", name="s1", id="d1", phase=facts.OPENED, broken=None, **fields):
    data = {"year": facts.YEAR, "submission": name, "digest": name, "comment": "请核对", **DIRECT, **fields}
    return Step("approval", kind, id, data, phase=phase, broken=broken)


def withdrawn(name="s1", id="d1", phase=facts.OPENED, source=SOURCE):
    return Step("approval", "withdrawn", id, {"year": facts.YEAR, "submission": name, "submitted_by": facts.OTHER_CLERK}, source, phase=phase)


VERDICTS = {
    "approved": decided(),
    "returned": decided("returned"),
    "withdrawn": withdrawn(),
    "stale digest": decided(digest=NO_DIGEST),
    "ancestor": decided(superior=facts.ANCESTOR, reviewer="R000"),
    "unknown reviewer": decided(reviewer="R999"),
    "self-review": decided(reviewer=facts.CLERK),
    "not yours": withdrawn(source=OTHER_SOURCE),
}
DECISIONS = {
    "nothing decided": [],
    **{name: [step] for name, step in VERDICTS.items()},
    "approved too late": [decided(phase=facts.LATE)],
    "withdrawn too late": [withdrawn(phase=facts.LATE)],
    "by a reviewer of later": [decided(reviewer=facts.LATER_REVIEWER)],
    "by a reviewer in time": [decided(reviewer=facts.LATER_REVIEWER, phase=facts.CORRECTED)],
    "by a reviewer of before": [decided(reviewer=facts.LATER_REVIEWER, phase=facts.MOVED)],
    "approval broken": [decided(broken="no id")],
    "approved twice": [decided(), decided()],
    "approval's id reused": [decided(), remarked(decided())],
}
DECISIONS_OF_TWO = {
    "both approved": [decided(), decided(name="s2", id="d2")],
    "the second approved first": [decided(name="s2"), decided(id="d2")],
    "returned, the second approved": [decided("returned"), decided(name="s2", id="d2")],
    "withdrawn, the second approved": [withdrawn(), decided(name="s2", id="d2")],
    "the second withdrawn": [withdrawn(name="s2")],
}
PAIRS = {f"{a}, then {b}": [VERDICTS[a], replace(VERDICTS[b], id="d2")] for a, b in product(VERDICTS, VERDICTS)}

# Decisions of every time, alone and before another.
TIMES = {
    **{f"{kind} in phase {phase}": [decided(kind, phase=phase)] for kind in ("approved", "returned") for phase in facts.PHASES_OPEN},
    "approved behind the change, then again": [decided(phase=facts.CORRECTED), decided(id="d2", phase=facts.MOVED)],
    "approved behind the change, then withdrawn": [decided(phase=facts.CORRECTED), withdrawn(id="d2", phase=facts.MOVED)],
    "stale behind the change": [decided(digest=NO_DIGEST, phase=facts.CORRECTED)],
}
WITHDRAWALS = {
    "withdrawn by another, then by itself": [withdrawn(source=OTHER_SOURCE), withdrawn(id="d2")],
    "withdrawn, then by another": [withdrawn(), withdrawn(id="d2", source=OTHER_SOURCE)],
    "by another, then approved": [withdrawn(source=OTHER_SOURCE), decided(id="d2")],
    "by another, approved, withdrawn": [withdrawn(source=OTHER_SOURCE), decided(id="d2"), withdrawn(id="d3")],
    "approved, by another, withdrawn": [decided(), withdrawn(id="d2", source=OTHER_SOURCE), withdrawn(id="d3")],
    "stale, then withdrawn": [decided(digest=NO_DIGEST), withdrawn(id="d2")],
    "of nothing": [withdrawn(name="ghost")],
}
# A unit with low limits, and what comes up to them.
AT_MOST_ONE = facts.Unit(limits=tuple((kind, facts.OPENED, 1) for kind in facts.LIMIT_KINDS))
RAISED = facts.Unit(limits=tuple((kind, phase, most) for kind in facts.LIMIT_KINDS for phase, most in ((facts.OPENED, 1), (facts.CORRECTED, 2))))
LIMITED_REVIEWS = {
    "reviewed": [review(profile=2)],
    "one review too many": [review(), review("r2")],
    "the rejected one counts": [bad_review("r2"), review()],
    "a repeat does not count": [review(), review(), review("r2")],
    "the second after the limit was raised": [review("r2"), review(phase=facts.CORRECTED)],
}
LIMITED_SUBMISSIONS = {
    "one chunk": ONE,
    "one submission too many": ONE + NEXT,
    "a later chunk is none": [TWO[0], *NEXT, TWO[1]],
    "a second one after the limit was raised": ONE + at(facts.CORRECTED, NEXT),
    "its first chunk too early": [*BAD, replace(TWO[0], data={**TWO[0].data, "submission": "s2"}),
                                  *at(facts.CORRECTED, [replace(c, id=f"{c.id}-z", data={**c.data, "submission": "s2"}) for c in TWO])],
}
LIMITED_DECISIONS = {
    "approved": [decided()],
    "one decision too many": [decided("returned"), decided(id="d2")],
    "the ancestor does not count": [decided(superior=facts.ANCESTOR, reviewer="R000"), decided(id="d2")],
    "an unknown reviewer does not count": [decided(reviewer="R999"), decided(id="d2")],
    "is never too many": [decided(), decided(reviewer="R999", id="d2")],
    "a stale one counts": [decided(digest=NO_DIGEST), decided(id="d2")],
    "a repeat does not count": [decided(), decided(), decided(name="s2", id="d2")],
    "withdrawals count by themselves": [decided(name="s2"), withdrawn(id="d2")],
    "a stranger's withdrawals do not count": [withdrawn(source=OTHER_SOURCE), withdrawn(id="d2")],
    "one withdrawal too many": [withdrawn(name="s2"), withdrawn(id="d2")],
    "the second after the limit was raised": [decided("returned", name="s2"), decided(id="d2", phase=facts.CORRECTED)],
}
# A unit that is known from the first correction on.
CAME_LATER = facts.Unit(known_from=facts.CORRECTED)
LATER_REVIEWS = {"too early": [review()], "in time": at(facts.CORRECTED, [review()]), "both": [review(), review(phase=facts.CORRECTED)]}
LATER_SUBMISSIONS = {"too early": ONE, "in time": at(facts.CORRECTED, ONE), "its second half": from_on(facts.CORRECTED, TWO)}
LATER_DECISIONS = {"approved too early": [decided()], "approved in time": [decided(phase=facts.CORRECTED)], "both": [decided(), decided(phase=facts.CORRECTED)]}
# A unit that comes under another superior.
MOVES = facts.Unit(moves=True)
NEW_SUPERIOR = {"superior": facts.STRANGERS_SUPERIOR, "reviewer": "R020"}
MOVED_DECISIONS = {
    "by the old one in time": [decided()],
    "by the old one": [decided(phase=facts.MOVED)],
    "by the new one": [decided(phase=facts.MOVED, **NEW_SUPERIOR)],
    "by the new one too early": [decided(**NEW_SUPERIOR)],
}

# ---- shapes ----


def combined(reviews, submissions, decisions, unit=facts.Unit()):
    for parts in product(reviews.items(), submissions.items(), decisions.items()):
        topics = dict(zip(TOPICS, (steps for _, steps in parts)))
        name = " / ".join([*(name for name, _ in parts), *filter(None, [str(unit)])])
        shape = Shape(name, History(topics, unit))
        if shape.messages <= MESSAGES_MAX:
            yield shape


def some(parts, *names):
    return {name: parts[name] for name in names}


def all_shapes():
    """Each once: two topics vary while the third holds its simplest part, then what is about more than one submission."""
    reviewed, one, approved = some(REVIEWS, "reviewed"), some(SUBMISSIONS, "one chunk"), some(DECISIONS, "approved")
    judged_by_themselves = {name: steps for name, steps in REVIEWS.items() if len(steps) < 2}
    on_its_face = {"nothing decided": [], **{name: [step] for name, step in VERDICTS.items()}}
    found = {}
    for shapes in (
        combined(REVIEWS, one, DECISIONS),
        combined(reviewed, SUBMISSIONS, on_its_face),
        combined(judged_by_themselves, SUBMISSIONS, approved),
        combined(reviewed, one, PAIRS),
        combined(reviewed, QUEUES, DECISIONS_OF_TWO),
        combined(some(REVIEWS, "reviewed", "bad review"), one, some(DECISIONS, "approved", "withdrawn"), facts.Unit(known_from=None)),
        combined(some(REVIEWS, "reviewed", "no review"), CORRECTED_ROWS, {"approved": [decided(phase=facts.MOVED)]}),
        combined(reviewed, SEEN, TIMES),
        combined(judged_by_themselves, some(SUBMISSIONS, "one chunk", "not on the roster", "a chunk is missing", "of another source"), WITHDRAWALS),
        combined(some(REVIEWS, "reviewed", "bad review"), DOUBLES, approved),
        combined(reviewed, WRITERS, {"by the clerk": [decided(reviewer=facts.CLERK)], "by Li Na": [decided(reviewer=facts.BLANK_REVIEWER)]}),
        combined(LIMITED_REVIEWS, some(LIMITED_SUBMISSIONS, "one chunk", "one submission too many"), approved, RAISED),
        combined(reviewed, LIMITED_SUBMISSIONS, LIMITED_DECISIONS, RAISED),
        combined(LIMITED_REVIEWS, one, some(LIMITED_DECISIONS, "approved", "one decision too many"), AT_MOST_ONE),
        combined(LATER_REVIEWS, LATER_SUBMISSIONS, LATER_DECISIONS, CAME_LATER),
        combined(reviewed, some(SUBMISSIONS, "one chunk"), MOVED_DECISIONS, MOVES),
    ):
        found.update((shape.name, shape) for shape in shapes)
    return list(found.values())


# ---- all orders, all splits ----


def orders(counts):
    """Every way to put sequences of these lengths together, each in its own order: tuples of (sequence, place in it)."""

    def go(done):
        if done == counts:
            yield ()
        for n, count in enumerate(counts):
            if done[n] < count:
                rest = go((*done[:n], done[n] + 1, *done[n + 1:]))
                yield from (((n, done[n]), *tail) for tail in rest)

    return go((0,) * len(counts))


def splits(items):
    """Every way to cut a sequence into micro-batches that are not empty."""
    for cuts in product((False, True), repeat=len(items) - 1):
        parts = [[items[0]]]
        for item, cut in zip(items[1:], cuts):
            if cut:
                parts.append([])
            parts[-1].append(item)
        yield parts


def ways(counts):
    """Every (order, split) as a list of micro-batches of (topic, place). `counts`: messages a topic."""
    for order in orders(tuple(counts)):
        yield from splits([(TOPICS[n], place) for n, place in order])
