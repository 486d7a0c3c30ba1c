"""The schemas, their examples, the AsyncAPI document and the table of codes agree with each other and with the sources. No broker is needed."""

import csv
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

import outcome_schemas
import schema_examples
from outcome_schemas import CODES, SCHEMAS
from support.leaks import ID_NUMBER

ROOT = SCHEMAS.parent
SCHEMA_FILES = sorted(path.name for path in SCHEMAS.glob("*.json"))
DEFS = outcome_schemas.load("defs.json")["$defs"]
EVENT_TYPES = DEFS["binary_headers"]["properties"]["ce_type"]["enum"]
OUTCOME_TYPES = DEFS["outcome_headers"]["properties"]["ce_type"]["enum"]
ASYNCAPI = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text(encoding="utf-8"))
VALID = schema_examples.read_all("valid")
INVALID = schema_examples.read_all("invalid")
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def parts(node, path=""):
    """Every dictionary below `node` with its place."""
    if isinstance(node, dict):
        yield path, node
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield from parts(value, f"{path}/{key}")


# ---- the schemas -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_schema_is_valid(name):
    schema = outcome_schemas.load(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == name, "the $id is the file name, so that relative references work from a folder and from a registry"


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_references_of_schema_resolve(name):
    resolver = outcome_schemas.REGISTRY.resolver(name)
    for place, part in parts(outcome_schemas.load(name)):
        if "$ref" in part:
            assert isinstance(resolver.lookup(part["$ref"]).contents, dict), place


@pytest.mark.parametrize("name", SCHEMA_FILES)
def test_fields_are_described_in_two_languages(name):
    schema = outcome_schemas.load(name)
    assert_bilingual(schema, name)
    for place, part in parts(schema):
        if re.search("/(if|then)(/|$)", place):  # conditions on fields that are described above them
            continue
        for field, of_field in part.get("properties", {}).items():
            if of_field is not False:  # a field that must not be there
                assert_bilingual(of_field, f"{name}{place}/{field}")


def assert_bilingual(schema, place):
    if "description" not in schema:
        schema = outcome_schemas.REGISTRY.resolver("defs.json").lookup(schema["$ref"]).contents
    text = schema["description"]
    assert CHINESE.search(text) and re.search("[A-Za-z]{3}", text), f"{place}: a description in English and Chinese is wanted"


def test_every_type_has_its_schema():
    of_types = {f"{name}.json" for name in EVENT_TYPES + OUTCOME_TYPES}
    assert of_types | {"defs.json", "cloudevent.json"} == set(SCHEMA_FILES)
    assert outcome_schemas.load("cloudevent.json")["properties"]["type"]["enum"] == EVENT_TYPES


# Fields of the second edition that the worker of the first does not send yet.
NOT_YET_SENT = {("nianshen.member-review.waiting.v1", "behind")}


@pytest.mark.parametrize("name", OUTCOME_TYPES)
def test_every_field_of_an_outcome_is_promised(name):
    schema = outcome_schemas.load(f"{name}.json")
    promised = set(schema["required"]) | {field for of, field in NOT_YET_SENT if of == name}
    assert promised == set(schema["properties"]), "an outcome always has all its fields; null says that there is none"


# ---- the examples ------------------------------------------------------------------------------------------------------------------


def schema_errors(example):
    """What the JSON Schemas say against an example; None where there is no JSON to look at."""
    try:
        value = json.loads(example.value) if example.value is not None else None
    except ValueError:
        return None
    if example.value is None:
        return None
    if example.is_structured:
        return errors("defs.json#/$defs/structured_headers", example.headers) + errors("cloudevent.json", value)
    headers = "outcome_headers" if example.topic == "outcome" else "binary_headers"
    found = errors(f"defs.json#/$defs/{headers}", example.headers)
    event_type = example.headers.get("ce_type")
    return found + (errors(f"{event_type}.json", value) if f"{event_type}.json" in SCHEMA_FILES else [])


def errors(reference, instance):
    return [f"{reference} {error.json_path}: {error.message[:200]}" for error in outcome_schemas.validator(reference).iter_errors(instance)]


@pytest.mark.parametrize("example", VALID, ids=str)
def test_valid_example_validates(example):
    assert example.expect == "ok"
    if example.topic == "outcome":
        data = outcome_schemas.check(example.headers, example.value)
        assert example.content["key"] == data["unit"]
    elif example.topic == "dead-letter":
        outcome_schemas.check_dead_letter(example.headers)
    else:
        assert schema_errors(example) == []


@pytest.mark.parametrize("example", INVALID, ids=str)
def test_invalid_example_is_refused_where_it_says(example):
    assert example.name.removeprefix("invalid/").startswith(example.expect + "."), "the file name begins with the code"
    assert example.expect == "never-sent" or CODES[example.expect]["kind"] == "dead-letter"
    found = schema_errors(example)
    if example.content["refused_by"] == "schema":
        assert found
    else:
        assert example.content["refused_by"] == "worker" and not found, "what the schemas can see they are to refuse"


NOT_IN_ONE_RECORD = {"too-many"}  # a thousand others have to come first


def test_examples_cover_all_types_modes_and_dead_letters():
    binary = {e.headers["ce_type"] for e in VALID if "ce_type" in e.headers}
    structured = {e.content["value"]["type"] for e in VALID if e.is_structured}
    assert binary >= set(EVENT_TYPES + OUTCOME_TYPES)
    assert structured == set(EVENT_TYPES)
    dead_letters = {name for name, code in CODES.items() if code["kind"] == "dead-letter"}
    assert {e.expect for e in INVALID} - {"never-sent"} == dead_letters - NOT_IN_ONE_RECORD


def test_no_two_examples_share_an_identity():
    """They are published side by side, so only an example that says so (`after`) may use the identity of another."""
    seen = {}
    for example in VALID + INVALID:
        content = example.content.get("value")
        if example.topic not in ("unit-review", "member-review", "approval") or not isinstance(content, dict):
            continue
        identity = (content["source"], content["id"]) if "specversion" in content and "id" in content else identity_of_headers(example)
        if "after" not in example.content and None not in identity:
            assert (example.topic, *identity) not in seen, f"{example} and {seen[(example.topic, *identity)]}"
            seen[(example.topic, *identity)] = example


def identity_of_headers(example):
    return example.headers.get("ce_source"), example.headers.get("ce_id")


def test_people_in_schemas_are_synthetic():
    """ID numbers are the manual's own example or of the one region that the examples are made with."""
    manual = {"211011196605229673", "432500197707302784"}
    for path in [p for p in SCHEMAS.rglob("*") if p.suffix in (".json", ".yaml", ".md", ".py", ".java")]:
        for number in ID_NUMBER.findall(path.read_text(encoding="utf-8")):
            assert number in manual or number.startswith("110101"), path


# ---- AsyncAPI ----------------------------------------------------------------------------------------------------------------------


def lookup(reference):
    name, _, pointer = reference.partition("#")
    node = outcome_schemas.load(name) if name else ASYNCAPI
    for step in [s.replace("~1", "/").replace("~0", "~") for s in pointer.split("/")[1:]]:
        node = node[step]
    return node


def test_asyncapi_references_resolve():
    references = [part["$ref"] for _, part in parts(ASYNCAPI) if "$ref" in part]
    assert len(references) > 50
    for reference in references:
        assert lookup(reference) is not None, reference


def test_asyncapi_has_five_topics_and_every_message():
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    channels = {channel["address"]: channel for channel in ASYNCAPI["channels"].values()}
    names = ("unit-review", "member-review", "approval", "outcome", "dead-letter")
    assert set(channels) == {f"nianshen.{name}" for name in names}
    named = {lookup(m["$ref"])["name"] for channel in channels.values() for m in channel["messages"].values()}
    assert named == {*EVENT_TYPES, *OUTCOME_TYPES, "dead-letter"}
    assert {m["name"] for m in ASYNCAPI["components"]["messages"].values()} == named


def test_asyncapi_messages_refer_to_their_own_schema():
    for message in ASYNCAPI["components"]["messages"].values():
        if message["name"] == "dead-letter":
            continue
        assert message["payload"]["schema"]["$ref"] == f"{message['name']}.json"
        assert message["headers"]["schema"]["properties"]["ce_type"]["const"] == message["name"]
        Draft202012Validator.check_schema(message["headers"]["schema"])


# ---- the table of codes ------------------------------------------------------------------------------------------------------------


def code_rows():
    with (SCHEMAS / "codes.tsv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def test_code_table_is_well_formed():
    header, *rows = code_rows()
    assert header == ["code", "kind", "zh", "en", "remedy_zh", "remedy_en"]
    names = [row[0] for row in rows]
    assert len(names) == len(set(names)), "a code stands twice"
    for row in rows:
        assert len(row) == 6 and all(cell.strip() == cell != "" for cell in row), row
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", row[0]) and len(row[0]) <= 48, row[0]
        assert set(re.findall(r"\{.*?\}", "".join(row))) <= {"{position}", "{expected}", "{field}"}, row[0]
        assert all(CHINESE.search(cell) for cell in (row[2], row[4])) and not CHINESE.search(row[3]), row[0]


def test_code_document_is_current():
    command = ["awk", "-f", "schemas/codes.awk", "schemas/codes.tsv"]
    made = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert made == (ROOT / "docs/codes.md").read_text(encoding="utf-8"), f"run: {' '.join(command)} > docs/codes.md"


def sources(*patterns):
    return {path: path.read_text(encoding="utf-8") for pattern in patterns for path in sorted(ROOT.glob(pattern))}


# Words in quotes in the SQL that look like codes and are none: names of topics, kinds of records and of rows, ID types, counters, classes, what was done.
SQL_WORDS = {
    "unit-review",
    "unit-reviews",
    "member-review",
    "dead-letter",
    "hmt-permit",
    "units-added",
    "units-changed",
    "unit-limit",
    "members-added",
    "members-changed",
    "members-unchanged",
    "campaign-purge",
    "row-error",
    "rules-changed",
    "not-in-topic",
}


def test_codes_in_sql_are_in_the_table():
    for path, text in sources("sql/**/*.sql").items():
        without_comments = re.sub(r"--.*", "", text)
        used = set(re.findall(r"'([a-z]+(?:-[a-z0-9]+)+)'", without_comments))
        assert used - SQL_WORDS <= CODES.keys(), f"{path}: {sorted(used - SQL_WORDS - CODES.keys())} (a code, or a word for SQL_WORDS?)"


# Where a text of the C sources is a code of the table: a refusal of an event, and the functions that look a code up.
C_CODES = [
    re.compile(r"\b(?:code_find|message_fault|message_of_code)\([^;\"]*\"([a-z0-9-]+)\""),
    re.compile(r"\bEX_DATAERR,\s*\"([a-z0-9-]+)\""),
]


@pytest.mark.parametrize("folder", ["core", "producer", "worker"])
def test_codes_in_c_are_in_the_table(folder):
    for path, text in sources(f"{folder}/*.c").items():
        used = {code for pattern in C_CODES for code in pattern.findall(text)}
        assert used <= CODES.keys(), f"{path}: {sorted(used - CODES.keys())}"


def test_every_code_is_used():
    everything = "\n".join(sources("core/*.[ch]", "rules/*.[ch]", "producer/*.[ch]", "worker/*.[ch]", "ops/*.[ch]", "sql/**/*.sql").values())
    literals = set(re.findall(r"[\"']([a-z0-9-]+)[\"']", everything))
    unused = CODES.keys() - literals
    assert not unused, f"in schemas/codes.tsv, but nothing reports them: {sorted(unused)}"
