"""Runs last: what all the other tests left behind in the stack."""

import outcome_schemas
from support import codes, leaks
from support.books import check_ledger


def test_the_shared_world_adds_up(main):
    """After everything that was done to it the ledger of the main world has one row an offset, and each outcome one id."""
    check_ledger(main)
    main.outcomes.drain()
    ids = {}
    for outcome in main.outcomes.records:
        assert ids.setdefault(outcome.id, outcome.data) == outcome.data
    assert ids


def test_every_code_was_produced(main, whole_session):
    """No code of schemas/codes.tsv is without a test in which the programs really produced it."""
    main.outcomes.drain()
    main.dead_letters.drain()
    missing = set(codes.never_produced(outcome_schemas.CODES)) - codes.OF_THE_SECOND_EDITION
    assert not missing, f"no test produced: {' '.join(sorted(missing))}"


def test_no_log_names_a_person(main, stack):
    """No worker, broker or database log of the session holds a full ID number or mobile."""
    logs = stack.logs() + [stack.folder / "kafka" / "log", stack.folder / "postgres" / "log"]
    assert len(logs) > 2
    for path in logs:
        leaks.check_no_personal_data(path.read_text(errors="replace"), str(path))


def test_the_main_worker_lived_through_it_all(main):
    """One worker process served the main world from the first test to this one, outages included, and stops cleanly."""
    worker = main.workers[0]
    assert worker.is_running, worker.log[-3000:]
    assert worker.stop() == 0
