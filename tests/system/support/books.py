"""The sums that must hold in every world, whatever happened in it."""

from support.edition import LEDGER
from support.wait import eventually

INPUTS = ("unit-review", "member-review", "approval")


def wait_all_consumed(world, seconds=60):
    """Until the database's offsets stand at the ends of the topics and nothing waits in the outbox."""
    ends = {(topic, p): end for topic in INPUTS for p, end in enumerate(world.ends(topic))}

    def consumed():
        rows = world.sql("SELECT topic, partition, next_offset, outbox_waiting FROM nianshen.partition_status")
        at = {(t, p): (next_offset, waiting) for t, p, next_offset, waiting in rows}
        return all(at.get(place, (0, 0)) == (end, 0) for place, end in ends.items() if end > 0)

    def standing():
        return f"all of {ends} is consumed; partition_status: {world.sql('SELECT * FROM nianshen.partition_status')}"

    eventually(consumed, standing, seconds)
    return ends


def check_ledger(world, gaps=0):
    """Each consumed offset has exactly one row (`gaps`: transaction markers or aborted records), and all that `check` knows holds."""
    ends = wait_all_consumed(world)
    world.ops("check").expect(0)
    rows = world.sql(f"SELECT topic, partition, count(*), min(record_offset), max(record_offset) FROM {LEDGER} l GROUP BY 1, 2")
    counted = {(topic, partition): (count, first, last) for topic, partition, count, first, last in rows}
    assert sum(ends.values()) - sum(count for count, _, _ in counted.values()) == gaps, (ends, counted)
    for place, (count, first, last) in counted.items():
        assert gaps or (count, first, last) == (ends[place], 0, ends[place] - 1), (place, ends[place], counted[place])


def check_outcomes_once(world):
    """A repeated outcome has the same id and the same bytes; no judged event has two different outcomes of a kind."""
    world.outcomes.drain()
    by_id, by_cause = {}, {}
    for outcome in world.outcomes.records:
        first = by_id.setdefault(outcome.id, outcome)
        assert (first.type, first.key, first.data) == (outcome.type, outcome.key, outcome.data), f"two outcomes share an id:\n{first}\n{outcome}"
        place = [outcome.data.get(name) for name in ("topic", "partition", "offset")] if outcome.kind == "event.refused" else []  # of one record, not one id
        cause = (outcome.key, outcome.data.get("year"), outcome.type, outcome.causation, *place)
        assert by_cause.setdefault(cause, outcome.id) == outcome.id, f"the same verdict under two ids: {outcome}"
    return by_id


def check_books(world, gaps=0):
    check_ledger(world, gaps)
    return check_outcomes_once(world)


def verdicts_once(world):
    """Every repeated outcome, from the first life and the second, has the same id and the same bytes; only `waiting` depends on what had arrived."""
    seen = {}
    for outcome in world.outcomes.drain():
        if outcome.kind != "member-review.waiting":
            assert seen.setdefault(outcome.id, outcome.value) == outcome.value, str(outcome)
    return seen
