"""Invented people and units. Every ID number is computed from an index, so that two runs make the same people."""

import csv
import datetime
import io
from dataclasses import dataclass, field

SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
GIVEN = ["晓梅", "建国", "文博", "雨桐", "志强", "丽华", "思远", "海燕", "子涵", "国庆", "婷", "伟"]
# Codes of today and retired codes: all of them are on real cards.
REGIONS = ["110101", "310115", "320204", "432500", "440301", "510212", "610102", "210111"]
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
FIRST_BIRTHDAY = datetime.date(1962, 1, 1)
BIRTHDAYS = 14_000  # an even number; up to the spring of 2000: nobody is of an unusual age
UNIT_COLUMNS = ["unit", "name", "superior", "credit_code", "address", "contact_name", "contact_mobile"]
MEMBER_COLUMNS = ["unit", "member_no", "name", "gender", "id_type", "id_number", "id_valid_until", "mobile"]


def check_character(seventeen):
    return "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, seventeen)) % 11]


def id_number(index):
    """The index-th ID number: well-formed, without a warning, different for each index below half a million, women and men in turn."""
    birthday = FIRST_BIRTHDAY + datetime.timedelta(days=index % BIRTHDAYS)
    sequence = 101 + 2 * (index // BIRTHDAYS) + index % 2  # below 200: no number ends in 000, which would be a warning
    head = f"{REGIONS[index % len(REGIONS)]}{birthday:%Y%m%d}{sequence:03d}"
    return head + check_character(head)


def mobile(index):
    return f"1{3 + index % 7}{index % 1_000_000_000:09d}"


def masked(number):
    """As lists show it: 3, eleven masked, 4."""
    return number[:3] + "*" * 11 + number[-4:]


@dataclass(frozen=True)
class Member:
    member_no: str
    name: str
    gender: str
    id_number: str
    mobile: str
    id_valid_until: str = "2034-12-01"
    id_type: str = "resident"


@dataclass
class Unit:
    code: str
    superior: str
    members: list = field(default_factory=list)
    name: str = ""
    contact_mobile: str = "13912345678"

    @property
    def id_numbers(self):
        return sorted(m.id_number for m in self.members)


def member(index):
    number = id_number(index)
    gender = "M" if int(number[16]) % 2 else "F"
    name = SURNAMES[index % len(SURNAMES)] + GIVEN[index // len(SURNAMES) % len(GIVEN)]
    return Member(member_no=str(10_000 + index), name=name, gender=gender, id_number=number, mobile=mobile(index))


def unit(code, superior, first_index, size):
    return Unit(code=code, superior=superior, members=[member(first_index + i) for i in range(size)], name=f"示例单位{code}工会")


def csv_text(columns, rows):
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def units_csv(units):
    return csv_text(UNIT_COLUMNS, [[u.code, u.name or u.code, u.superior, "", "示例路1号", "联系人", u.contact_mobile] for u in units])


def members_csv(units):
    rows = [
        [u.code, m.member_no, m.name, m.gender, m.id_type, m.id_number, m.id_valid_until, m.mobile] for u in units for m in u.members
    ]
    return csv_text(MEMBER_COLUMNS, rows)
