"""The digest, computed from what schemas/README.md says and from nothing else."""

import hashlib
import json

from conftest import YEAR
from support import events
from support.edition import IS_NEXT


def documented_digest(salt, seen):
    """RFC 8785 for what occurs in it: ASCII keys, texts without control characters, integers."""
    return "sha256:" + hashlib.sha256(salt + json.dumps(seen, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def entry(unit, number, reason):
    """A failing entry; in the second edition with the number and the name of the member, as the roster has them."""
    [member] = [m for m in unit.members if m.id_number == number]
    return {"id_number": number, "reason": reason, **({"member_no": member.member_no, "name": member.name} if IS_NEXT else {})}


def test_digest_is_as_documented(main, take):
    """
    Who may read the salt computes the digest of a submission: texts that JSON escapes or need not, numbers that were normalised, a profile
    with unknown and unnormalised fields; and of an empty one.
    """
    salt = bytes(main.sql("SELECT salt FROM nianshen.campaign_term WHERE year = %s", [YEAR])[0][0])
    assert len(salt) == 32
    unit, plain = take(), take()
    review = events.unit_review(unit.code, YEAR, {"name": '新 "名" \\ /\u2028 𠮷', "contact_mobile": "+86 181-6350-8457",
                                                  "credit_code": "８1320400509163849a", "address": "", "fax": "7"})
    failing = {m.id_number: reason for m, reason in zip(unit.members, ("left", "deceased"))}
    submission = 's "\\/\u2028𠮷'
    chunk = events.submission(unit.code, YEAR, review.id, {f" {n}\u3000": r for n, r in failing.items()}, submission_id=submission)[0]
    main.client().send(review, chunk)
    pending = main.outcomes.wait(unit.code, "member-review.pending")
    assert pending.data["digest"] == documented_digest(salt, {
        "failed": [entry(unit, n, r) for n, r in sorted(failing.items())], "listed": 6, "passed": 4, "mode": "import",
        "submission": submission, "unit": unit.code, "year": YEAR,
        "profile": {"name": '新 "名" \\ /\u2028 𠮷', "contact_mobile": "18163508457", "credit_code": "81320400509163849A", "address": ""}})

    review = events.unit_review(plain.code, YEAR)
    main.client().send(review, *events.submission(plain.code, YEAR, review.id, {}, [m.id_number for m in plain.members], submission_id="e"))
    pending = main.outcomes.wait(plain.code, "member-review.pending")
    assert pending.data["digest"] == documented_digest(salt, {
        "failed": [], "listed": 6, "passed": 6, "mode": "list", "submission": "e", "unit": plain.code, "year": YEAR, "profile": {}})
