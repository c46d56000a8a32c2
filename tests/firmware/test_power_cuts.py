"""Power cut in the middle of every write to flash, and at any moment: nothing lost, nothing doubled, nothing stuck."""

import random
import threading

import pytest

# More writes than a wake makes: the last cuts never come, which the test notices and ends with.
MOST_WRITES = 60
RANDOM_CUTS = 30
# No first start makes more, which a test of its own makes sure of.
MOST_FIRST_WRITES = 14


def cut_at_each_write(board, swing):
    """Let ``swing`` move the door and cut the power at the first write, the second, … until a wake gets by uncut."""
    for number in range(1, MOST_WRITES):
        board.virtual.cut_power_at_write(number)
        swing(number)
        was_cut = board.until_one_of("off", "asleep").kind == "off"
        if was_cut:
            board.virtual.restore_power()
            board.asleep()
        else:
            return number
    raise AssertionError(f"expected fewer than {MOST_WRITES} writes in a wake")


def alternate(board):
    return lambda number: board.virtual.open_door() if number % 2 else board.virtual.close_door()


def test_every_movement_arrives_once_wherever_the_power_is_cut(board, cloud):
    swings = cut_at_each_write(board, alternate(board))
    assert swings > 4
    assert cloud.movements == ["open" if number % 2 else "close" for number in range(1, swings + 1)]


def test_events_that_waited_on_flash_survive_cuts_in_the_wake_that_adds_to_them(board, broker, cloud):
    broker.stop()
    swings = cut_at_each_write(board, alternate(board))
    broker.start()
    cloud.is_back()
    (board.virtual.open_door if swings % 2 == 0 else board.virtual.close_door)()
    assert board.asleep()[1] == 0
    assert cloud.movements == ["open" if number % 2 else "close" for number in range(1, swings + 2)]


def test_every_movement_arrives_once_and_in_order_with_cuts_at_any_moment(board, cloud):
    chance = random.Random(20261121)  # noqa: S311 - moments, not secrets
    for number in range(1, RANDOM_CUTS + 1):
        alternate(board)(number)
        # Between the first instruction and the sleep, which comes after some 60 ms.
        threading.Event().wait(chance.uniform(0, 0.07))
        board.virtual.cut_power()
        while board.until_one_of("off", "asleep").kind != "off":
            pass
        board.virtual.restore_power()
        board.asleep()
    assert cloud.movements == ["open" if number % 2 else "close" for number in range(1, RANDOM_CUTS + 1)]


@pytest.mark.parametrize("at_write", range(1, MOST_FIRST_WRITES + 1))
def test_a_cut_in_the_very_first_start_leaves_a_board_that_starts(at_write, make_sleeper, cloud):
    board = make_sleeper()
    board.virtual.cut_power_at_write(at_write)
    board.virtual.restore_power()
    if board.until_one_of("off", "asleep").kind == "off":
        board.virtual.restore_power()
        board.asleep()
    ids = [event["event_id"] for event in cloud.events]
    assert len(ids) == len(set(ids))
    assert cloud.events[-1]["event_type"] == "boot"


def test_no_first_start_makes_more_writes_than_are_cut(make_sleeper, cloud):  # noqa: ARG001 - it listens
    board = make_sleeper()
    board.virtual.cut_power_at_write(MOST_FIRST_WRITES + 1)
    board.virtual.restore_power()
    assert board.until_one_of("off", "asleep").kind == "asleep"
