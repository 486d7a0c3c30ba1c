"""Small histories, few enough messages each that all their orders can be tried: for each rule of one topic, beside each rule of another.

A part is what one topic holds; its name says which rule it is about. A shape is one part for each topic. Written in the words of history.py: no
unit's code yet, and instead of a digest the name of the submission that is meant.
"""

from dataclasses import dataclass, replace
from itertools import product

from model import facts
from model.history import NO_DIGEST, OTHER_SOURCE, TOPICS, History, Step

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
    "review late": [review(late=True)],
    "review broken": [review(broken="truncated"), review()],
    "review bad, then another": [bad_review(), review("r2")],
    "review elsewhere": [review(source=OTHER_SOURCE)],
    "review of a closed year": [review(year=facts.CLOSED_YEAR)],
}

# ---- submissions ----

ALL = sorted(facts.ROSTER.values())
A, B, C = [(ALL[1], "retired")], [(ALL[3], "left")], [(ALL[5], "deceased")]


def passing(numbers):
    return [(number, None) for number in numbers]


def chunks(*groups, name="s1", mode="import", total=0, **header):
    """The chunks of a submission; `total` is added to the true sum of entries."""
    common = {
        "year": facts.YEAR, "submission": name, "unit_review": "r1", "mode": mode, "submitted_by": facts.OTHER_CLERK,
        "chunks": len(groups), "entries_total": sum(map(len, groups)) + total, **header,
    }  # fmt: skip
    steps = []
    for number, rows in enumerate(groups, 1):
        data = {**common, "chunk": number, "failed": [{"id_number": n, "reason": r} for n, r in rows if r is not None]}
        if mode == "list":
            data["passed"] = [n for n, r in rows if r is None]
        steps.append(Step("member-review", "member-review", f"{name}/{number}", data))
    return steps


def listed(*groups):
    return chunks(*groups, mode="list")


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
    "list": listed(A + passing(n for n in ALL if n != ALL[1])),
    "list, last chunk first": listed(passing(ALL[:3]), B + passing(ALL[4:]))[::-1],
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
    "late": [replace(ONE[0], late=True)],
    "late second chunk": [TWO[0], replace(TWO[1], late=True)],
    "of a year without campaign": chunks(A, year=facts.UNKNOWN_YEAR),
    "chunk repeated": [ONE[0], replace(ONE[0], form="spaced")],
    "chunk under another id": [ONE[0], renamed(ONE[0])],
    "chunk's id reused": [ONE[0], other_rows(ONE[0])],
    "chunk differs": [TWO[0], renamed(other_rows(TWO[0])), TWO[1]],
    "chunk contradicts": [TWO[0], contradicting(TWO[1]), TWO[1]],
    "contradicting chunk first": [contradicting(TWO[0]), *TWO],
    "chunk broken": [replace(ONE[0], broken="real number"), ONE[0]],
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


def decided(kind="approved", name="s1", id="d1", late=False, broken=None, **fields):
    data = {"year": facts.YEAR, "submission": name, "digest": name, "comment": "请核对", **DIRECT, **fields}
    return Step("approval", kind, id, data, late=late, broken=broken)


def withdrawn(name="s1", id="d1", late=False):
    return Step("approval", "withdrawn", id, {"year": facts.YEAR, "submission": name, "submitted_by": facts.OTHER_CLERK}, late=late)


VERDICTS = {
    "approved": decided(),
    "returned": decided("returned"),
    "withdrawn": withdrawn(),
    "stale digest": decided(digest=NO_DIGEST),
    "ancestor": decided(superior=facts.ANCESTOR, reviewer="R000"),
    "unknown reviewer": decided(reviewer="R999"),
    "self-review": decided(reviewer=facts.CLERK),
}
DECISIONS = {
    "nothing decided": [],
    **{name: [step] for name, step in VERDICTS.items()},
    "approved too late": [decided(late=True)],
    "withdrawn too late": [withdrawn(late=True)],
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

# ---- shapes ----


def combined(reviews, submissions, decisions, unit_is_known=True):
    for parts in product(reviews.items(), submissions.items(), decisions.items()):
        topics = dict(zip(TOPICS, (steps for _, steps in parts)))
        name = " / ".join(name for name, _ in parts) + ("" if unit_is_known else " / unknown unit")
        shape = Shape(name, History(topics, unit_is_known))
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
        combined(some(REVIEWS, "reviewed", "bad review"), one, some(DECISIONS, "approved", "withdrawn"), unit_is_known=False),
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


def ways(identities):
    """Every (order, split) as a list of micro-batches of (topic, place). `identities`: topic → one a message, None for what has none. The worker ends
    a micro-batch before an identity comes again, so such splits are none of their own."""
    counts = tuple(len(identities[topic]) for topic in TOPICS)
    for order in orders(counts):
        named = [(TOPICS[n], place) for n, place in order]
        for parts in splits(named):
            if all(is_of_differing(identities, part) for part in parts):
                yield parts


def is_of_differing(identities, part):
    known = [identities[topic][place] for topic, place in part if identities[topic][place] is not None]
    return len(known) == len(set(known))
