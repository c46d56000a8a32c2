"""What surrounds a wake on the virtual board: the window for maintenance, and safe mode after many bad starts."""

import json

import pytest

from firmware.safety import MOST_BAD, SAFE_SLEEP_MS

CRASH_SLEEP_MS = 600_000


@pytest.fixture
def folder_board(make_board, broker, cloud):  # noqa: ARG001 - the cloud must listen first
    """Make a board whose flash is a folder, asleep after its first start."""

    def make(**configuration):
        board = make_board(broker.port, None, **configuration)
        board.asleep()
        return board

    return make


def test_a_board_given_power_waits_for_a_hand_at_the_keyboard_and_one_that_slept_does_not(folder_board):
    board = folder_board(maintenance_ms=1)
    assert sum("maintenance" in line for line in board.log) == 1
    board.virtual.open_door()
    board.asleep()
    assert sum("maintenance" in line for line in board.log) == 1


def test_after_many_bad_starts_every_other_one_is_slept_away_until_a_good_one(folder_board, tmp_path, cloud):
    board = folder_board()
    device = tmp_path / "flash.img.files" / "config" / "device.json"
    good = device.read_text()
    device.write_text(json.dumps({"ack_wait_ms": 1}))
    sleeps = []
    for _ in range(MOST_BAD + 3):
        board.virtual.cut_power()
        board.until("off")
        board.virtual.restore_power()
        sleeps.append(board.until("asleep").sleep_ms)
    assert sleeps == [CRASH_SLEEP_MS] * MOST_BAD + [SAFE_SLEEP_MS, CRASH_SLEEP_MS, SAFE_SLEEP_MS]
    assert any("safe mode: 8 bad starts in a row" in line for line in board.log)
    device.write_text(good)
    board.virtual.cut_power()
    board.until("off")
    board.virtual.restore_power()
    board.asleep()
    assert not (tmp_path / "flash.img.files" / "state" / "bad").exists()
    assert cloud.events[-1]["event_type"] == "boot"
