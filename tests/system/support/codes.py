"""
Which codes of schemas/codes.tsv were really produced in this session, each where its users meet it: a dead letter's in its header, those
of an outcome in the outcome, all others in what a program of ours says.
"""

import re

KINDS_OF_DEAD_LETTERS = {"dead-letter"}
KINDS_OF_OUTCOMES = {"rejection", "row", "warning", "decision", "waiting"}
# Until the switch: what only the second edition's engine produces; its own tests (tests/rules, tests/unit/test_rules_*) do.
OF_THE_SECOND_EDITION = {
    "holder-changed", "name-differs", "not-yours", "number-corrected", "roster-changed", "submission-unknown", "too-many", "unknown-field",
}  # fmt: skip
# "… [not-comma]", a cell of a table, a string of JSON.
WORD = re.compile(r'[^\s\[\]"]+')

in_dead_letters, in_outcomes, in_programs = set(), set(), set()


def note_outcome(data):
    findings = [data, *data.get("errors", []), *data.get("warnings", [])]
    in_outcomes.update(finding["code"] for finding in findings if "code" in finding)


def note_output(text):
    in_programs.update(WORD.findall(text))


def never_produced(table):
    """The codes of the table that nothing has produced so far."""

    def produced(kind):
        if kind in KINDS_OF_DEAD_LETTERS:
            return in_dead_letters
        return in_outcomes if kind in KINDS_OF_OUTCOMES else in_programs

    return sorted(code for code, row in table.items() if code not in produced(row["kind"]))
