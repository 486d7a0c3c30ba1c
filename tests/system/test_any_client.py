"""Any client: events made from the schemas alone, sent by kcat and confluent-kafka in both modes, are handled the same."""

import pytest

from conftest import SUPERIOR, YEAR
from support import events
from support.edition import LEDGER

WAYS = ["confluent-binary", "confluent-structured", "kcat-binary", "kcat-structured"]


def sender(world, way):
    structured = way.endswith("structured")
    if way.startswith("kcat"):
        return lambda event: events.kcat_send(world.stack.broker.bootstrap, world.prefix, event, structured)
    client = world.client()
    return lambda event: client.send(event, structured=structured)


def go_the_whole_way(main, unit, send):
    """Unit review, list in two chunks, approval; returns all that came of it, without what is the unit's own."""
    failing = {unit.members[0].id_number: "left", unit.members[5].id_number: "retired"}
    review = events.unit_review(unit.code, YEAR, {"contact_mobile": "13900001111"})
    passed = [n for n in unit.id_numbers if n not in failing]
    chunks = events.submission(unit.code, YEAR, review.id, failing, passed, chunk_entries=4)
    for event in [review, *chunks]:
        send(event)
    pending = main.outcomes.wait(unit.code, "member-review.pending", causation=chunks[-1].id)
    decision = events.approved(unit.code, YEAR, chunks[0].data["submission"], pending.data["digest"], SUPERIOR, "R007", comment="同意")
    send(decision)
    completed = main.outcomes.wait(unit.code, "member-review.completed", causation=decision.id)
    assert main.removed(unit.code) == failing
    assert main.members(unit.code) == passed
    own = {"unit", "unit_review", "submission", "decision", "digest"}
    return [(o.kind, {k: v for k, v in o.data.items() if k not in own}) for o in (pending, completed)]


@pytest.fixture(scope="module")
def reference(main, pool):
    """What the first way gives; all others must give the same."""
    return go_the_whole_way(main, pool["small"].pop(), sender(main, WAYS[0]))


@pytest.mark.parametrize("way", WAYS)
def test_same_result_by(way, main, take, reference):
    """The same events by another client or mode come to the same outcomes, roster and archive."""
    assert go_the_whole_way(main, take(), sender(main, way)) == reference


def test_repeat_in_the_other_mode_is_a_duplicate(main, take):
    """The identity is in the CloudEvents attributes, not in the mode: white space, key order, mode and time make no other content."""
    unit = take()
    review = events.unit_review(unit.code, YEAR)
    client = main.client()
    client.send(review)
    client.send(review, structured=True)
    headers, value = review.binary()
    client.send_record(review.topic, review.key, value.replace(b": ", b" :  "), {**headers, "ce_time": "2026-03-01T08:00:00Z"})
    last = events.unit_review(unit.code, YEAR)
    client.send(last)
    main.outcomes.wait(unit.code, "unit-review.accepted", unit_review=last.id)
    kinds = main.sql(f"SELECT kind FROM {LEDGER} l WHERE unit = %s ORDER BY record_offset", [unit.code])
    assert [k for k, in kinds] == ["applied", "duplicate", "duplicate", "applied"]
    assert len({o.id for o in main.outcomes.of(unit.code)}) == 2
