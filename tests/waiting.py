"""Waiting for something that another process or thread does."""

import time

# A noisy machine with two cores may be slow; a test that passes never waits this long.
PATIENCE_S = 60.0


def until(condition, what, patience_s=PATIENCE_S):
    """Return the first true value of ``condition()``; fails with ``what`` was expected when it does not come."""
    deadline = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"expected {what() if callable(what) else what} within {patience_s:.0f} s"
        time.sleep(0.02)
