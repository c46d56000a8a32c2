"""Updates over the air, whole: released by the command, offered by the running server, taken by a real board.

Over a line that fails, and where the power does, the board goes on where it was.
"""

import itertools
import socket
import threading
from urllib.parse import urlsplit

import pytest

from firmware.download import PIECE_BYTES
from simulator.board.virtual_board import VirtualBoard
from tests.waiting import PATIENCE_S, until
from tools.commands.provision import add_update_key
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt

VERSION = "9.0.0"
# Two whole pieces and a part of the third.
FAILS_AFTER = 20_000
MOST_WAKES = 8


class Line:
    """The way to a server that, of the first answer, lets so many bytes through and then ends or falls silent."""

    def __init__(self, url, *, is_silent):
        self._server = (urlsplit(url).hostname, urlsplit(url).port)
        self._is_silent = is_silent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.has_failed = threading.Event()
        self.starts = []
        """From which byte on the board asked."""
        self.statuses = []
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                board, _ = self._listener.accept()
            except OSError:  # closed
                return
            with board, socket.create_connection(self._server, timeout=PATIENCE_S) as server:
                self._pass_on(board, server)

    def _pass_on(self, board, server):
        board.settimeout(PATIENCE_S)
        request = read_until(board, b"\r\n\r\n")
        self.starts.append(int(request.partition(b"Range: bytes=")[2].partition(b"-")[0]))
        server.sendall(request)
        answer = read_until(server, None)
        self.statuses.append(int(answer.split(b" ", 2)[1]))
        if self.has_failed.is_set():
            board.sendall(answer)
            return
        board.sendall(answer[:FAILS_AFTER])
        self.has_failed.set()
        if self._is_silent:
            read_until(board, None)  # until the board is gone


def read_until(stream, ending):
    """Return what comes up to ``ending``, without one up to the end."""
    said = b""
    while ending is None or ending not in said:
        try:
            part = stream.recv(65536)
        except ConnectionError:
            break
        if not part:
            break
        said += part
    return said


@pytest.fixture
def make_line(server):
    made = []

    def make(*, is_silent):
        made.append(Line(server.url, is_silent=is_silent))
        return made[-1]

    yield make
    for line in made:
        line.close()


@pytest.fixture
def sleeps():
    """What the board reported each time that it fell asleep."""
    return []


@pytest.fixture
def board(server, tmp_path, sleeps):
    """A board that has not had power yet; yields its name and what to hold it by."""

    def note(report):
        if report.kind == "asleep":
            sleeps.append(report)

    bundle = server.make_device("board")
    add_update_key(bundle, server.data)
    board = VirtualBoard(tmp_path / "flash", bundle, fetch_micropython(), fetch_umqtt(), note)
    yield bundle.name, board
    board.stop()


@pytest.fixture
def offer(admin, board):
    """Offer the release to the board, to be fetched over this line."""

    def release(line):
        admin("device", "chip", board[0], "esp32")
        admin("update", "release", "--version", VERSION, "--url", line.url, "--device", board[0])

    return release


def firmware(server, thing):
    return server.rows("SELECT firmware FROM devices WHERE thing = ?", thing)[0][0]


def ends_well(server, board, sleeps):
    """Move the door until a report of the new firmware is there, and once more; returns how often it was moved."""
    thing, virtual = board
    moves = itertools.cycle((virtual.open_door, virtual.close_door))
    moved = 0
    while firmware(server, thing) != VERSION:
        moved += 1
        assert moved <= MOST_WAKES
        move(next(moves), sleeps)
        # What is installed is tried at once: the sleep before is the shortest that there is.
        until(lambda: sleeps[-1].sleep_ms > 1000, "the board to come to rest")
    move(next(moves), sleeps)
    assert firmware(server, thing) == VERSION
    return moved + 1


def move(door, sleeps):
    before = len(sleeps)
    door()
    until(lambda: len(sleeps) > before, "the board to sleep again")


def events(server, thing):
    query = "SELECT event_type FROM mailbox_events JOIN devices ON devices.id = device_id WHERE thing = ? "
    return [kind for (kind,) in server.rows(query + "AND event_type IN ('open', 'close') ORDER BY boot, seq", thing)]


def wait_for_movements(server, thing, moved):
    """Wait until the database has every movement once: the board may sleep before the server has stored the last."""
    until(lambda: len(events(server, thing)) >= moved, lambda: f"{moved} movements, got {events(server, thing)}")
    assert events(server, thing) == (["open", "close"] * moved)[:moved]


def test_a_board_fetches_what_was_released_and_reports_by_its_new_firmware(server, admin, board):
    thing, virtual = board
    admin("device", "chip", thing, "esp32")
    assert f"{thing}: is offered {VERSION}" in admin("update", "release", "--version", VERSION, "--url", server.url)
    virtual.start()
    until(lambda: firmware(server, thing) == VERSION, "a report of the new firmware")
    assert admin("update", "status").splitlines()[1].split() == [thing, "esp32", VERSION, VERSION, "taken"]


def test_a_download_that_is_cut_off_goes_on_where_it_was(server, admin, board, offer, make_line, sleeps):
    thing, virtual = board
    line = make_line(is_silent=False)
    offer(line)
    virtual.start()
    until(lambda: sleeps, "the board to sleep")
    assert line.statuses == [206]
    assert firmware(server, thing) != VERSION
    moved = ends_well(server, board, sleeps)
    assert line.starts[0] == 0
    assert line.starts[1] > 2 * PIECE_BYTES  # all that arrived, less the head of the answer
    assert line.starts == sorted(line.starts)
    assert set(line.statuses) == {206}
    wait_for_movements(server, thing, moved)
    assert [thing, "esp32", VERSION, VERSION, "taken"] in [
        line.split() for line in admin("update", "status").splitlines()
    ]


def test_power_that_fails_in_a_download_costs_no_more_than_a_piece(server, board, offer, make_line, sleeps):
    thing, virtual = board
    line = make_line(is_silent=True)
    offer(line)
    virtual.start()
    assert line.has_failed.wait(PATIENCE_S)
    virtual.cut_power()
    virtual.restore_power()
    until(lambda: sleeps, "the board to sleep")
    moved = ends_well(server, board, sleeps)
    assert line.starts[1] in {0, PIECE_BYTES, 2 * PIECE_BYTES}
    assert line.starts == sorted(line.starts)
    wait_for_movements(server, thing, moved)
