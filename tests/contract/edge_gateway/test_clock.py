"""The clock knows how wrong it may be."""

import time

from edge_gateway.adapters.clock import UNSYNCHRONISED_MS, SystemClock


def test_the_time_is_that_of_the_machine() -> None:
    assert abs(SystemClock().now_ms() - time.time() * 1000) < 5000


def test_the_error_is_between_the_kernel_s_and_a_day() -> None:
    assert 0 < SystemClock().error_ms() <= UNSYNCHRONISED_MS
