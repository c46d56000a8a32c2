"""From an empty flash to an event in the database, by the tools that a person has: once ours, once mpremote alone."""

import subprocess
import sys
import threading

import pytest
from typer.testing import CliRunner

from simulator.board.flash_image import compiled_files
from simulator.board.virtual_board import VirtualBoard
from tests.waiting import PATIENCE_S, until
from tools.cli import app as program
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt


@pytest.fixture
def bundle(server):
    return server.make_device("board")


@pytest.fixture
def empty_board(tmp_path):
    """A board as it comes from its maker: MicroPython, and not one file."""
    at_prompt = threading.Event()

    def hear(report):
        if "help()" in report.text:
            at_prompt.set()

    board = VirtualBoard(tmp_path / "flash", None, fetch_micropython(), fetch_umqtt(), hear, has_port=True)
    board.start()
    assert at_prompt.wait(PATIENCE_S)
    yield board, (tmp_path / "flash.port").readlink()
    board.stop()


def reports(server, bundle):
    query = "SELECT event_type FROM mailbox_events JOIN devices ON devices.id = device_id WHERE thing = ? ORDER BY seq"
    return [event_type for (event_type,) in server.rows(query, bundle.name)]


def opened(server, bundle, board):
    """Return what the database has of the board once its door was opened."""
    until(lambda: reports(server, bundle) == ["boot"], "the board's first report")
    board.open_door()
    until(lambda: reports(server, bundle) == ["boot", "open"], "the door's opening in the database")


def test_a_board_from_its_maker_is_flashed_and_reports_its_door(server, bundle, empty_board):
    board, port = empty_board
    done = CliRunner().invoke(program, ["flash", str(port), "--bundle", str(bundle)])
    assert done.exit_code == 0, done.output
    opened(server, bundle, board)


def test_mpremote_alone_can_do_the_same(server, bundle, empty_board, tmp_path):
    board, port = empty_board
    desk = tmp_path / "desk"
    for source, target in compiled_files(tmp_path, bundle):
        file = desk / target
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.read_bytes())
    steps = ["fs", "cp", "-r", f"{desk}/.", ":", "+", "rtc", "--set", "+", "reset"]
    subprocess.run(
        [sys.executable, "-m", "mpremote", "connect", port, *steps],
        check=True,
        timeout=PATIENCE_S,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    opened(server, bundle, board)
