"""Waiting for a condition with a deadline. No test sleeps for luck."""

import time


class DeadlinePassed(AssertionError):
    pass


def eventually(condition, what, seconds=30.0, pause=0.05):
    """Calls `condition` until it returns something true, and returns that. After `seconds` the test fails and says what it waited for."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise DeadlinePassed(f"not within {seconds:.0f} s: {what() if callable(what) else what}")
        time.sleep(pause)
