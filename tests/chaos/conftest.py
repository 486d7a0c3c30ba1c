"""Faults: what is killed, stopped, cut off or lost while the system works, and what must be true afterwards. The stack is that of the system tests; the
released programs run here, for it is the number of faults that counts."""

import pytest

pytest.register_assert_rewrite("support", "rebuild")
pytest_plugins = ["support.fixtures"]

from chance import KILLS, SEED


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        report.sections.append(("drawn from", f"NIANSHEN_FAULT_SEED={SEED} NIANSHEN_FAULT_KILLS={KILLS} make faults"))
