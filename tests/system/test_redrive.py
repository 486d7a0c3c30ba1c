"""What operators do about dead letters: publish them again after the cause was mended, or discard them. Nothing happens twice unseen."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import REVIEWERS, SUPERIOR, YEAR
from support import events, people
from support.edition import LEDGER, first_only, next_only, query
from support.outcomes import Follower
from support.people import id_number
from support.topics import delete_before, make_anew, set_topic

NOBODYS_ADDRESS = "127.0.0.1:1"


def redrive(world, *flags, expect=0, says=(), **more):
    """Runs `dead-letter redrive --json` and returns its rows."""
    return json.loads(world.ops("dead-letter", "redrive", "--json", *flags, **more).expect(expect, says=says).out)


def discard(world, *flags, expect=0, says=()):
    return json.loads(world.ops("dead-letter", "discard", "--json", *flags).expect(expect, says=says).out)


def place_flags(topic, place):
    return ["--topic", topic, "--partition", place[0], "--offset", place[1]]


def dead_letters(world, *flags):
    """Place and state of each, as `dead-letter list` tells it."""
    rows = json.loads(world.ops("dead-letter", "list", "--json", *flags).expect(0).out)
    return {(r["topic"], r["partition"], r["offset"]): r["state"] for r in rows}


def history(world):
    """What was done, in its order, read with a client that is not ours."""
    query = "SELECT state, who, reason, new_partition, new_offset FROM nianshen.dead_letter_history ORDER BY action_id"
    return world.sql(query, user="nianshen_ops")


def records(world, topic):
    """All records of an input topic as they were sent, by their place."""
    follower = Follower(world.stack.broker.bootstrap, world.prefix + topic, world.partitions)
    try:
        return {(m.partition(), m.offset()): (m.key(), m.value(), m.headers()) for m in follower.drain()}
    finally:
        follower.close()


def break_records(world, count, unit="NOBODY"):
    """So many dead letters of one partition; their places."""
    places = [world.client().send_record("unit-review", unit.encode(), b"{", {"n": str(n)}) for n in range(count)]
    world.run_until_end().expect(0)
    return places


@pytest.fixture
def unknown(make_world):
    """A world in which a submission of three chunks came before its unit was loaded, with the unit and the places."""
    world, unit = make_world(campaign=None), people.unit("LATE", SUPERIOR, 470_000, 5)
    failed = {m.id_number: "left" for m in unit.members[:3]}
    chunks = events.submission(unit.code, YEAR, "review-1", failed, chunk_entries=1, submission_id="submission-1")
    places = world.client().send(*chunks)
    world.run_until_end().expect(0)
    assert dead_letters(world) == {("member-review", *place): "open" for place in places}
    return world, unit, places


def mend(world, unit):
    """What was missing comes: unit, roster, campaign and the unit review."""
    world.load([unit]).expect(0)
    world.open_campaign(YEAR, REVIEWERS)
    world.client().send(events.unit_review(unit.code, YEAR, id="review-1"))


def test_missing_unit(unknown):
    """A dry run changes nothing; --execute brings the submission in, in order, once; --again sends duplicates."""
    world, unit, places = unknown
    mend(world, unit)
    chosen = ["--code", "unknown-unit"]
    before, sent = world.ends("member-review"), records(world, "member-review")

    for flags in (["--dry-run"], []):
        rows = redrive(world, *chosen, *flags, says=["dry run", "3 would be redriven", "nothing was changed", "--execute"])
        assert [r["result"] for r in rows] == ["would-redrive"] * 3
    assert world.ends("member-review") == before and history(world) == []

    rows = redrive(world, *chosen, "--execute", says="3 redriven")
    new_places = [(r["new_partition"], r["new_offset"]) for r in rows]
    assert [(r["partition"], r["offset"], r["code"], r["unit"]) for r in rows] == [(*p, "unknown-unit", unit.code) for p in places]
    assert new_places == sorted(new_places)
    now = records(world, "member-review")
    assert [now[new] for new in new_places] == [sent[old] for old in places]
    world.run_until_end().expect(0)
    assert world.state("submission-1")["state"] == "pending"
    assert [h[0] for h in history(world)] == ["redriven"] * 3

    after = world.ends("member-review")
    assert redrive(world, *chosen, "--execute", says=["nothing to do", "3 redriven", "--again"]) == []
    assert world.ends("member-review") == after and len(history(world)) == 3

    assert {r["result"] for r in redrive(world, *chosen, "--again", "--execute", says="3 redriven")} == {"redriven"}
    digest = world.ops("digest").expect(0).line
    world.run_until_end().expect(0)
    assert world.sql(f"SELECT count(*) FROM {LEDGER} l WHERE kind = 'duplicate'") == [(3,)]
    assert world.ops("digest").expect(0).line == digest and len(history(world)) == 6


def test_redriven_in_vain(unknown):
    """The cause is still there: what was redriven is a dead letter again, at its new place, and one run sends each once."""
    world, _, places = unknown
    worker = world.worker().start().wait_ready()
    rows = redrive(world, "--execute", says="3 redriven")
    assert len(rows) == 3
    worker.stop()
    world.run_until_end().expect(0)
    states = dead_letters(world)
    assert [states["member-review", *place] for place in places] == ["redriven"] * 3
    assert [states["member-review", r["new_partition"], r["new_offset"]] for r in rows] == ["open"] * 3


def test_wrong_partition(make_world):
    """Published again by its key, a record arrives in its right partition."""
    unit = people.unit("MOVED", SUPERIOR, 471_000, 3)
    world = make_world([unit])
    event = events.unit_review(unit.code, YEAR)
    right = world.partition_of(unit.code)
    headers, value = event.binary()
    old = world.client().send_record(event.topic, event.key, value, headers, partition=(right + 1) % world.partitions)
    world.run_until_end().expect(0)
    rows = redrive(world, "--code", "wrong-partition", "--unit", unit.code, "--execute")
    assert [(r["partition"], r["new_partition"], r["result"]) for r in rows] == [(old[0], right, "redriven")]
    assert history(world) == [("redriven", "nianshen_ops", None, right, rows[0]["new_offset"])]
    world.run_until_end().expect(0)
    world.outcomes.wait(unit.code, "unit-review.accepted", unit_review=event.id)


def test_byte_for_byte(make_world):
    """Null and empty keys, values and headers, headers that repeat, bytes that are no text: all come through unchanged."""
    world = make_world(campaign=None)
    headers = [("x", b"\xff\x00\x01"), ("x", None), ("x", b""), ("nicht-ascii", "原件".encode())]
    odd = [
        (b"", b"an empty key", headers, {}),
        (b"\x00\xff", b"\xff\xfe\x00", [], {}),
        (None, b"no key", headers, {"partition": 1}),
        (b"tombstone", None, headers, {}),
        (b"empty", b"", headers, {}),
        (b"large", b"x" * 990_000, [], {}),
    ]
    sent = [(world.client().send_record("approval", key, value, headers, **where), key) for key, value, headers, where in odd]
    world.run_until_end().expect(0)
    rows = redrive(world, "--execute", says=f"{len(odd)} redriven")
    now = records(world, "approval")
    for row in rows:
        assert now[row["partition"], row["offset"]] == now[row["new_partition"], row["new_offset"]], row
    moved = {(r["partition"], r["offset"]): r["new_partition"] for r in rows}
    for place, key in sent:
        assert moved[place] == (1 if key is None else events.partition_of(key, world.partitions)), key


def test_one_by_its_place(make_world):
    """A place chooses one; --limit takes the first, and says that there are more."""
    world = make_world(campaign=None)
    places = break_records(world, 4)
    rows = redrive(world, *place_flags("unit-review", places[2]), "--execute", says="1 redriven")
    assert [(r["partition"], r["offset"]) for r in rows] == [places[2]]
    rows = redrive(world, "--limit", 2, "--execute", says=["2 redriven", "more"])
    assert [(r["partition"], r["offset"]) for r in rows] == places[:2]
    assert dead_letters(world, "--state", "open") == {("unit-review", *places[3]): "open"}
    table = world.ops("dead-letter", "redrive").expect(0, says="1 would be redriven").out
    assert table.split()[:6] == ["TOPIC", "PARTITION", "OFFSET", "CODE", "UNIT", "RESULT"] and "NOBODY" in table


def test_two_operators_at_once(make_world):
    """Two redrives at the same time send each record once."""
    world = make_world(campaign=None)
    break_records(world, 40)
    before = sum(world.ends("unit-review"))
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: redrive(world, "--execute"), range(2)))
    assert sum(world.ends("unit-review")) == before + 40
    assert sorted(r["offset"] for run in runs for r in run if r["result"] == "redriven") == list(range(40))
    assert {r["result"] for run in runs for r in run} <= {"redriven", "skipped"}


def test_discard(make_world):
    """Off the list of open ones, with its reason in the history, masked where it holds a number; never redriven after that."""
    world = make_world(campaign=None)
    places = break_records(world, 2)
    chosen = place_flags("unit-review", places[0])
    reason = f"重复发送，见 {id_number(472_000)}"
    rows = discard(world, *chosen, "--reason", reason, says=["dry run", "1 would be discarded", "--execute"])
    assert [r["result"] for r in rows] == ["would-discard"] and history(world) == []
    assert [r["result"] for r in discard(world, *chosen, "--reason", reason, "--execute", says="1 discarded")] == ["discarded"]
    assert dead_letters(world) == {("unit-review", *places[0]): "discarded", ("unit-review", *places[1]): "open"}
    assert [h[:3] for h in history(world)] == [("discarded", "nianshen_ops", reason)]
    assert discard(world, *chosen, "--reason", "again", "--execute", says=["nothing to do", "1 discarded"]) == []
    assert redrive(world, *chosen, "--again", "--execute", says=["nothing to do", "1 discarded", "not sent"]) == []
    shown = json.loads(world.ops("dead-letter", "show", *chosen, "--json").expect(0).out)
    assert shown["dead_letter"]["state"] == "discarded"
    assert [(h["state"], h["who"], h["reason"][:4]) for h in shown["history"]] == [("discarded", "nianshen_ops", "重复发送")]
    world.ops("dead-letter", "show", *chosen).expect(0, says=["discarded", "nianshen_ops", "重复发送"])


def test_key_that_is_an_id_number(make_world):
    """Whatever a record is keyed by: what looks like an ID number is printed masked."""
    world = make_world(campaign=None)
    break_records(world, 1, unit=id_number(473_000))
    for command in ("list", "redrive"):
        world.ops("dead-letter", command).expect(0, says="*******")
        world.ops("dead-letter", command, "--json").expect(0, says="*******")


def test_delivery_that_is_not_reported(make_world):
    """Its delivery is not reported in time: exit 75, the dead letter stays redriving and is only sent --again; the history keeps both."""
    world = make_world(campaign=None)
    place, _ = break_records(world, 2)
    lingering = ["--kafka.linger.ms=60000"]  # the record stays in the client
    rows = redrive(world, "--execute", *lingering, expect=75, says=["--again", "redriving", "1 unreported", "1 not tried"])
    assert [(r["offset"], r["result"]) for r in rows] == [(place[1], "unreported")]
    assert dead_letters(world, "--state", "redriving") == {("unit-review", *place): "redriving"}
    assert redrive(world, *place_flags("unit-review", place), "--execute", says=["nothing to do", "1 redriving", "--again"]) == []
    redrive(world, *place_flags("unit-review", place), "--again", "--execute", says="1 redriven")
    assert dead_letters(world)["unit-review", *place] == "redriven"
    assert [(h[0], h[4] is None) for h in history(world)] == [("redriving", True), ("redriven", False)]


def test_delivery_that_is_not_noted(make_world):
    """Published, but the database does not take the note: the operator hears of it, and it is not sent again unseen."""
    world = make_world(campaign=None)
    place, _ = break_records(world, 2)
    before = sum(world.ends("unit-review"))
    with world.stack.cluster.connect(world.database) as admin:
        admin.execute(query("REVOKE EXECUTE ON FUNCTION nianshen.redrive_done FROM nianshen_ops"))
        rows = redrive(world, "--execute", expect=77, says=["published, but", "1 unnoted", "1 not tried", "nianshen_ops"])
        assert [(r["offset"], r["result"], r["new_offset"]) for r in rows] == [(place[1], "unnoted", 2)]
        admin.execute(query("GRANT EXECUTE ON FUNCTION nianshen.redrive_done TO nianshen_ops"))
    assert sum(world.ends("unit-review")) == before + 1
    redrive(world, *place_flags("unit-review", place), "--execute", says=["nothing to do", "1 redriving"])


def test_refused_by_the_broker(make_world):
    """A record larger than its topic now takes is refused, and said so; the others are redriven."""
    world = make_world(campaign=None)
    large = world.client().send_record("unit-review", b"NOBODY", b"{" * 50_000)
    break_records(world, 1)
    set_topic(world, "unit-review", "max.message.bytes", "10000")
    rows = redrive(world, "--execute", expect=65, says=["1 redriven, 1 refused"])
    assert [r["result"] for r in rows] == ["refused", "redriven"]
    assert "large" in rows[0]["text"].lower()
    assert dead_letters(world, "--state", "open") == {("unit-review", *large): "open"}, "it has not arrived: it is open as before"
    set_topic(world, "unit-review", "max.message.bytes", "1048576")
    rows = redrive(world, "--execute", says="1 redriven")
    assert [(r["partition"], r["offset"]) for r in rows] == [large]
    assert [h[0] for h in history(world)] == ["refused", "redriven", "redriven"], "and the history keeps why"
    assert "large" in history(world)[0][2].lower()


@first_only
def test_record_that_is_gone(make_world):
    """Deleted from its topic meanwhile: named in a dry run already; the others are redriven."""
    world = make_world(campaign=None)
    places = break_records(world, 3)
    delete_before(world, "unit-review", dict([places[2]]))
    rows = redrive(world, expect=65, says=["2 gone", "1 would be redriven", "dead-letter"])
    assert [r["result"] for r in rows] == ["gone", "gone", "would-redrive"]
    rows = redrive(world, "--execute", expect=65, says=["1 redriven", "2 gone"])
    assert [(r["offset"], r["result"]) for r in rows][2] == (places[2][1], "redriven")
    assert len(dead_letters(world, "--state", "open")) == 2 and len(history(world)) == 1


@first_only
def test_another_record_in_its_place(make_world):
    """The topic was made anew: what stands there now is neither shown nor sent in the name of what stood there."""
    world = make_world(campaign=None)
    place = break_records(world, 1)[0]
    make_anew(world, "unit-review")
    assert world.client().send_record("unit-review", b"NOBODY", b"[", {}) == place
    assert [r["result"] for r in redrive(world, "--execute", expect=65, says="1 gone")] == ["gone"]
    assert history(world) == [] and world.ends("unit-review")[place[0]] == place[1] + 1
    shown = world.ops("dead-letter", "show", "--json", *place_flags("unit-review", place)).expect(66, says="another one may have its place")
    assert "record" not in json.loads(shown.out)


@next_only
def test_topic_is_not_read_again(make_world):
    """The record stands in the database: what was deleted from its topic is shown and redriven byte for byte, also where another one has its place."""
    world = make_world(campaign=None)
    places = break_records(world, 3)
    sent = records(world, "unit-review")
    delete_before(world, "unit-review", dict([places[2]]))
    rows = redrive(world, *place_flags("unit-review", places[0]), "--execute", says="1 redriven")
    assert records(world, "unit-review")[rows[0]["new_partition"], rows[0]["new_offset"]] == sent[places[0]]
    make_anew(world, "unit-review")
    other = world.client().send_record("unit-review", b"NOBODY", b"[", {})
    assert "record" in json.loads(world.ops("dead-letter", "show", "--json", *place_flags("unit-review", places[1])).expect(0).out)
    rows = redrive(world, "--execute", says="2 redriven")
    now = records(world, "unit-review")
    assert [now[r["new_partition"], r["new_offset"]] for r in rows] == [sent[place] for place in places[1:]]
    assert now[other][1] == b"["


def test_no_broker(make_world):
    """An absent broker: exit 69 within some ten seconds, nothing was begun. Who has nothing to do, or discards, needs none."""
    world = make_world(campaign=None)
    absent = {"NIANSHEN_KAFKA_BOOTSTRAP": NOBODYS_ADDRESS}
    redrive(world, "--execute", env=absent, says="nothing to do")
    break_records(world, 1)
    assert redrive(world, "--execute", env=absent, expect=69, says=[NOBODYS_ADDRESS, "1 not tried"], seconds=20) == []
    assert history(world) == []
    world.ops("dead-letter", "discard", "--reason", "x", "--execute", env=absent).expect(0, says="1 discarded")


@pytest.mark.parametrize("flags, says", [
    (["redrive", "--dry-run", "--execute"], "contradict"),
    (["redrive", "--partition", 0], "--topic"),
    (["redrive", "--topic", "approval", "--offset", 0], "--partition"),
    (["redrive", "--topic", "outcome"], "unit-review"),
    (["redrive", "--limit", 0], "--limit"),
    (["discard"], "--reason"),
    (["discard", "--reason", ""], "--reason"),
    (["discard", "--reason", " \u3000", "--execute"], "not blank"),
    (["list", "--state", "lost"], "redriving"),
])
def test_usage(main, flags, says):
    main.ops("dead-letter", *flags).expect(64, says=says)
