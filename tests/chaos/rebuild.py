"""The undisturbed run beside the disturbed one: the same topics, read by a group of its own into a database that was restored from a dump of the reference
data. Both must come to the same state."""

from support.books import check_ledger, verdicts_once
from support.stack import World

VERIFY_SECONDS_MAX = 180


class Undisturbed(World):
    """Reads all of another world's topics once, with nothing in its way."""

    def __init__(self, original):
        super().__init__(original.stack, f"{original.name}-undisturbed", original.partitions, topics=False)
        original.stack.worlds.append(self)
        self.prefix = original.prefix
        dump = original.ops("reference", "dump", user="nianshen_owner", personal_data=True).expect(0).out
        self.ops("reference", "restore", user="nianshen_owner", input=dump.encode()).expect(0)
        self.run_until_end().expect(0)


# Whether these were sent depends on what came first where the submission was withdrawn.
BEFORE_A_WITHDRAWAL = ("member-review.pending", "member-review.rejected")


def answers(world):
    """The outcomes that do not depend on arrival, by their id."""
    rows = world.sql("SELECT unit, year, submission FROM nianshen.submission WHERE state = 'withdrawn'")
    withdrawn, owed = set(rows), verdicts_once(world)
    for outcome in world.outcomes.records:
        if outcome.kind in BEFORE_A_WITHDRAWAL and (outcome.key, outcome.data["year"], outcome.data["submission"]) in withdrawn:
            owed.pop(outcome.id, None)
    return owed


def check_as_undisturbed(world, gaps=0):
    """`check` is clean, each record has its one row, no outcome came in two versions, `verify` finds the state equal; and an undisturbed run comes to
    the same digest and the same outcomes, byte for byte. `gaps`: offsets that no consumer sees."""
    check_ledger(world, gaps)
    for (year,) in world.sql("SELECT year FROM nianshen.campaign_term"):
        world.ops("verify", "--year", year, user="nianshen", seconds=VERIFY_SECONDS_MAX).expect(0, says="the state is equal")
    owed = answers(world)
    undisturbed = Undisturbed(world)
    undisturbed.ops("check").expect(0)
    assert world.ops("digest").expect(0).line == undisturbed.ops("digest").expect(0).line
    assert answers(world) == owed, "the undisturbed run has other outcomes"
    undisturbed.close()
