"""Histories through the real parts: publishes them slice by slice in some interleaving of the topics, lets real workers take them in, and
holds what stands in the database then against the reference model (tests/model)."""

from collections import Counter
from dataclasses import dataclass

from model import facts
from model.history import TOPICS
from model.script import script, state_lines
from support import people
from support.books import check_ledger, wait_all_consumed
from support.programs import run
from support.stack import World

SHOWN_UNITS = 3
RUN_SECONDS_MAX = 300


# ---- worlds ----


class Copy(World):
    """A world that begins where another one stands: the same rosters, enrolments and salt. Its topics are its own."""

    def __init__(self, original, name):
        super().__init__(original.stack, name, original.partitions)
        original.stack.worlds.append(self)
        with self.stack.cluster.connect() as admin:
            admin.execute(f'DROP DATABASE "{self.database}"')
        self.stack.create_database(self.database, template=original.database)


def members(*rosters):
    numbers = {no: number for roster in rosters for no, number in roster.items()}
    kind = {facts.MALFORMED: "other"}
    return [people.Member(no, f"会员{no}", "F", number, "13912345678", id_type=kind.get(number, "resident")) for no, number in numbers.items()]


def build(stack, name, codes, partitions=2):
    """A world in which each of these units is as facts.py has it, and the campaign is open."""
    world = stack.world(name, partitions=partitions)
    superior = people.Unit(facts.SUPERIOR, facts.ANCESTOR)
    world.load([superior, *(people.Unit(c, facts.SUPERIOR, members(facts.ROSTER), facts.PROFILE["name"]) for c in codes)]).expect(0)
    world.open_campaign(facts.CLOSED_YEAR, facts.REVIEWERS)
    world.ops("campaign", "close", "--year", facts.CLOSED_YEAR).expect(0)
    world.ops("campaign", "open", "--year", facts.YEAR).expect(0)
    later = members(facts.ROSTER, facts.CORRECTIONS, facts.LATECOMERS)
    world.load([people.Unit(c, facts.SUPERIOR, later, facts.PROFILE["name"]) for c in codes], "--correct").expect(0)
    return world


def scripts_for(world, histories):
    """`histories`: unit code → History."""
    [(salt,)] = world.sql("SELECT salt FROM nianshen.campaign_term WHERE year = %s", [facts.YEAR])
    return [script(code, history, salt) for code, history in histories.items()]


# ---- publishing ----


def shuffled_together(sequences, chance):
    """One sequence of them all, in which each keeps its own order."""
    turns = [n for n, sequence in enumerate(sequences) for _ in sequence]
    chance.shuffle(turns)
    left = [iter(sequence) for sequence in sequences]
    return [next(left[n]) for n in turns]


def cut_at_random(chance):
    """Each unit's part of a topic is spread over all slices."""

    def cuts(number, early, count):
        return sorted(chance.randint(0, early) for _ in range(count - 1))

    return cuts


def cut_in_waves(units):
    """Each unit's part of a topic is in one slice, a few units a slice."""

    def cuts(number, early, count):
        wave = number * count // units
        return [0] * wave + [early] * (count - 1 - wave)

    return cuts


def slices_of(scripts, topic, count, cuts_of, chance):
    """The topic in `count` slices, and one more of what comes after the campaign's end: lists of (script, number of the record)."""
    slices = [[] for _ in range(count + 1)]
    for number, s in enumerate(scripts):
        early = sum(not sent.late for sent in s.sent[topic])
        cuts = [0, *cuts_of(number, early, count), early, len(s.sent[topic])]
        for part, first, end in zip(slices, cuts, cuts[1:]):
            part.append([(s, topic, n) for n in range(first, end)])
    return [shuffled_together(parts, chance) for parts in slices]


class Publication:
    """Publishes scripts to a world, each topic in its own order, and remembers where each record went."""

    def __init__(self, world, scripts, slices, chance, cuts_of=None):
        self.world, self.scripts, self.chance = world, scripts, chance
        self.client = world.client(**{"enable.idempotence": True, "linger.ms": 20})
        self.left = {topic: iter(slices_of(scripts, topic, slices, cuts_of or cut_at_random(chance), chance)) for topic in TOPICS}
        self.places = {}  # (unit, topic, number of the record) → (topic, [(partition, offset)])

    def next_slices(self, topics):
        """The next slice of each of these topics, published together."""
        for s, topic, n in shuffled_together([next(self.left[topic]) for topic in topics], self.chance):
            record, where = s.records[topic][n], {}
            if record.shift:
                where["partition"] = (self.world.partition_of(s.unit) + record.shift) % self.world.partitions
            place = self.client.record(record.topic, record.key, record.value, record.headers, **where)
            self.places[s.unit, topic, n] = record.topic, place
        self.client.flush()

    def run(self, turns, after_turn):
        """All slices; each turn names the topics of which the next one comes. Then the campaign is closed, and what is late comes last."""
        for topics in turns:
            self.next_slices(topics)
            after_turn()
        self.world.ops("campaign", "close", "--year", facts.YEAR).expect(0)
        self.next_slices(TOPICS)
        return self

    def is_taken_in(self, only_partition=None):
        """True when all that was published so far is applied; `only_partition`: what of it is there."""
        ends = {}
        for topic, [(partition, offset)] in self.places.values():
            if only_partition in (None, partition):
                ends[topic, partition] = max(offset + 1, ends.get((topic, partition), 0))
        at = {tuple(place): offset for *place, offset in self.world.sql("SELECT topic, partition, next_offset FROM nianshen.kafka_partition")}
        return all(at.get(place, 0) >= end for place, end in ends.items())


def random_turns(slices, chance):
    """One topic a turn."""
    turns = [(topic,) for topic in TOPICS for _ in range(slices)]
    chance.shuffle(turns)
    return turns


@dataclass(frozen=True)
class Way:
    """How one interleaving is made: which slice comes next, and how much of it a micro-batch takes."""

    name: str
    batch_records: int
    slices: int
    order: tuple = ()  # of the topics, each as a whole; else at random
    is_live: bool = False  # a worker runs all the time; else one `--until-end` after two of three slices
    share: float = 1.0  # of the scripts

    def play(self, world, scripts, chance):
        """Publishes everything; when it returns all of it is applied."""
        publication = Publication(world, scripts, self.slices, chance)
        turns = [(topic,) for topic in self.order for _ in range(self.slices)] or random_turns(self.slices, chance)
        if self.is_live:
            world.worker(f"--batch-records={self.batch_records}").start().wait_ready()
            publication.run(turns, after_turn=lambda: None)
        else:
            publication.run(turns, after_turn=lambda: chance.random() < 2 / 3 and self.take_in(world))
            self.take_in(world)
        wait_all_consumed(world, RUN_SECONDS_MAX)
        return publication

    def take_in(self, world):
        batch = f"--batch-records={self.batch_records}"
        run("nianshen-worker", "--until-end", batch, env=world.env("nianshen_worker"), seconds=RUN_SECONDS_MAX).expect(0)


# ---- what stands in the database ----

LINES = [
    "SELECT unit, 'unit-review', year, source, event_id, verdict, code FROM nianshen.unit_review",
    "SELECT unit, 'submission', year, submission, source, received, state, code, digest, listed, passed, failed FROM nianshen.submission",
    "SELECT unit, 'decision', year, source, event_id, submission, kind, verdict, code FROM nianshen.decision",
    "SELECT unit, 'member', member_no, id_number FROM nianshen.member",
    "SELECT unit, 'removed', member_no, id_number, reason, submission, decision_source, decision FROM nianshen.removed_member",
    """SELECT unit, 'profile', p.field, p.value FROM nianshen.unit, LATERAL (VALUES ('name', name), ('credit_code', credit_code),
           ('address', address), ('contact_name', contact_name), ('contact_mobile', contact_mobile)) AS p (field, value)""",
    # As script.submission_answers: what a withdrawal may have come before is left out.
    """SELECT o.unit, 'outcome', substr(o.ce_type, 10, length(o.ce_type) - 12), o.ce_causationid FROM nianshen.outbox o
       WHERE o.kind = 'outcome' AND o.ce_type <> 'nianshen.member-review.waiting.v1' AND NOT (
           o.ce_type IN ('nianshen.member-review.pending.v1', 'nianshen.member-review.rejected.v1') AND EXISTS (
               SELECT FROM nianshen.submission s WHERE s.unit = o.unit AND s.completed_by = o.ce_causationid AND s.state = 'withdrawn'))""",
    """SELECT o.unit, 'completed', o.ce_causationid, c.listed, c.passed, c.removed_total, c.already_gone, c.removed
       FROM nianshen.outbox o, jsonb_to_record(o.body::jsonb) AS c (listed int, passed int, removed_total int, already_gone int, removed text)
       WHERE o.ce_type = 'nianshen.member-review.completed.v1'""",
]


def lines_in(world, units):
    """unit → the same kind of lines as script.state_lines."""
    found = {}
    for query in LINES:
        for unit, *line in world.sql(f"SELECT * FROM ({query}) AS lines WHERE unit = ANY (%s)", [units]):
            found.setdefault(unit, set()).add(tuple(line))
    return found


def fates_in(world):
    """(topic, partition, offset) → 'applied', 'duplicate' or a dead letter's code."""
    return {tuple(place): code or kind for *place, kind, code in world.sql("SELECT topic, partition, record_offset, kind, code FROM nianshen.ledger")}


def digests_in(world, units):
    rows = world.sql("SELECT u, nianshen.unit_digest(u, NULL) FROM unnest(%s::text[]) u", [units])
    return dict(rows)


# ---- comparing ----


def fate_differences(publication, s, fates):
    for topic in TOPICS:
        for n, expected in enumerate(s.verdict.fates[topic]):
            name, [(partition, offset)] = publication.places[s.unit, topic, n]
            seen = fates.get((name, partition, offset))
            if seen != expected:
                yield f"record {s.history.topics[topic][n]}\n    became {seen}, by the rules {expected}"


def differences(publication):
    """unit → how its state differs from the model's."""
    world, found = publication.world, {}
    lines, fates = lines_in(world, [s.unit for s in publication.scripts]), fates_in(world)
    for s in publication.scripts:
        expected, seen = state_lines(s), lines.get(s.unit, set())
        rows = [f"seen:     {line}" for line in sorted(seen - expected, key=str)] + [f"expected: {line}" for line in sorted(expected - seen, key=str)]
        rows += fate_differences(publication, s, fates)
        if rows:
            found[s.unit] = rows
    return found


def told(publication, found):
    """The first of those that differ, each with its history; nothing if none does."""
    by_unit = {s.unit: s for s in publication.scripts}
    shown = ["\n".join([str(by_unit[unit]), *rows]) for unit, rows in list(found.items())[:SHOWN_UNITS]]
    return "\n\n".join([f"{len(found)} units are not as the rules say, the first ones:", *shown]) if found else ""


def check_by_model(publication, what):
    check_ledger(publication.world)
    found = differences(publication)
    assert not found, f"{what}: {told(publication, found)}"


def distribution(scripts):
    """How often each final state, verdict and fate occurs."""
    intakes = [s.verdict.intake for s in scripts]
    return {
        "submissions": Counter(f"{x.state} {x.code or ''}".strip() for i in intakes for x in i.submissions.values()),
        "decisions": Counter(f"{x.verdict} {x.code or x.sent.kind}" for i in intakes for x in i.decisions),
        "unit reviews": Counter(f"{x.verdict} {x.code or ''}".strip() for i in intakes for x in i.unit_reviews.values()),
        "records": Counter(fate for s in scripts for fates in s.verdict.fates.values() for fate in fates),
    }
