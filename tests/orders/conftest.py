"""The orders in which events may come, and the one state that must come of them. The stack is that of the system tests, the rules' reference is
tests/model; the released programs run here, for it is the number of orders that counts."""

import pytest

pytest.register_assert_rewrite("support")
pytest_plugins = ["support.fixtures"]
