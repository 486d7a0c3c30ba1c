"""The tests' own helpers, where an error of theirs would hide an error of the product."""

import pytest

from support import leaks, people
from support.events import partition_of


def test_leaks_are_found():
    """Full numbers in any surroundings, masked ones and other long numbers not."""
    number, mobile = people.id_number(1), people.mobile(1)
    for text in (f"id={number}", f'"{number}"', f"{number},left", f"身份证{number}号", f"tel {mobile}.", f'"{mobile}"'):
        with pytest.raises(AssertionError):
            leaks.check_no_personal_data(text, "text")
    harmless = f"{people.masked(number)} 1795471583401 offset=123456789012345678901 sha256:a18163508457e 7f6387c6-bd46-4997-8fce-135781234567"
    leaks.check_no_personal_data(harmless, "text")
    with pytest.raises(AssertionError):
        leaks.check_no_sanitizer_report("core/a.c:1:2: runtime error: shift", "log")


def test_partition_of_is_javas():
    """Values of Kafka's own UtilsTest (murmur2) modulo 1000."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"abc": 479470107}
    for key, murmur2 in known.items():
        assert partition_of(key, 1000) == (murmur2 & 0x7FFFFFFF) % 1000


def test_made_up_people_are_well_formed():
    """Different from each other, with a right check character, and without the endings that are warned of."""
    numbers = [people.id_number(n) for n in range(0, 500_000, 37)]
    assert len(set(numbers)) == len(numbers)
    for number in numbers:
        assert people.check_character(number[:17]) == number[17]
        assert not number.endswith("000") and number[14:17] != "000"
