"""
The fixtures of the system tests. One stack (broker, cluster) serves the whole session. On it stands the `main` world, with an
open campaign and a pool of units that were loaded before it opened, each of which one test takes; a test that needs other
campaigns, outages of its own workers or wrong settings makes a world of its own.
"""

import pytest

pytest.register_assert_rewrite("support")
pytest_plugins = ["support.fixtures"]

from support import people
from support.desk import Desk

YEAR = 2026
SUPERIOR, OTHER_SUPERIOR = "S01", "S02"
REVIEWERS = [("R007", SUPERIOR), ("clerk-17", SUPERIOR), ("R020", OTHER_SUPERIOR)]
# How many units of how many members the pool holds.
POOL = {"small": (320, 6), "medium": (12, 60), "large": (1, 12_000)}


def pytest_collection_modifyitems(items):
    """What looks at everything the session left behind comes last."""
    items.sort(key=lambda item: "test_afterwards" in item.nodeid)


def pytest_deselected(items):
    """`whole_session` skips what only all tests together can show."""
    if items:
        items[0].session.is_partial = True


@pytest.fixture
def whole_session(request):
    if getattr(request.session, "is_partial", False):
        pytest.skip("only some of the tests were selected")


@pytest.fixture(scope="session")
def pool():
    units, first_index = {}, 0
    for shape, (count, size) in POOL.items():
        units[shape] = [people.unit(f"{shape[0].upper()}{n:04d}", SUPERIOR, first_index + n * size, size) for n in range(count)]
        first_index += count * size
    return units


@pytest.fixture(scope="session")
def main(stack, pool):
    """The world that most tests share: campaign open, one worker running."""
    world = stack.world("main", partitions=4)
    world.load([unit for units in pool.values() for unit in units]).expect(0)
    world.open_campaign(YEAR, REVIEWERS)
    world.worker(name="main-worker").start().wait_ready()
    return world


@pytest.fixture
def take(main, pool):
    """Gives units of the main world that no other test has."""

    def next_unit(shape="small", suits=lambda unit: True):
        """`suits` says which units serve, for a test that needs numbers of some kind."""
        found = [unit for unit in pool[shape] if suits(unit)]
        assert found, f"the pool has no such {shape} unit left: raise POOL in conftest.py"
        pool[shape].remove(found[-1])
        return found[-1]

    return next_unit


@pytest.fixture
def desk(main, take):
    """The desk of a unit of six members in the main world."""
    return Desk(main, take(), YEAR)


@pytest.fixture
def make_world(stack, request):
    """Makes worlds of the test's own; their workers end with the test."""
    made = []

    def make(units=(), reviewers=REVIEWERS, campaign=YEAR, **settings):
        name = f"{request.node.originalname.removeprefix('test_')[:40].replace('_', '-')}-{len(stack.worlds)}"
        world = stack.world(name, **settings)
        made.append(world)
        if units:
            world.load(units).expect(0)
        if campaign:
            world.open_campaign(campaign, reviewers)
        return world

    yield make
    for world in made:
        world.close()
