"""A time is shown with how wrong it may be, in words that people use."""

import pytest

from cloud.notifications.wording import bound
from firmware.wire.messages import MAX_AGE


@pytest.mark.parametrize(
    ("err_ms", "words"),
    [
        (0, ""),
        (29_000, ""),
        (60_000, ", ±1 min"),
        (3 * 60_000, ", ±3 min"),
        (119 * 60_000, ", ±119 min"),
        (150 * 60_000, ", ±2 h"),
        (48 * 3_600_000, ", ±48 h"),
        (MAX_AGE, ", or earlier: the board did not know the time"),
    ],
)
def test_a_bound_is_told_in_minutes_or_hours(err_ms, words):
    assert bound(err_ms) == words
