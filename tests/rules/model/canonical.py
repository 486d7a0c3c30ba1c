"""The digest of what a reviewer sees, by its documentation: sha256 over the campaign's salt and the canonical JSON (RFC 8785)."""

import hashlib
import json


def canonical(value):
    """RFC 8785 for what occurs here: objects with ASCII keys, lists, texts, integers."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest_of(salt, data, failing, listed, profile):
    """`data` is that of any chunk; `failing` holds (number, member_no, name, reason); `profile` the changes that come with it."""
    seen = {
        "unit": data["unit"], "year": data["year"], "submission": data["submission"], "mode": data["mode"], "profile": profile,
        "failed": [dict(zip(("id_number", "member_no", "name", "reason"), entry)) for entry in sorted(failing)],
        "listed": listed, "passed": listed - len(failing),
    }  # fmt: skip
    return "sha256:" + hashlib.sha256(salt + canonical(seen)).hexdigest()
