"""How long to wait before trying again."""

import pytest

from edge_gateway.backoff import backoff_s


@pytest.mark.parametrize(("tries", "least", "most"), [(0, 0.5, 1), (1, 1, 2), (3, 4, 8), (8, 128, 256)])
def test_every_failure_doubles_the_wait(tries, least, most) -> None:
    assert backoff_s(tries, 0.0) == least
    assert least < backoff_s(tries, 0.999) < most


def test_the_wait_is_never_longer_than_the_longest() -> None:
    assert backoff_s(10_000, 0.999) < 300
    assert backoff_s(10_000, 0.0, longest_s=60) == 30


def test_chance_keeps_devices_apart_that_failed_together() -> None:
    assert len({backoff_s(4, chance / 10) for chance in range(10)}) == 10
