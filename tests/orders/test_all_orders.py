"""Small histories in every order that Kafka allows and in every split into micro-batches: one state each, and the one that the rules name.

Each (order, split) of a shape (model/shapes.py) is played by a unit of its own; thousands of them stand side by side in each micro-batch, unit after
unit, so that one call of `nianshen.apply` moves all of them on by one. The records are decoded by the core (apply_records.c), one process a partition. No
broker and no worker: what those add is played by test_histories.py. NIANSHEN_SHAPES="word" chooses the shapes that have it in their name.
"""

import json
import os
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, zip_longest
from pathlib import Path

import pytest

import interleaving
from model import facts, shapes
from model.canonical import digest_of
from model.history import TOPICS
from model.script import script, state_lines
from support.programs import IS_RELEASE

SHAPES_MIN, WAYS_MIN = 60, 43_000
SIDE_BY_SIDE = 200  # units in one micro-batch
PROTOTYPE = "U0000000"  # its code stands in all texts until each unit's own takes its place
TOOL = Path(os.environ.get("NIANSHEN_ORDERS_BIN", "build/release/orders")).resolve() / "apply_records"
WORD = os.environ.get("NIANSHEN_SHAPES", "")


# ---- one shape ----


class Prepared:
    """A shape with its records as lines for apply_records, made once for the prototype."""

    def __init__(self, shape, salt, open_ms, late_ms):
        self.shape, self.salt = shape, salt
        self.script = script(PROTOTYPE, shape.history, salt)
        self.digests = self.digests_of(PROTOTYPE)
        self.lines, number = {}, 0
        for topic in TOPICS:
            for place, record in enumerate(self.script.records[topic]):
                append_ms = (late_ms if self.script.sent[topic][place].late else open_ms) + number
                self.lines[topic, place], number = self.line(record, append_ms), number + 1

    @staticmethod
    def line(record, append_ms):
        value = record.value if record.value is None else record.value.decode()
        fields = {"topic": record.topic, "key": record.key.decode(), "append_ms": append_ms, "headers": record.headers, "value": value}
        return json.dumps(fields, ensure_ascii=False)

    def digests_of(self, unit):
        """submission → the digest of what its reviewer sees: another one in each unit, since it names the unit."""
        found, intake = {}, self.script.verdict.intake
        for submission in intake.completed:
            review = intake.unit_review_of(submission)
            data = {**submission.completed_by.event.data, "unit": unit}
            found[submission.name] = digest_of(self.salt, data, submission.failing(), review.changes() if review else {})
        return found

    def ways(self):
        identities = {topic: [None if s.dead_letter else s.identity for s in self.script.sent[topic]] for topic in TOPICS}
        return shapes.ways(identities)

    def lines_for(self, unit, digests, part):
        """A micro-batch's part of one unit."""
        text = "".join(self.lines[message] + "\n" for message in part).replace(PROTOTYPE, unit)
        for name, digest in self.digests.items():
            text = text.replace(digest, digests[name])
        return text


class Player:
    """A unit that plays one (order, split) of a shape."""

    def __init__(self, number, prepared, way):
        self.unit, self.prepared, self.way = f"U{number:07d}", prepared, way
        self.digests = prepared.digests_of(self.unit)

    def parts(self):
        return [self.prepared.lines_for(self.unit, self.digests, part) for part in self.way]

    def __str__(self):
        return " | ".join(" ".join(f"{topic}.{place + 1}" for topic, place in part) for part in self.way)


# ---- the units: copies of one that nianshen-ops has loaded ----


def copy_units(world, players):
    """The prototype's rows of every reference table, once more for each unit; enrolments keep their versions together."""
    with world.stack.cluster.connect(world.database) as admin, admin.transaction():
        admin.execute("CREATE TABLE player (number bigint PRIMARY KEY, unit text COLLATE \"C\", shape text, names text[], digests text[])")
        with admin.cursor().copy("COPY player FROM STDIN") as copy:
            for n, player in enumerate(players, 1):
                copy.write_row((n, player.unit, player.prepared.shape.name, list(player.digests), list(player.digests.values())))
        known = [p.unit for p in players if p.prepared.shape.history.unit_is_known]
        for table in ("unit_profile", "unit_superior", "membership"):
            columns = [name for [name] in admin.execute("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
                                                        [f"nianshen.{table}"])]
            own = {"unit": "p.unit", "enrolment": "t.enrolment + 1000 * p.number"}
            admin.execute(f"""INSERT INTO nianshen.{table} ({', '.join(columns)}) SELECT {', '.join(own.get(c, f't.{c}') for c in columns)}
                              FROM nianshen.{table} t CROSS JOIN player p WHERE t.unit = %s AND p.unit = ANY (%s)""", [PROTOTYPE, known])
        admin.execute("ANALYZE")


def micro_batches(players):
    """Side by side: the first ones of all, then the second ones, …"""
    for first in range(0, len(players), SIDE_BY_SIDE):
        for parts in zip_longest(*(player.parts() for player in players[first: first + SIDE_BY_SIDE]), fillvalue=""):
            yield ("".join(parts) + "\n").encode()


def apply_records(world, partition, players):
    """Plays these units of one partition; returns how many micro-batches that were."""
    env = {k: v for k, v in world.env("nianshen_worker").items() if k.startswith("PG")}
    process = subprocess.Popen([TOOL, str(partition), str(world.partitions)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
    calls = 0
    try:
        for calls, batch in enumerate(micro_batches(players), 1):
            process.stdin.write(batch)
    except BrokenPipeError:
        pass  # its own words say more
    _, talk = process.communicate()
    assert process.returncode == 0, talk.decode()
    return calls


def play(world, players):
    """The partitions at the same time, as by workers of which each owns one; returns how many calls of `nianshen.apply` that were."""
    with ThreadPoolExecutor(world.partitions) as pool:
        mine = [[player for player in players if world.partition_of(player.unit) == p] for p in range(world.partitions)]
        return sum(pool.map(apply_records, [world] * world.partitions, range(world.partitions), mine))


# ---- what came of it ----

# All that must not depend on the order: the state, what became of each record in its topic's order, and the outcomes with all that they say. Left out
# is what a withdrawal may have come before, as in interleaving.LINES.
TOLD = """
    SELECT p.unit, concat_ws(E'\\t', s.kind, s.key, s."values") AS line FROM player p CROSS JOIN LATERAL nianshen.state_rows(p.unit, NULL) s
    UNION ALL
    SELECT l.unit, concat_ws(E'\\t', 'fates', l.topic, string_agg(coalesce(l.code, l.kind), ' ' ORDER BY l.record_offset))
    FROM nianshen.ledger l GROUP BY l.unit, l.topic
    UNION ALL
    SELECT o.unit, concat_ws(E'\\t', 'outcome', o.ce_type, o.ce_causationid, o.body) FROM nianshen.outbox o
    WHERE o.kind = 'outcome' AND o.ce_type <> 'nianshen.member-review.waiting.v1' AND NOT (
        o.ce_type IN ('nianshen.member-review.pending.v1', 'nianshen.member-review.rejected.v1') AND EXISTS (
            SELECT FROM nianshen.submission s WHERE s.unit = o.unit AND s.completed_by = o.ce_causationid AND s.state = 'withdrawn'))
"""
# A text in which the unit's code, and the digests that name it, are replaced by what is the same in all units of a shape.
DIGESTS = f"""
    CREATE FUNCTION without_names(text, text, text[], text[]) RETURNS text LANGUAGE plpgsql AS $$
    DECLARE
        answer text := replace($1, $2, '*');
    BEGIN
        FOR i IN 1 .. cardinality($3) LOOP
            answer := replace(answer, $4[i], 'the digest of ' || $3[i]);
        END LOOP;
        RETURN answer;
    END
    $$;
    CREATE TABLE told AS
    SELECT p.shape, p.unit, without_names(t.text, p.unit, p.names, p.digests) AS text
    FROM player p JOIN (SELECT unit, string_agg(line, E'\\n' ORDER BY line COLLATE "C") AS text FROM ({TOLD}) l GROUP BY unit) t ON t.unit = p.unit;
"""


def told_in(world):
    """shape → [(sha256, one of the units that came to it)]."""
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute("ANALYZE")  # all is applied before the server has looked at the new tables by itself
        admin.execute(DIGESTS)
        rows = admin.execute("""SELECT shape, encode(sha256(convert_to(text, 'UTF8')), 'hex'), min(unit), count(*) FROM told GROUP BY 1, 2
                                ORDER BY shape, count(*) DESC""").fetchall()
    return {shape: [row[1:] for row in found] for shape, found in groupby(rows, key=lambda row: row[0])}


def difference(world, players, found):
    """Two units of a shape that came to different ends, with their orders and the lines that differ."""
    units = [unit for _, unit, _ in found[:2]]
    texts = dict(world.sql("SELECT unit, text FROM told WHERE unit = ANY (%s)", [units]))
    lines = [set(texts[unit].split("\n")) for unit in units]
    ways = [f"  in the order {players[unit]} (and {count - 1} more):" for _, unit, count in found[:2]]
    only = ["\n".join(f"    {line}" for line in sorted(a - b)) for a, b in (lines, lines[::-1])]
    return "\n".join(line for pair in zip(ways, only) for line in pair)


def unlike_the_rules(world, player, lines):
    """How a unit differs from the reference model, as text; empty when it does not."""
    model = script(player.unit, player.prepared.shape.history, player.prepared.salt)
    expected, seen = state_lines(model), lines.get(player.unit, set())
    rows = [f"  seen:     {line}" for line in sorted(seen - expected, key=str)] + [f"  expected: {line}" for line in sorted(expected - seen, key=str)]
    fates = {topic: text for topic, text in world.sql(
        "SELECT topic, string_agg(coalesce(code, kind), ' ' ORDER BY record_offset) FROM nianshen.ledger WHERE unit = %s GROUP BY 1", [player.unit])}
    rows += [f"  {topic}: {fates.get(topic)}, by the rules {' '.join(f)}" for topic, f in model.verdict.fates.items() if f and fates.get(topic) != " ".join(f)]
    return "\n".join(rows)


# ---- the test ----


@pytest.fixture(scope="module")
def world(stack):
    """One unit as facts.py has it, and a campaign that is over: append times say what came in it."""
    made = interleaving.build(stack, "orders", [PROTOTYPE])
    made.ops("campaign", "close", "--year", facts.YEAR).expect(0)
    return made


@pytest.fixture(scope="module")
def prepared(world):
    [(salt, late_ms)] = world.sql("SELECT salt, closes_ms FROM nianshen.campaign_term WHERE year = %s", [facts.YEAR])
    [(latest_ms,)] = world.sql("SELECT max(valid_from_ms) FROM nianshen.membership")
    open_ms = late_ms - shapes.MESSAGES_MAX
    assert latest_ms < open_ms, "the roster's corrections come before all records"
    return [Prepared(shape, salt, open_ms, late_ms) for shape in shapes.all_shapes() if WORD in shape.name]


def test_every_order_and_split_ends_alike(world, prepared, capsys):
    """One end for each shape, whatever the order of the topics and wherever the micro-batches end; and the reference model's."""
    started = time.monotonic()
    pairs = [(one, way) for one in prepared for way in one.ways()]
    players = [Player(number, one, way) for number, (one, way) in enumerate(pairs, 1)]
    by_unit = {player.unit: player for player in players}
    copy_units(world, players)
    copied = time.monotonic()
    calls = play(world, players)
    played = time.monotonic()
    told = told_in(world)
    with capsys.disabled():
        print(f"\nsummary: {len(prepared)} shapes, {len(players)} pairs of order and split in {calls} micro-batches; "
              f"{copied - started:.0f} s to copy rosters, {played - copied:.0f} s to apply, {time.monotonic() - played:.0f} s to compare")
    differing = {shape: difference(world, by_unit, found) for shape, found in told.items() if len(found) > 1}
    assert not differing, "\n".join(f"{shape}\n{text}" for shape, text in list(differing.items())[:5])
    check_by_model(world, by_unit, {shape: found[0][1] for shape, found in told.items()})
    assert set(told) == {one.shape.name for one in prepared}
    if not WORD:
        assert len(told) >= SHAPES_MIN and len(players) >= WAYS_MIN


def check_by_model(world, by_unit, one_of):
    """`one_of`: shape → a unit; all others of that shape came to the same."""
    lines = interleaving.lines_in(world, list(one_of.values()))
    wrong = {shape: text for shape, unit in one_of.items() if (text := unlike_the_rules(world, by_unit[unit], lines))}
    assert not wrong, "\n".join(f"{shape}\n{text}" for shape, text in list(wrong.items())[:5])
    world.ops("check").expect(0)
