"""Numbers to compare validators on: all forms, regions of all times, mutations of one character and swaps; the same for the same seed."""

import datetime
import random
from pathlib import Path

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
PROVINCES = {11, 12, 13, 14, 15, 21, 22, 23, *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71, 81, 82, 83}


def read_codes(name):
    lines = (SCHEMAS / name).read_text(encoding="utf-8").splitlines()
    return [line.split("\t") for line in lines if not line.startswith("#")][1:]


REGIONS = [code for code, _ in read_codes("regions.tsv")]
COUNTRIES = read_codes("countries.tsv")


def check_character(seventeen):
    return "10X98765432"[sum(w * int(d) for w, d in zip(WEIGHTS, seventeen)) % 11]


def card_check_digit(fourteen):
    return str(sum((7, 3, 1)[i % 3] * int(c, 36) for i, c in enumerate(fourteen)) % 10)


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def digits(self, count):
        return "".join(self.random.choices("0123456789", k=count))

    def date(self):
        """Mostly of people at work; now and then a very old, a future or an impossible one."""
        kind = self.random.random()
        if kind < 0.8:
            return (datetime.date(1940, 1, 1) + datetime.timedelta(days=self.random.randrange(25_000))).strftime("%Y%m%d")
        if kind < 0.9:
            return (datetime.date(1850, 1, 1) + datetime.timedelta(days=self.random.randrange(70_000))).strftime("%Y%m%d")
        if kind < 0.92:
            return self.random.choice(["19000229", "20000229", "19040229", "21000229", "20230229"])
        return f"{self.random.randrange(1850, 2040)}{self.random.randrange(0, 15):02d}{self.random.randrange(0, 34):02d}"

    def whole(self, seventeen):
        return seventeen + check_character(seventeen)

    def resident(self):
        return self.whole(self.random.choice(REGIONS) + self.date() + self.digits(3))

    def odd_region(self):
        return self.whole(f"{self.random.randrange(0, 90):02d}" + self.digits(4) + self.date() + self.digits(3))

    def old(self):
        return self.random.choice(REGIONS) + self.date()[2:] + self.random.choice([self.digits(3), f"99{self.digits(1)}"])

    def permit(self):
        return self.whole(self.random.choice(["810000", "820000", "830000", "710000"]) + self.date() + self.digits(3))

    def foreigner(self):
        country = self.random.choice(COUNTRIES)[0] if self.random.random() < 0.9 else self.digits(3)
        province = f"{self.random.choice(sorted(PROVINCES)):02d}" if self.random.random() < 0.9 else self.digits(2)
        return self.whole("9" + province + country + self.date() + self.digits(3))

    def card(self):
        fourteen = self.random.choice(COUNTRIES)[1] + self.random.choice(REGIONS)[:4] + self.date()[2:] + self.digits(1)
        return fourteen + card_check_digit(fourteen)

    def mutated(self, number):
        at = self.random.randrange(len(number))
        return number[:at] + self.random.choice("0123456789X") + number[at + 1 :]

    def swapped(self, number):
        at = self.random.randrange(len(number) - 1)
        return number[:at] + number[at + 1] + number[at] + number[at + 2 :]

    def number(self):
        makers = [self.resident, self.odd_region, self.old, self.permit, self.foreigner, self.card]
        number = self.random.choices(makers, weights=[40, 10, 15, 10, 15, 10])[0]()
        change = self.random.random()
        if change < 0.2:
            return self.mutated(number)
        if change < 0.3:
            return self.swapped(number)
        return number.lower() if change < 0.33 else number


class Features:
    """What the standards say about a number, read here once more and not by the code under test."""

    def __init__(self, number, today):
        number = number.upper()
        self.length = len(number)
        self.is_card = self.length == 15 and number[:3].isalpha()
        self.is_foreigner = self.length == 18 and number[0] == "9"
        self.is_old = self.length == 15 and not self.is_card
        self.has_good_characters = number[3:].isdigit() if self.is_card else number.isdigit() if self.is_old else number[:17].isdigit()
        if not self.has_good_characters:
            return
        province = number[1:3] if self.is_foreigner else number[:2]
        self.has_province = self.is_card or int(province) in PROVINCES
        self.is_permit = not self.is_card and not self.is_foreigner and int(province) > 70 and self.has_province
        self.region = None if self.is_card or self.is_foreigner else number[:6]
        self.is_reserved = self.is_old and number[12:] >= "996"
        self.born = self.birth_date(number, today)
        self.is_future = self.born is not None and self.born > today
        self.is_too_old = self.born is not None and (today.year - self.born.year - ((today.month, today.day) < (self.born.month, self.born.day))) > 150
        check = card_check_digit(number[:14]) if self.is_card else None if self.is_old else check_character(number[:17])
        self.has_good_check = check is None or number[-1] == check

    def birth_date(self, number, today):
        text = number[7:13] if self.is_card else "19" + number[6:12] if self.is_old else number[6:14]
        try:
            if self.is_card:
                born = datetime.date(2000 + int(text[:2]), int(text[2:4]), int(text[4:]))
                return born if born <= today else born.replace(year=born.year - 100)
            return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            return None
