"""``pillarbox flash`` and ``pillarbox device`` on a virtual board, over its serial port."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import serial
from typer.testing import CliRunner

from tests.firmware.conftest import THING
from tools.boards.about import about
from tools.boards.chips import libraries
from tools.boards.connection import BoardError, FlashFullError, check_interpreter, connected
from tools.boards.flashing import Plan, check_bundle, flash, plan_of
from tools.cli import app as program

SECRET = "the Wi-Fi's password"  # noqa: S105 - it must not be printed
CLOSED_PORT = 9


@pytest.fixture
def bundle(make_bundle):
    """A board's bundle whose board listens to the keyboard for a minute after power-on."""
    return make_bundle(CLOSED_PORT, maintenance_ms=60000, wifi={"ssid": "home", "password": SECRET})


@pytest.fixture
def reach():
    """Yield connections to boards, which are woken by taking their power away."""

    def wake(board):
        board.virtual.cut_power()
        board.virtual.restore_power()

    return lambda board: connected(str(board.port.readlink()), 30, lambda _: wake(board))


def pillarbox(*arguments, status=0):
    done = CliRunner().invoke(program, list(map(str, arguments)))
    assert done.exit_code == status, done.output
    assert SECRET not in done.output
    return done.stdout + done.stderr


def nothing(*_):
    pass


def test_an_empty_board_is_flashed_verified_set_and_started(make_board, bundle, reach):
    board = make_board()
    told = pillarbox("flash", board.port.readlink(), "--bundle", bundle)
    assert told.startswith(f"{THING}: sent ")
    assert "Its broker is at 127.0.0.1, where only a virtual board finds one" in told
    board.until("log", "wake by")
    board.until("asleep")
    with reach(board) as connection:
        again = flash(connection, bundle, nothing)
        assert (again.sent, again.sent_bytes) == (0, 0)
        connection.run("open('b/firmware/door.mpy', 'w').write('not it')\nopen('a/firmware/old.py', 'w')")
        (bundle / "device.json").write_text((bundle / "device.json").read_text().replace('"port": 9', '"port": 10'))
        assert flash(connection, bundle, nothing).sent == 3
        assert connection.ask("__import__('os').listdir('a/firmware').count('old.py')") == 0
        connection.set_clock(time.time())
        assert abs(about(connection).clock_off_s) < 60
    told = json.loads(pillarbox("device", "info", board.port.readlink(), "--json"))
    assert (told["thing"], told["broker"], told["slot"], told["boot"]) == (THING, "127.0.0.1:10", "a", 1)
    assert (told["waiting"], told["lost"]) == (1, 0)


@pytest.mark.parametrize("chip", ["esp32s3", "esp32c3", "pico_w"])
def test_every_chip_gets_its_own_board_and_what_its_micropython_lacks(make_board, make_bundle, chip):
    bundle = make_bundle(CLOSED_PORT, chip=chip)
    board = make_board(chip=chip)
    pillarbox("flash", board.port.readlink(), "--bundle", bundle)
    board.until("log", "wake by")
    board.until("log", "sleep ")


def test_a_bundle_for_another_chip_is_refused_before_anything_is_written(make_board, make_bundle, reach):
    board = make_board(chip="pico_w")
    with reach(board) as connection:
        with pytest.raises(BoardError, match=r"expected a board for the esp32 of this bundle, got .* RP2040"):
            flash(connection, make_bundle(CLOSED_PORT), nothing)
        assert connection.ask("__import__('os').listdir()") == []


def test_only_a_pico_w_needs_umqtt_on_its_flash(make_bundle, tmp_path):
    bundle = make_bundle(CLOSED_PORT, chip="pico_w")
    assert [target for _, target in libraries(bundle, tmp_path)] == ["lib/umqtt/simple.mpy"]
    (bundle / "device.json").write_text("{}")
    assert list(libraries(bundle, tmp_path)) == []


def test_another_identity_is_refused_until_it_may_be_erased(make_board, bundle, reach):
    board = make_board()
    with reach(board) as connection:
        connection.run("import os\nos.mkdir('config')\nos.mkdir('state')")
        connection.run("f = open('config/device.json', 'w')\nf.write('{\"thing\": \"other\"}')\nf.close()")
        connection.run("f = open('state/journal', 'w')\nf.write('secret of the other')\nf.close()")
        with pytest.raises(BoardError, match="got other; --erase"):
            flash(connection, bundle, nothing)
        flash(connection, bundle, nothing, erase=True)
        assert connection.ask("os.listdir('state')") == []


def test_a_flash_that_is_too_small_is_full(make_board, bundle, reach):
    board = make_board(flash_bytes=160 * 1024)
    with reach(board) as connection, pytest.raises(FlashFullError, match="remove other files"):
        flash(connection, bundle, nothing)
    with reach(board) as connection:
        assert "main.py" not in connection.ask("__import__('os').listdir()")


def test_a_board_that_is_unplugged_is_an_error_that_says_so(make_board, bundle, reach):
    board = make_board()

    def unplug(*_):
        board.virtual.stop()

    with pytest.raises(BoardError, match="lost the board"), reach(board) as connection:
        flash(connection, bundle, unplug)


def test_a_board_without_firmware_tells_of_its_interpreter(board):
    told = pillarbox("device", "info", board.port.readlink())
    assert "micropython" in told
    assert "thing" not in told


def test_the_log_is_printed_as_it_comes(make_board, bundle):
    board = make_board(bundle)
    with ThreadPoolExecutor() as pool:
        printed = pool.submit(pillarbox, "device", "logs", board.port.readlink(), "--seconds", "1")
        while not printed.done():
            board.until("log", "maintenance")
            board.virtual.cut_power()
            board.virtual.restore_power()
        assert "maintenance: 60000 ms" in printed.result()


def test_a_board_that_stays_silent_is_waited_for_with_instructions(make_board, bundle):
    board = make_board()
    board.virtual.cut_power()
    board.until("off")
    told = pillarbox("flash", board.port.readlink(), "--bundle", bundle, "--wait", "1", status=1)
    assert "reset button" in told
    assert "within 1 s, got silence" in told


def test_a_port_that_is_not_there_or_busy_is_an_error_that_says_so(board, bundle, tmp_path):
    assert "no such port" in pillarbox("flash", tmp_path / "nothing", "--bundle", bundle, status=1)
    for other in ("/dev/null", bundle, bundle / "device.json"):
        assert f"expected a serial port, {other} is none" in pillarbox("flash", other, "--bundle", bundle, status=1)
    with serial.Serial(str(board.port.readlink()), exclusive=True):
        for command in (("device", "info"), ("device", "logs"), ("flash", "--bundle", bundle)):
            told = pillarbox(*command, board.port.readlink(), status=1)
            assert "it is busy: close mpremote or the serial monitor" in told


def test_a_board_with_an_older_micropython_is_told_what_it_needs_and_keeps_its_files(make_board, bundle, mpremote):
    board = make_board()
    board.until("log", "help()")
    mpremote(board, "exec", "open('boot.py', 'w').write('import sys; sys.implementation.version = (1, 24, 1)')")
    for command in (("device", "info"), ("flash", "--bundle", bundle)):
        told = pillarbox(*command, board.port.readlink(), status=1)
        assert "expected MicroPython 1.25 or newer (.mpy version 6)" in told
        assert "got micropython 1.24.1" in told
        assert "https://micropython.org/download" in told
    assert "config" not in mpremote(board, "fs", "ls")


def test_a_bundle_of_no_board_is_refused(bundle, authority):
    (bundle / "ca.der").unlink()
    with pytest.raises(BoardError, match=r"found no ca\.der"):
        check_bundle(bundle)
    (bundle / "ca.der").write_bytes(b"")
    (bundle / "key.der").write_bytes((authority.issue("another") / "key.der").read_bytes())
    with pytest.raises(BoardError, match="expected certificate and key"):
        check_bundle(bundle)
    (bundle / "device.json").write_text('{"kind": "gateway"}')
    with pytest.raises(BoardError, match="got that of a gateway"):
        check_bundle(bundle)
    (bundle / "cert.der").write_bytes(b"half")
    with pytest.raises(BoardError, match="damaged"):
        check_bundle(bundle)


class Interpreter:
    """A board that only tells what runs on it."""

    def __init__(self, *answer):
        self._answer = answer

    def run(self, _):
        return ""

    def ask(self, _):
        return self._answer


@pytest.mark.parametrize(
    "answer", [("micropython", (1, 24, 1), 6), ("circuitpython", (9, 0, 0), 6), ("micropython", (2, 0, 0), 7)]
)
def test_an_interpreter_that_cannot_run_the_firmware_is_refused(answer):
    check_interpreter(Interpreter("micropython", (1, 25, 0), 6), "port")
    with pytest.raises(BoardError, match=r"expected MicroPython 1\.25 or newer"):
        check_interpreter(Interpreter(*answer), "port")


def test_main_is_away_while_the_firmware_changes():
    wanted = {"slot": "1", "main.py": "2", "a/firmware/x.mpy": "3", "config/key.der": "4"}
    assert plan_of(wanted, wanted) == Plan((), ())
    assert plan_of(wanted, {}) == Plan(("slot", "a/firmware/x.mpy", "config/key.der", "main.py"), ())
    changed = wanted | {"a/firmware/x.mpy": "0", "trial": "5", "config/mine": "6"}
    assert plan_of(wanted, changed) == Plan(("a/firmware/x.mpy", "main.py"), ("main.py", "trial"))
