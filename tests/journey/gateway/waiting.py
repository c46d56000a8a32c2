"""Wait for what other processes do."""

import threading
from collections.abc import Callable

import pytest

PATIENCE_S = 20


def wait_until(found: Callable[[], object], what: str) -> None:
    """Wait for something that another process changes and that cannot be awaited."""
    pause = threading.Event()
    for _ in range(PATIENCE_S * 50):
        if found():
            return
        pause.wait(0.02)
    pytest.fail(f"expected that {what}, waited {PATIENCE_S} s")
