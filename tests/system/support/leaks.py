"""Finds what must never leave the system: a full ID number or mobile, and a sanitizer's report."""

import re

ID_NUMBER = re.compile(r"(?<![0-9A-Za-z])[1-9]\d{16}[0-9Xx](?![0-9A-Za-z])")
MOBILE = re.compile(r"(?<![0-9A-Za-z.:-])1[3-9]\d{9}(?![0-9A-Za-z])")
SANITIZER = re.compile(r"ERROR: (?:Address|Leak|Thread)Sanitizer|SUMMARY: \w+Sanitizer|runtime error:")


def personal_data_in(text):
    """The full ID numbers and mobiles in `text`, each once."""
    return sorted(set(ID_NUMBER.findall(text)) | set(MOBILE.findall(text)))


def check_no_personal_data(text, where):
    found = personal_data_in(text)
    assert not found, f"{where} holds {len(found)} full ID number(s) or mobile(s), the first in: {context_of(text, found[0])}"


def check_no_sanitizer_report(text, where):
    match = SANITIZER.search(text)
    assert not match, f"{where} holds a sanitizer's report:\n{text[max(0, match.start() - 200): match.start() + 4000]}"


def context_of(text, needle):
    at = text.index(needle)
    return text[max(0, at - 120): at + len(needle) + 60]
