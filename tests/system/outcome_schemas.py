"""Holds what comes over the wire against schemas/, with the validator of the package jsonschema."""

import csv
import json
from datetime import datetime
from pathlib import Path

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
# Which kinds of codes.tsv an outcome may carry: at its top, and in its lists.
CODE_KINDS = {
    "nianshen.member-review.waiting.v1": {"waiting"},
    "nianshen.member-review.rejected.v1": {"rejection"},
    "nianshen.decision.rejected.v1": {"decision", "rejection"},
    "nianshen.decision.waiting.v1": {"waiting"},
    "nianshen.event.refused.v1": {"dead-letter"},
}
LIST_KINDS = {
    ("nianshen.unit-review.accepted.v1", "warnings"): {"warning"},
    ("nianshen.unit-review.rejected.v1", "errors"): {"rejection", "dead-letter"},  # unknown-unit: a unit review is answered all the same
    ("nianshen.member-review.pending.v1", "warnings"): {"warning"},
    ("nianshen.member-review.rejected.v1", "errors"): {"row", "rejection"},  # not-sorted and total-mismatch name their place too
}


def load(name):
    return json.loads((SCHEMAS / name).read_text(encoding="utf-8"))


def registry():
    """Every schema under its file name, which is its $id: nothing is fetched from anywhere."""
    files = sorted(path.name for path in SCHEMAS.glob("*.json"))
    return Registry().with_resources((name, Resource.from_contents(load(name))) for name in files)


REGISTRY = registry()


def validator(reference):
    """A validator of a file in schemas/, or of a part of one: "defs.json#/$defs/row"."""
    return Draft202012Validator({"$ref": reference}, registry=REGISTRY, format_checker=FormatChecker())


def code_table():
    with (SCHEMAS / "codes.tsv").open(encoding="utf-8", newline="") as file:
        return {row["code"]: row for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)}


CODES = code_table()


def check(headers, value):
    """Fails unless `headers` (names to texts) and `value` (bytes) are an outcome as schemas/ describes it. Returns its data."""
    validator("defs.json#/$defs/outcome_headers").validate(headers)
    assert datetime.fromisoformat(headers["ce_time"]).tzinfo is not None, headers["ce_time"]
    data = json.loads(value)
    validator(f"{headers['ce_type']}.json").validate(data)
    check_codes(headers["ce_type"], data)
    return data


def check_codes(event_type, data):
    """The codes are in the table and of a kind that fits the place, and what is said about them begins as the table says."""
    if event_type in CODE_KINDS:
        check_code(data, CODE_KINDS[event_type])
    for (of_type, name), kinds in LIST_KINDS.items():
        for finding in data[name] if event_type == of_type else []:
            check_code(finding, kinds)


def check_code(finding, kinds):
    code = finding["code"]
    assert code in CODES, f"{code} is not in schemas/codes.tsv"
    assert CODES[code]["kind"] in kinds, f"{code} is a code of kind {CODES[code]['kind']}; here belongs one of {sorted(kinds)}"
    for language in ("zh", "en"):
        beginning = CODES[code][language].partition("{")[0]
        assert finding[language].startswith(beginning), f"{code}: {finding[language]!r} does not begin with {beginning!r}"
        assert "{" not in finding[language], f"{code}: a place to fill in is left over in {finding[language]!r}"


def check_dead_letter(headers):
    """Fails unless `headers` (names to texts) hold what a dead letter carries besides its own."""
    validator("defs.json#/$defs/dead_letter_headers").validate(headers)
    code = headers["nianshen_dl_code"]
    assert CODES.get(code, {}).get("kind") == "dead-letter", f"{code} is no code of a dead letter"
