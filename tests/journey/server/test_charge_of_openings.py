"""What openings draw from a real board's battery comes into the health history, each wake once."""

import itertools

import pytest

from simulator.board.virtual_board import VirtualBoard
from tests.journey.server.conftest import call_as_owner
from tests.waiting import until
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt

PHASES = ("awake_mc", "wifi_mc", "tls_mc", "publish_mc")


@pytest.fixture
def bundle(server):
    return server.make_device("board")


@pytest.fixture
def sleeps():
    """How often the board has fallen asleep: what moves before then is of the same wake."""
    return []


@pytest.fixture
def board(bundle, tmp_path, sleeps):
    def note(report):
        if report.kind == "asleep":
            sleeps.append(report)

    board = VirtualBoard(tmp_path / "flash", bundle, fetch_micropython(), fetch_umqtt(), note)
    board.start()
    yield board
    board.stop()


def test_the_charge_of_each_opening_is_in_the_history_and_the_meter_counts_all_of_it(server, bundle, board, sleeps):
    until(lambda: len(sleeps) == 1, "the board to sleep after its start")
    for count, move in enumerate((board.open_door, board.close_door, board.open_door), 2):
        move()
        until(lambda count=count: len(sleeps) == count, "the board to sleep again")
    query = "SELECT number FROM device_settings JOIN devices ON id = device_id WHERE thing = ?"
    ((number,),) = server.rows(query, bundle.name)

    def history():
        return call_as_owner(server, bundle, "GET", f"/devices/{number}/health").body["history"]

    # A board sleeps at the latest when its wait is over, the server may be about to store its report then.
    told = until(lambda: len(found := history()) == 4 and found, lambda: f"four wakes, got {history()}")
    assert [one["wake"].rpartition("-")[2] for one in told] == ["1", "2", "3", "4"]
    # There was no wake before: it told of itself, by then.
    assert told[0]["charge_mc"] == sum(told[0][phase] for phase in PHASES) > 0
    assert (told[0]["publish_mc"], told[0]["total_mc"]) == (0, 0)
    for before, one in itertools.pairwise(told):
        assert one["charge_mc"] == sum(one[phase] for phase in PHASES) > 0
        assert one["total_mc"] == before["total_mc"] + one["charge_mc"]
        assert one["batt_mv"]
