"""The fixtures that every suite needs which runs the programs: a plugin, named by the suite's conftest.py."""

import shutil

import pytest

from support import leaks
from support.stack import Stack


@pytest.fixture(scope="session")
def stack(request):
    """One broker and one cluster for the whole session."""
    made = Stack()
    try:
        yield made.start()
    finally:
        made.stop()
        if request.session.testsfailed == 0:  # After a failure the logs stay, to be read.
            shutil.rmtree(made.folder)


@pytest.fixture(autouse=True)
def sanitizers_are_quiet(request):
    """A sanitizer's report in the log of a worker fails the test that was running."""
    yield
    if "stack" in request.fixturenames:
        for path in request.getfixturevalue("stack").logs():
            leaks.check_no_sanitizer_report(path.read_text(), str(path))
