"""Until the switch: tests of the second edition's own commands (NIANSHEN_EDITION=next), with the support of the system tests."""

import pytest

pytest.register_assert_rewrite("support")
pytest_plugins = ["support.fixtures"]

YEAR = 2026
SUPERIOR = "S01"
REVIEWERS = [("R007", SUPERIOR), ("R020", "S02")]

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
