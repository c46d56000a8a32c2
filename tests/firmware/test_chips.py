"""The same firmware on four chips, each with what it has: how it sleeps, wakes, measures and remembers."""

import subprocess

import pytest

from simulator.board.firmware_files import BOARD_OF, FIRMWARE, firmware_files
from simulator.board.virtual_board import VirtualBoard
from tests.firmware.conftest import Board

ESPRESSIF = {"esp32": "ext1", "esp32s3": "ext1", "esp32c3": "gpio"}
PICO_W = "pico_w"

SAYS_WHAT_IT_HAS = """
import machine, sys
has = [name for name in ("deepsleep", "wake_reason", "lightsleep", "mem32", "Timer") if hasattr(machine, name)]
try:
    import esp32
    has += [name for name in dir(esp32) if name.startswith("wake_on")]
except ImportError:
    has.append("no esp32")
try:
    machine.RTC().memory(b"kept")
except AttributeError:
    has.append("no memory")
print("has", sys.implementation._machine.split()[-1], *sorted(has))
machine.reset() if "no esp32" in has else machine.deepsleep(0)
"""
# MicroPython as it is, with a time server whose answer is "answer", and a network that was lost.
ASKS_FOR_THE_TIME = """
import struct, sys
class Hardware:
    _epoch_ms = 0
    def time():
        return struct.unpack("!I", answer)[0]
    class _station:
        def status(what):
            raise OSError("Wifi Not Connected")
for name in ("machine", "network", "ntptime"):
    sys.modules[name] = Hardware
from firmware.chip import Chip
for answer in (b"\\x64\\0\\0\\0", b"\\x64"):
    print(Chip.ask_ntp(Hardware, "192.0.2.123"), Hardware.host)
print(Chip.rssi(Hardware))
"""
HAS = {
    "esp32": "ESP32 deepsleep lightsleep wake_on_ext0 wake_on_ext1 wake_reason",
    "esp32s3": "ESP32S3 deepsleep lightsleep wake_on_ext0 wake_on_ext1 wake_reason",
    "esp32c3": "ESP32C3 deepsleep lightsleep wake_on_gpio wake_reason",
    "pico_w": "RP2040 Timer lightsleep mem32 no esp32 no memory",
}


@pytest.fixture
def make_chip(make_board, broker, cloud):  # noqa: ARG001 - the cloud must listen before the board speaks
    """Make a board with a chip that has told of its first boot."""

    def make(chip):
        board = make_board(broker.port, chip=chip, heartbeat_s=3600)
        sleeps(board)
        return board

    return make


def sleeps(board):
    """Wait until a wake has ended; return its last line."""
    return board.until("log", "sleep ")


@pytest.mark.parametrize("chip", ESPRESSIF)
def test_a_door_ends_the_deep_sleep_by_what_the_chip_has(make_chip, cloud, chip):
    board = make_chip(chip)
    board.until("asleep")
    board.virtual.open_door()
    assert board.until("awake").cause == ESPRESSIF[chip]
    sleeps(board)
    board.virtual.close_door()
    cloud.wait_for(lambda cloud: cloud.movements == ["open", "close"], "an opening")
    assert {event["event_id"].split("-")[1] for event in cloud.events} == {"1"}


@pytest.mark.parametrize("chip", BOARD_OF)
def test_the_battery_is_measured_to_a_hundredth_of_a_volt(make_chip, cloud, chip):
    make_chip(chip)
    assert cloud.batches[0]["batt_mv"] == pytest.approx(4000, abs=10)


def test_a_pico_w_sleeps_lightly_looks_at_its_door_and_remembers_its_numbers(make_chip, cloud):
    board = make_chip(PICO_W)
    for number in range(2):
        board.virtual.open_door()
        assert board.until("awake").cause == "soft reset"
        board.until("log", "wake by door")
        sleeps(board)
        board.virtual.close_door()
        sleeps(board)
        cloud.wait_for(lambda cloud, many=number + 1: cloud.movements == ["open", "close"] * many, "an opening")
    assert [event["event_id"].split("-")[1:] for event in cloud.events] == [["1", str(seq)] for seq in range(1, 6)]


def test_a_pico_w_that_lost_power_believes_nothing_that_it_remembered(make_chip, cloud):
    board = make_chip(PICO_W)
    board.virtual.cut_power()
    board.until("off")
    board.virtual.restore_power()
    board.until("log", "wake by cold")
    sleeps(board)
    cloud.wait_for(lambda cloud: len(cloud.events) == 2, "a second boot")
    assert [event["event_id"].split("-")[1:] for event in cloud.events] == [["1", "1"], ["2", "1"]]


def test_a_pico_w_whose_power_goes_at_any_write_loses_no_movement_and_repeats_no_number(make_chip, cloud):
    board = make_chip(PICO_W)
    was_cut, number = True, 0
    while was_cut:
        number += 1
        board.virtual.cut_power_at_write(number)
        (board.virtual.open_door if number % 2 else board.virtual.close_door)()
        was_cut = ends_cut(board)
        if was_cut:
            board.virtual.restore_power()
            sleeps(board)
    assert number > 8
    expected = ["open" if each % 2 else "close" for each in range(1, number + 1)]
    cloud.wait_for(lambda cloud: cloud.movements == expected, "every movement once")
    names = [event["event_id"] for batch in cloud.batches for event in batch["events"]]
    kinds = {(event["event_id"], event["event_type"]) for batch in cloud.batches for event in batch["events"]}
    assert len(kinds) == len(set(names))


def ends_cut(board):
    """Return whether the power went before the wake had ended."""
    while (report := board.until_one_of("off", "log")).kind == "log":
        if "sleep " in report.text:
            return False
    return True


def test_a_pico_w_that_hears_nothing_wakes_by_its_timer(make_board, broker):
    broker.stop()
    board = make_board(broker.port, chip=PICO_W, ack_wait_ms=0)
    board.until("log", "sleep 10000 ms")
    board.virtual.open_door()
    board.until("log", "wake by door")


def test_a_pico_w_whose_wake_hangs_starts_again(tmp_path, make_bundle, micropython, umqtt):
    """Its own watchdog waits 8 s at most, so a timer guards it."""
    main = tmp_path / "main.py"
    main.write_text(
        "import sys\nsys.path.insert(0, 'a')\nfrom firmware.board import Board\n"
        "board = Board()\nprint('began', board.wake_cause())\nboard.guard(300)\nwhile True: board.pause_ms(50)\n"
    )
    board = started(VirtualBoardOf(tmp_path, make_bundle(1, chip=PICO_W), micropython, umqtt, main))
    assert board.until("log", "began").text == "began cold"
    assert board.until("awake").cause == "watchdog"
    assert board.until("log", "began").text == "began restart"
    board.stop()


def test_a_time_server_that_answers_nonsense_and_a_network_that_is_lost_are_as_good_as_none(micropython):
    command = [micropython, "-c", ASKS_FOR_THE_TIME]
    told = subprocess.run(command, cwd=FIRMWARE.parent, capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["1677721600500", "192.0.2.123", "None", "192.0.2.123", "None"]


@pytest.mark.parametrize("chip", HAS)
def test_a_virtual_chip_has_what_the_real_one_has_and_nothing_else(tmp_path, make_bundle, micropython, umqtt, chip):
    main = tmp_path / "main.py"
    main.write_text(SAYS_WHAT_IT_HAS)
    board = started(VirtualBoardOf(tmp_path, make_bundle(1, chip=chip), micropython, umqtt, main))
    assert board.until("log", "has").text == f"has {HAS[chip]}"
    board.stop()


@pytest.mark.parametrize("chip", BOARD_OF)
def test_only_the_chip_s_own_board_is_on_its_flash(chip):
    files = {target: source for source, target in firmware_files(chip)}
    assert files["firmware/board.py"] == FIRMWARE / BOARD_OF[chip]
    assert "firmware/board_pico_w.py" not in files


class VirtualBoardOf(Board):
    """A board with a main.py of the test's own."""

    def __init__(self, folder, bundle, micropython, umqtt, main):
        super().__init__(folder / "flash.img", bundle, micropython, umqtt)
        self._main = main

    def start(self):
        self.virtual = VirtualBoard(*self._arguments, self._report, main=self._main)
        self.virtual.start()


def started(board):
    board.start()
    return board
