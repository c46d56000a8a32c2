"""Clock: the time of day and how wrong it may be."""

from typing import Protocol


class Clock(Protocol):
    """A Raspberry Pi has no battery-backed clock, so its error is asked for, not assumed."""

    def now_ms(self) -> int:
        """Return the time in Unix milliseconds."""
        ...

    def error_ms(self) -> int:
        """Return how many milliseconds ``now_ms`` may be wrong."""
        ...
