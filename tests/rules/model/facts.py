"""The little world that every history of tests/rules plays in: one roster and what is corrected of it, who may decide, and which years are open.

The tests give exactly this to the engine, and the reference model judges by it. Time goes in four phases: each record is appended in one of them,
and what is corrected or registered changes where one begins. ID numbers are invented; what a check must say of each text that a history can list
stands here, so that the model needs no check of its own.
"""

from dataclasses import dataclass

from support.people import check_character, id_number

YEAR = 2026
CLOSED_YEAR = 2025  # its campaign is over before the first event
UNKNOWN_YEAR = 2027  # it has no campaign

# ---- time ----

OPENED, CORRECTED, MOVED, LATE = range(4)  # the phases; LATE: the campaign has closed
PHASES_OPEN = (OPENED, CORRECTED, MOVED)
DAY_MS = 24 * 3600 * 1000
OPENS_MS = 1_772_323_200_000  # 2026-03-01 08:00 in China


def begin_ms(phase):
    """The first moment of a phase: a record of that very millisecond belongs to it."""
    return OPENS_MS + phase * DAY_MS


# ---- who decides ----

SUPERIOR, ANCESTOR, STRANGERS_SUPERIOR = "S01", "S00", "S02"
REVIEWER, CLERK, OTHER_CLERK = "R007", "clerk-17", "clerk-18"
LATER_REVIEWER = "R008"  # registered while CORRECTED only
BLANK_REVIEWER = "Li Na"
# (reviewer, superior, first phase, first phase in which no more). The clerk is a reviewer too, so that only the rule against reviewing the own
# submission is in the way.
REVIEWERS = [
    (REVIEWER, SUPERIOR, None, None), (CLERK, SUPERIOR, None, None), (BLANK_REVIEWER, SUPERIOR, None, None),
    (LATER_REVIEWER, SUPERIOR, CORRECTED, MOVED), ("R000", ANCESTOR, None, None), ("R020", STRANGERS_SUPERIOR, None, None),
]  # fmt: skip
# The same persons by the rule, written otherwise.
CLERK_WRITINGS = [f" {CLERK}", f"{CLERK}\u200b", "Clerk-17", "ＣＬＥＲＫ－１７", f"\u3000{CLERK} "]
BLANK_WRITINGS = ["Li  Na", "li na ", "Ｌi\u3000Ｎa"]
REASONS = {"retired", "left", "deceased"}


def is_registered(reviewer, superior, phase):
    terms = [(first, end) for name, of, first, end in REVIEWERS if (name, of) == (reviewer, superior)]
    return any((first is None or first <= phase) and (end is None or phase < end) for first, end in terms)


# ---- the unit ----

LIMIT_DEFAULT = 1000
LIMIT_KINDS = ("unit-reviews", "submissions", "decisions")


@dataclass(frozen=True)
class Unit:
    """What may differ from history to history: when the unit became known, its limits, and whether it comes under another superior."""

    known_from: int | None = OPENED  # a phase; None: never
    limits: tuple = ()  # (kind, first phase, most), in the order of the phases
    moves: bool = False  # to STRANGERS_SUPERIOR, when MOVED begins

    def is_known(self, phase):
        return self.known_from is not None and phase >= self.known_from

    def superior(self, phase):
        return STRANGERS_SUPERIOR if self.moves and phase >= MOVED else SUPERIOR

    def limit(self, kind, phase):
        return [LIMIT_DEFAULT, *(most for of, first, most in self.limits if of == kind and first <= phase)][-1]

    def __str__(self):
        known = {OPENED: "", None: "never known"}.get(self.known_from, f"known from phase {self.known_from}")
        limits = [f"at most {most} {kind} from phase {first}" for kind, first, most in self.limits]
        return ", ".join([*filter(None, [known]), *limits, *(["another superior from phase 2"] if self.moves else [])])


# ---- the roster ----


@dataclass(frozen=True)
class Member:
    number: str
    name: str


def misspelt(number):
    """The same number with a check character that does not fit."""
    return number[:17] + ("0" if number[17] != "0" else "1")


# Six members whose birthdays lie years apart; the last one's number ends in X.
NUMBERS = [id_number(n) for n in range(0, 7500, 1500)] + [next(filter(lambda n: n[17] == "X", map(id_number, range(7500, 7600))))]
MALFORMED = "G58203917"  # a passport's, on the roster as it is
OLD_NUMBER, NEW_NUMBER, NEWEST_NUMBER = id_number(10_000), id_number(10_001), id_number(10_203)  # of one member, one after the other
SWAPPED_A, SWAPPED_B = id_number(3300), id_number(5300)  # of two members who have each other's
PASSED_ON, OWN_NUMBER, LEFT_NUMBER = id_number(6200), id_number(6900), id_number(8200)  # taken from one member, later given to another
LATE_NUMBER = id_number(11_000)  # enrolled after the opening

NAMES = ["王建国", "李二", "", "阿依·古丽", "Li Na", "赵六"]
# member_no → how the member stood when the campaign opened
ROSTER = {
    **{f"{n:02d}": Member(number, name) for n, (number, name) in enumerate(zip(NUMBERS, NAMES))},
    "06": Member(MALFORMED, "钱七"), "07": Member(OLD_NUMBER, "孙八"), "08": Member(SWAPPED_A, "张一"), "09": Member(SWAPPED_B, "李二"),
    "10": Member(PASSED_ON, "周十"), "11": Member(LEFT_NUMBER, "吴一"),
}  # fmt: skip
# (first phase, member_no, how the member stands from then on); 03's name comes back to what it was.
CORRECTIONS = [
    (CORRECTED, "01", Member(NUMBERS[1], "李贰")), (CORRECTED, "03", Member(NUMBERS[3], "阿依古丽江")), (CORRECTED, "07", Member(NEW_NUMBER, "孙八")),
    (CORRECTED, "10", Member(OWN_NUMBER, "周十")),
    (MOVED, "03", ROSTER["03"]), (MOVED, "07", Member(NEWEST_NUMBER, "孙八")), (MOVED, "08", Member(SWAPPED_B, "张一")),
    (MOVED, "09", Member(SWAPPED_A, "李二")), (MOVED, "11", Member(PASSED_ON, "吴一")),
]  # fmt: skip
# (first phase, member_no, number): enrolled after the opening; the second one with a number that another member had.
LATECOMERS = [(CORRECTED, "20", Member(LATE_NUMBER, "郑二")), (MOVED, "21", Member(OLD_NUMBER, "冯三"))]


def roster_at(phase):
    """member_no → Member: those who were enrolled when the campaign opened, as they stand in that phase."""
    return {**ROSTER, **{no: member for first, no, member in CORRECTIONS if first <= phase}}


def later_numbers(phase):
    """Of members who were enrolled after the opening, up to that phase."""
    return {member.number for first, _, member in LATECOMERS if first <= phase}


# ---- profiles ----

# What a unit review may change. Fields that nobody knows are let through with a warning; a mobile counts by its digits.
UNKNOWN_FIELD = "fax"
PROFILES = [{}, {"address": "示例路2号"}, {"name": "新名称“工会”", "contact_mobile": "139 0000-0001"}, {"contact_name": "王\\五", UNKNOWN_FIELD: "1"}]
BAD_PROFILES = [({"contact_mobile": "12345"}, "profile-mobile"), ({"name": ""}, "profile-name"), ({"credit_code": "not a code"}, "profile-credit-code")]
PROFILE_FIELDS = ("name", "credit_code", "address", "contact_name", "contact_mobile")

# ---- what a text in a list means ----

STRANGER = id_number(400_000)
CUT = NUMBERS[1][:15] + "000"  # by a spreadsheet, which keeps 15 digits


@dataclass(frozen=True)
class Reading:
    """The key that a text is sorted and found by, and what is wrong with it as a number."""

    key: str
    code: str | None = None


def fifteen(number):
    """The form of before 1999: the century and the check character are not there."""
    assert number[6:8] == "19" and number[17] == check_character(number[:17])
    return number[:6] + number[8:17]


def full_width(number):
    return "".join(chr(ord(c) + 0xFEE0) for c in number)


# How else a number may be written; all mean the same.
WRITINGS = [lambda n: f" {n}\t", fifteen, full_width, lambda n: f"'{n[:6]} {n[6:14]} {n[14:].lower()}"]
BAD_NUMBERS = {
    misspelt(NUMBERS[2]): "id-check", misspelt(STRANGER): "id-check", "O" + NUMBERS[3][1:]: "id-letter", "4.32500197707303E+17": "id-spreadsheet",
    "12345": "id-length", NUMBERS[4][:17]: "id-length", CUT: "id-spreadsheet",
}  # fmt: skip


def readings():
    """Every text that a history may list, with its reading."""
    found = {"": Reading("", "id-missing"), f" {MALFORMED} ": Reading(MALFORMED, "id-length"), MALFORMED: Reading(MALFORMED, "id-length")}
    found |= {text: Reading(text, code) for text, code in BAD_NUMBERS.items()}
    members = [*ROSTER.values(), *(m for _, _, m in CORRECTIONS), *(m for _, _, m in LATECOMERS)]
    for number in {m.number for m in members} - {MALFORMED} | {STRANGER}:
        found |= {text: Reading(number) for text in [number, *(write(number) for write in WRITINGS)]}
    return found


READINGS = readings()
