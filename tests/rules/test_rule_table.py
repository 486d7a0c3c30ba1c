"""The table of rules in docs/architecture.md names only what exists, and every rule of the mutants is in it."""

import re
from pathlib import Path

import pytest

from mutants import mutants

ROOT = Path(__file__).parents[2]
FUNCTIONS = "\n".join(path.read_text() for path in sorted((ROOT / "rules").glob("*.c")))
TESTS = "\n".join(path.read_text() for path in sorted((ROOT / "tests/unit").glob("test_rules_*.c")))
MODEL = (ROOT / "tests/rules/model/rules.py").read_text()
MUTANTS = {mutant.name for mutant in mutants.MUTANTS}
# What a name of each column must match.
KNOWN = [
    lambda name: re.search(rf"^[a-z].*\b{name}\(", FUNCTIONS, re.MULTILINE),
    lambda name: re.search(rf"^ *def {name}\(", MODEL, re.MULTILINE),
    lambda name: name in MUTANTS,
    lambda name: f"RULE_TEST({name})" in TESTS,
]


def rows():
    text = (ROOT / "docs/architecture.md").read_text().split("## The rules\n")[1]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| ") and len(cells) == 5 and cells[0] not in ("rule", "---"):
            yield cells


@pytest.mark.parametrize("cells", list(rows()), ids=lambda cells: cells[0])
def test_names_exist(cells):
    for column, is_known in enumerate(KNOWN, start=1):
        for name in re.findall(r"`([^`]+)`", cells[column]):
            assert is_known(name), f"{name} of column {column} does not exist"


def test_rules_are_numbered_alike():
    """Each rule number of the mutants has rows in the table."""
    numbers = {mutant.rule.split()[0] for mutant in mutants.MUTANTS}
    assert numbers <= {cells[0].split()[0] for cells in rows()}
