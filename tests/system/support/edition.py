"""
Until the switch two editions of worker and operators' programs are tested side by side: NIANSHEN_EDITION=next says that NIANSHEN_BIN holds the
second one. Its tables stand in a schema of their own, and the views that will take the place of those in `nianshen` in another.
"""

import os
import re

import pytest

IS_NEXT = os.environ.get("NIANSHEN_EDITION") == "next"
# Where the tables of the data path and of the reviews are.
SCHEMA = "nianshen_engine" if IS_NEXT else "nianshen"
# What the second edition has anew; all else is shared.
VIEWS = re.compile(
    r"\bnianshen\.(unit|member|removed_member|campaign|reviewer|review_\w+|dead_letter_history|dead_letter|held|outbox_waiting|partition_status"
    r"|partition_resumption|redrive_done|campaign_purge_\w+)(?![\w.-])"
)


def query(text):
    """The same question to the edition under test."""
    return VIEWS.sub(r"nianshen_next.\1", text) if IS_NEXT else text


def table(name):
    """A table of the data path or of the reviews, for what is asked of both editions alike and for tests that put a fault there."""
    return f"{SCHEMA}.{name}"


first_only = pytest.mark.skipif(IS_NEXT, reason="of the first edition only")
next_only = pytest.mark.skipif(not IS_NEXT, reason="[new] in the second edition")


def open_bug(what):
    """A bug of the second edition that is known: the test is expected to fail there until it is mended."""
    return pytest.mark.xfail(IS_NEXT, reason=what, strict=True)


# Each consumed record with its fate, to be asked as a table: topic, partition, record_offset, unit, kind, code.
LEDGER = """(
    SELECT nianshen_next.topic_name(a.topic) AS topic, a.shard AS partition, a.record_offset, a.unit, 'applied' AS kind, NULL AS code
    FROM nianshen_engine.applied_record a WHERE a.record_offset IS NOT NULL -- superseded: other records have their places
    UNION ALL
    SELECT nianshen_next.topic_name(e.topic), e.shard, e.record_offset, e.unit, e.kind, e.code FROM nianshen_engine.ledger_exception e
)""" if IS_NEXT else "(SELECT topic, partition, record_offset, unit, kind, code FROM nianshen.ledger)"
# How many records were consumed: asked again and again.
RECORDS_TAKEN = "SELECT coalesce(sum(records), 0)::int FROM nianshen_engine.ledger_range" if IS_NEXT else "SELECT count(*) FROM nianshen.ledger"
# Of a unit review: that it changes something.
HAS_PROFILE = "num_nonnulls(name, credit_code, address, contact_name, contact_mobile) > 0" if IS_NEXT else "profile <> '{}'"


def claim_of(places, owner):
    """The statement, with its parameters, by which a worker of that name becomes the owner of these (topic, partition)."""
    if IS_NEXT:
        return "SELECT * FROM nianshen_engine.claim(%s::int4[], %s)", [sorted({partition for _, partition in places}), owner]
    return "SELECT * FROM nianshen.claim(%s::text[], %s::int4[], %s)", [[topic for topic, _ in places], [partition for _, partition in places], owner]
