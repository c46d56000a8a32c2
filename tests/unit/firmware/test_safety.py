"""Bad boots are counted whether power stays or goes, and an orderly sleep ends the count."""

import pytest

from firmware import safety
from firmware.identity import pack, unpack


class Memory:
    """RTC memory."""

    def __init__(self, state):
        self.block = b"" if state is None else pack(state)

    def remember(self, block):
        self.block = block

    def begin(self):
        return safety.begin(self.block, self.remember)


@pytest.fixture
def state_folder(flash):
    (flash / "state").mkdir()
    return flash / "state"


def test_starts_with_power_are_counted_in_rtc_memory(state_folder):
    memory = Memory({"boot": 1})
    assert [memory.begin() for _ in range(3)] == [1, 2, 3]
    assert list(state_folder.iterdir()) == []
    state = unpack(memory.block)
    safety.passed(state)
    assert state == {"boot": 1}


def test_starts_from_nothing_are_counted_on_flash_and_forgotten_by_an_orderly_sleep(state_folder):
    assert [Memory(None).begin() for _ in range(3)] == [1, 2, 3]
    safety.passed({})
    assert list(state_folder.iterdir()) == []
    assert Memory(None).begin() == 1


def test_a_damaged_count_begins_anew(state_folder):
    (state_folder / "bad").write_bytes(b"rubbish")
    assert Memory(None).begin() == 1


def test_a_first_start_has_no_folder_to_count_in(flash):
    assert not (flash / "state").exists()
    assert Memory(None).begin() == 1


def test_every_other_start_after_too_many_bad_ones_is_slept_away():
    assert [bad for bad in range(1, 13) if safety.is_safe_mode(bad)] == [6, 8, 10, 12]


def test_a_wake_that_ends_in_sleep_leaves_nothing_counted(wake, fake_board, state_folder):
    safety.begin(b"", fake_board.remember)
    wake()
    assert not (state_folder / "bad").exists()
    safety.begin(fake_board.rtc_memory, fake_board.remember)
    wake(position=True)
    assert "bad" not in unpack(fake_board.rtc_memory)
