"""
Until the switch: the second edition's programs in the suite of the first. Its support is used as it is; only the names of the programs and of the
views differ.
"""

import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {"nianshen-worker": "nianshen-worker-next", "nianshen-ops": "nianshen-ops-next", "nianshen-producer": "nianshen-producer"}


def programs_of_this_edition():
    built = Path(os.environ.get("NIANSHEN_BIN", ROOT / "build/bin"))
    folder = ROOT / "build/bin-next"
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in PROGRAMS.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to((built / program).resolve())
    return folder


os.environ["NIANSHEN_BIN"] = str(programs_of_this_edition())
sys.path.insert(0, str(ROOT / "tests/system"))
pytest.register_assert_rewrite("support")
pytest_plugins = ["support.fixtures"]

from support import stack  # noqa: E402

VIEWS = re.compile(r"\bnianshen\.(partition_status|review_status|review_detail|held|member|removed_member|dead_letter)\b")
YEAR = 2026
SUPERIOR = "S01"
REVIEWERS = [("R007", SUPERIOR), ("R020", "S02")]

_sql = stack.World.sql
stack.World.sql = lambda world, query, *rest, **more: _sql(world, VIEWS.sub(r"nianshen_next.\1", query), *rest, **more)


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
