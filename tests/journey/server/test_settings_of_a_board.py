"""A setting travels from a person's request to the firmware of a board and its answer back, through the real broker."""

import pytest

from simulator.board.virtual_board import VirtualBoard
from tests.journey.server.conftest import call_as_owner
from tests.waiting import until
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt


@pytest.fixture
def bundle(server):
    return server.make_device("board")


@pytest.fixture
def board(bundle, tmp_path):
    board = VirtualBoard(tmp_path / "flash", bundle, fetch_micropython(), fetch_umqtt(), lambda _report: None)
    board.start()
    yield board
    board.stop()


def reported(server, bundle):
    return server.rows("SELECT reported FROM devices WHERE thing = ?", bundle.name)[0][0]


def test_a_board_takes_the_settings_that_its_household_wishes_for_and_says_so(server, bundle, board):
    until(lambda: reported(server, bundle), "the board's first heartbeat")
    number = server.rows(
        "SELECT number FROM device_settings JOIN devices ON id = device_id WHERE thing = ?", bundle.name
    )
    path = f"/devices/{number[0][0]}/settings"
    body = {"check_interval": 90, "board": {"debounce_ms": 20}}
    assert call_as_owner(server, bundle, "PUT", path, body).status == 200
    before = call_as_owner(server, bundle, "GET", path).body["wishes"]
    assert {one["name"]: one["state"] for one in before} == {"debounce_ms": "waiting", "heartbeat_s": "waiting"}
    board.open_door()  # whatever wakes it lets it hear of the wish
    taken = [("debounce_ms", "taken", 20), ("heartbeat_s", "taken", 5400)]

    def told():
        return [
            (one["name"], one["state"], one["reported"])
            for one in call_as_owner(server, bundle, "GET", path).body["wishes"]
        ]

    until(lambda: told() == taken, lambda: f"{taken}, got {told()}")
    next_s = server.rows("SELECT next_s FROM devices WHERE thing = ?", bundle.name)
    assert next_s == [(5400 * 5 // 2,)]  # silence is judged by the new rhythm
