"""A door that vibrates: told of, then no longer listened to, at a cost that does not grow with its movements."""

import pytest

from firmware.door import STORM_CALM_MS, STORM_PAUSES_S, is_storm, weighed
from firmware.settings import WHOLE_NUMBERS

STORM_MOVEMENTS = WHOLE_NUMBERS["storm_movements"][0]
MINUTE_MS = 60_000
DAY_MS = 86_400_000


@pytest.fixture
def vibrate(wake, fake_board):
    """Let the door move at every moment for ``for_ms``, the board waking whenever it listens; return its sleeps."""

    def run(for_ms):
        sleeps = []
        end = fake_board.clock + for_ms
        while fake_board.clock < end:
            sleep_ms, listens_for = fake_board.slept
            if listens_for is None:
                wake("timer", sleep_ms)
            else:
                wake("door", 5, position=listens_for)
            sleeps.append((sleep_ms, listens_for))
        return sleeps

    return run


def test_so_many_movements_at_once_and_one_a_minute_are_no_storm():
    busy = now = 0
    for _ in range(STORM_MOVEMENTS):
        busy = weighed(busy, now)
    assert not is_storm(busy, now, STORM_MOVEMENTS)
    assert is_storm(weighed(busy, now), now, STORM_MOVEMENTS)
    for _ in range(100):
        now += MINUTE_MS
        busy = weighed(busy, now)
        assert not is_storm(busy, now, STORM_MOVEMENTS)


def test_a_vibrating_door_is_told_once_and_then_looked_at_by_the_clock(wake, vibrate, fake_uplink):
    wake()
    sleep_ms, listens_for = vibrate(MINUTE_MS // 2)[-1]
    assert fake_uplink.kinds.count("tamper") == 1
    assert fake_uplink.kinds[-1] == "tamper"
    assert len(fake_uplink.kinds) <= STORM_MOVEMENTS + 3
    assert listens_for is None
    assert sleep_ms <= STORM_PAUSES_S[0] * 1000


def test_a_door_that_vibrates_for_a_day_costs_an_event_an_hour(wake, vibrate, fake_uplink):
    wake()
    sleeps = vibrate(DAY_MS)
    assert fake_uplink.kinds.count("open") + fake_uplink.kinds.count("close") < STORM_MOVEMENTS + 24 + 6
    assert fake_uplink.connections < STORM_MOVEMENTS + 4 * 24  # where the door stays open, that is told too
    assert len(sleeps) < STORM_MOVEMENTS + 6 * 24
    assert fake_uplink.kinds.count("tamper") == 1


def test_to_and_fro_is_not_told_during_a_storm_but_where_the_door_is_at_last(wake, vibrate, fake_board, fake_uplink):
    wake()
    vibrate(MINUTE_MS // 2)
    told = len(fake_uplink.events)
    was_open = fake_board.position
    fake_board.pass_ms(STORM_PAUSES_S[0] * 1000)
    wake("door", 1, position=was_open)
    assert len(fake_uplink.events) == told
    fake_board.pass_ms(STORM_PAUSES_S[1] * 1000)
    wake("timer", 1, position=not was_open)
    assert fake_uplink.kinds[told:] == ["close" if was_open else "open"]


def test_after_a_quiet_while_the_door_is_believed_again(wake, vibrate, fake_board, fake_uplink):
    wake()
    vibrate(MINUTE_MS // 2)
    wake("timer", STORM_PAUSES_S[0] * 1000 + STORM_CALM_MS + MINUTE_MS)
    told = len(fake_uplink.events)
    wake("door", MINUTE_MS, position=not fake_board.position)
    wake("door", MINUTE_MS, position=not fake_board.position)
    assert len(fake_uplink.events) == told + 2
    assert fake_board.slept[1] is not None
