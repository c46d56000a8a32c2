"""A virtual board with a serial port, the real mpremote, and a terminal to type into."""

import os
import queue
import select
import subprocess
import sys
import time

import pytest

from simulator.board.virtual_board import VirtualBoard
from tests.waiting import PATIENCE_S
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt


class PortBoard:
    """A board without a bundle, and what it reported."""

    def __init__(self, flash, bundle=None, **options):
        self.port = flash.with_name(flash.name + ".port")
        self._reports = queue.SimpleQueue()
        parts = (flash, bundle, fetch_micropython(), fetch_umqtt())
        self.virtual = VirtualBoard(*parts, self._reports.put, has_port=True, **options)
        self.virtual.start()

    def until(self, kind, text=""):
        """Return the next report of this kind with this text in it."""
        while True:
            report = self._reports.get(timeout=PATIENCE_S)
            if report.kind == kind and text in report.text:
                return report


class Terminal:
    """Somebody at the keyboard."""

    def __init__(self, port):
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        # What was said before is over once the board repeats this.
        self.type(b"\x03'hello ' 'board'\r")
        self.until(b"'hello board'\r\n>>> ")

    def type(self, keys):
        os.write(self._fd, keys)

    def until(self, ending):
        """Return what the board says up to ``ending``."""
        said = b""
        end = time.monotonic() + PATIENCE_S
        while not said.endswith(ending):
            ready, _, _ = select.select([self._fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"expected {ending}, got {said}"
            said += os.read(self._fd, 1)
        return said

    def ask(self, keys, ending=b"\r\n>>> "):
        """Type, and return what the board says up to its next prompt."""
        self.type(keys)
        return self.until(ending)

    def close(self):
        os.close(self._fd)


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """One board for a module, whose tests leave it at its prompt."""
    board = PortBoard(tmp_path_factory.mktemp("board") / "flash.img")
    board.until("log", "help()")
    yield board
    board.virtual.stop()


@pytest.fixture
def make_board(tmp_path):
    """Make boards of a test's own, on the same flash."""
    made = []

    def make(bundle=None, **options):
        made.append(PortBoard(tmp_path / "flash.img", bundle, **options))
        return made[-1]

    yield make
    for board in made:
        board.virtual.stop()


@pytest.fixture
def terminal_of():
    made = []

    def make(board):
        made.append(Terminal(board.port))
        return made[-1]

    yield make
    for terminal in made:
        terminal.close()


@pytest.fixture
def mpremote(tmp_path):
    """Run the real mpremote on a board in a folder of the test's own, and return what it says."""

    def run(board, *arguments, status=0):
        command = [sys.executable, "-m", "mpremote", "connect", board.port.readlink(), *map(str, arguments)]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            cwd=tmp_path,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run
