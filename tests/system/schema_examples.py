"""Reads schemas/examples/: one record a file, as schemas/README.md describes the format."""

import json
from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "schemas" / "examples"
VALUE_FORMS = {"value", "value_text", "value_parts", "value_hex", "value_null"}


@dataclass
class Example:
    name: str  # "valid/review.approved"
    content: dict

    @property
    def expect(self):
        return self.content["expect"]

    @property
    def topic(self):
        return self.content["topic"]

    @property
    def headers(self):
        return self.content["headers"]

    @property
    def key(self):
        key = self.content["key"]
        return None if key is None else key.encode()

    @property
    def value(self):
        """The record's value in bytes, or None."""
        forms = VALUE_FORMS & self.content.keys()
        assert len(forms) == 1, f"{self.name}: one form of the value is wanted, found {sorted(forms)}"
        form = forms.pop()
        content = self.content[form]
        if form == "value":
            return json.dumps(content, ensure_ascii=False).encode()
        if form == "value_text":
            return content.encode()
        if form == "value_parts":
            return "".join(part if isinstance(part, str) else part["text"] * part["times"] for part in content).encode()
        return bytes.fromhex(content) if form == "value_hex" else None

    @property
    def is_structured(self):
        return self.headers.get("content-type", "").lower().startswith("application/cloudevents+json")

    def __str__(self):
        return self.name


def read(name):
    return Example(name.removesuffix(".json"), json.loads((EXAMPLES / name).read_text(encoding="utf-8")))


def read_all(folder):
    return [read(f"{folder}/{path.name}") for path in sorted((EXAMPLES / folder).glob("*.json"))]
