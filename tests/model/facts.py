"""The little world that every history of tests/model plays in: one roster, the same in each unit, who may decide, and which years are open.

The tests load exactly this into the database, and the reference model judges by it. ID numbers are invented; what a check must say of
each text that a history can list stands here, so that the model needs no check of its own.
"""

from dataclasses import dataclass

from support.people import check_character, id_number

YEAR = 2026
CLOSED_YEAR = 2025  # its campaign is over before the first event
UNKNOWN_YEAR = 2027  # it has no campaign

SUPERIOR, ANCESTOR, STRANGERS_SUPERIOR = "S01", "S00", "S02"
REVIEWER, CLERK, OTHER_CLERK = "R007", "clerk-17", "clerk-18"
# The clerk is a reviewer too, so that only the rule against reviewing the own submission is in the way.
REVIEWERS = [(REVIEWER, SUPERIOR), (CLERK, SUPERIOR), ("R000", ANCESTOR), ("R020", STRANGERS_SUPERIOR)]
REASONS = {"retired", "left", "deceased"}


def misspelt(number):
    """The same number with a check character that does not fit."""
    return number[:17] + ("0" if number[17] != "0" else "1")


# Six members whose birthdays lie years apart; the last one's number ends in X.
NUMBERS = [id_number(n) for n in range(0, 7500, 1500)] + [next(filter(lambda n: n[17] == "X", map(id_number, range(7500, 7600))))]
MALFORMED = "G58203917"  # a passport's, on the roster as it is
OLD_NUMBER, NEW_NUMBER = id_number(10_000), id_number(10_001)  # corrected after the opening
LATE_NUMBER = id_number(11_000)  # enrolled after the opening

# member_no → number, as the roster stood when the campaign opened
ROSTER = {**{f"{n:02d}": number for n, number in enumerate(NUMBERS)}, "06": MALFORMED, "07": OLD_NUMBER}
CORRECTIONS = {"07": NEW_NUMBER}
LATECOMERS = {"08": LATE_NUMBER}
ROSTER_NOW = {**ROSTER, **CORRECTIONS, **LATECOMERS}

# What a unit review may change. Fields that nobody knows are let through; a mobile counts by its digits.
PROFILES = [{}, {"address": "示例路2号"}, {"name": "新名称“工会”", "contact_mobile": "139 0000-0001"}, {"contact_name": "王\\五", "fax": "1"}]
BAD_PROFILES = [({"contact_mobile": "12345"}, "profile-mobile"), ({"name": ""}, "profile-name"), ({"credit_code": "not a code"}, "profile-credit-code")]
PROFILE = {"name": "示例工会", "credit_code": None, "address": "示例路1号", "contact_name": "联系人", "contact_mobile": "13912345678"}
PROFILE_FIELDS = tuple(PROFILE)

STRANGER = id_number(400_000)
BAD_NUMBERS = [misspelt(NUMBERS[2]), misspelt(STRANGER), "O" + NUMBERS[3][1:], "4.32500197707303E+17", "12345", NUMBERS[4][:17]]


@dataclass(frozen=True)
class Reading:
    """What a text in a list means: the key that it is sorted and found by, and whether it is a well-formed number."""

    key: str
    is_well_formed: bool


def fifteen(number):
    """The form of before 1999: the century and the check character are not there."""
    assert number[6:8] == "19" and number[17] == check_character(number[:17])
    return number[:6] + number[8:17]


def full_width(number):
    return "".join(chr(ord(c) + 0xFEE0) for c in number)


# How else a number may be written; all mean the same.
WRITINGS = [lambda n: f" {n}\t", fifteen, full_width, lambda n: f"'{n[:6]} {n[6:14]} {n[14:].lower()}"]


def readings():
    """Every text that a history may list, with its reading."""
    found = {"": Reading("", False), f" {MALFORMED} ": Reading(MALFORMED, False)}
    for text in [*BAD_NUMBERS, MALFORMED]:
        found[text] = Reading(text, False)
    for number in [*NUMBERS, OLD_NUMBER, NEW_NUMBER, LATE_NUMBER, STRANGER]:
        found[number] = Reading(number, True)
        for write in WRITINGS:
            found[write(number)] = Reading(number, True)
    return found


READINGS = readings()
