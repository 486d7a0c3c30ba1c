"""Least privilege: each role can do its own work and nothing else."""

import psycopg
import pytest

from conftest import YEAR
from support.edition import IS_NEXT, table


def denied(main, user, query):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        main.sql(query, user=user)


OF_ENGINE = ["submission", "chunk", "decision", "outbox", "ledger_range", "ledger_exception", "shard", "archive", "roster_block", "removal_due"]
OF_FIRST = ["entry", "submission", "outbox", "outbox_position", "ledger", "kafka_partition"]
TABLES = [f"nianshen.{name}" for name in ("member", "membership", "removed_member", "unit_profile", "audit_log")] + [
    table(name) for name in (OF_ENGINE if IS_NEXT else OF_FIRST)]


@pytest.mark.parametrize("relation", TABLES)
def test_worker_reads_no_table(main, relation):
    """The worker calls the functions of the data path; it can't look at people, tables or the roster."""
    denied(main, "nianshen_worker", f"SELECT * FROM {relation} LIMIT 1")


@pytest.mark.parametrize("call", [
    f"nianshen.campaign_close({YEAR})",
    f"nianshen.campaign_purge_end({YEAR})",
    "nianshen.campaign_purge_units('', 1, 1)",
    "nianshen.reviewer_add('w', 'S01', 'w')",
    "nianshen.roster_load_start()",
])
def test_worker_changes_no_reference_data(main, call):
    """Nor can it change what its records are judged against."""
    denied(main, "nianshen_worker", f"SELECT {call}")


@pytest.mark.parametrize("relation", TABLES)
def test_reviewer_reads_only_the_reviews(main, relation):
    """A reviewer sees the two views with masked numbers, no roster and no archive."""
    assert main.sql("SELECT count(*) FROM nianshen.review_status", user="nianshen_reviewer")
    assert main.sql("SELECT count(*) FROM nianshen.review_detail", user="nianshen_reviewer")
    denied(main, "nianshen_reviewer", f"SELECT * FROM {relation} LIMIT 1")


@pytest.mark.parametrize("user", ["nianshen_reviewer", "nianshen_ops"])
def test_only_the_worker_applies(main, user):
    """Nobody else moves offsets or takes a partition."""
    if IS_NEXT:
        denied(main, user, "SELECT * FROM nianshen_engine.claim(ARRAY[0], 'me')")
        denied(main, user, "SELECT nianshen_engine.outbox_delete('{0}', '{1}')")
        return
    denied(main, user, "SELECT * FROM nianshen.claim(ARRAY['approval'], ARRAY[0], 'me')")
    denied(main, user, "SELECT nianshen.outbox_done('{approval}', '{0}', '{1}')")


@pytest.mark.parametrize("user", ["nianshen_worker", "nianshen_reviewer", "nianshen_ops"])
def test_nobody_writes_past_the_functions(main, user):
    """Tables are the owner's: no role deletes a member or an offset by hand, or makes objects in the schema."""
    denied(main, user, "DELETE FROM nianshen.membership")
    denied(main, user, f"UPDATE {table('ledger_range' if IS_NEXT else 'kafka_partition')} SET next_offset = 0")
    denied(main, user, "CREATE TABLE nianshen.mine (x int)")
