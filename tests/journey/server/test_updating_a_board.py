"""An update over the air, whole: released by the command, offered by the running server, taken by a real board."""

import pytest
from typer.testing import CliRunner

from simulator.board.virtual_board import VirtualBoard
from tests.waiting import until
from tools.cli import app as program
from tools.commands.provision import add_update_key
from tools.parts.micropython import fetch_micropython
from tools.parts.umqtt import fetch_umqtt


@pytest.fixture
def admin(server):
    """Run a command beside the running server."""

    def run(*words):
        answer = CliRunner().invoke(program, ["admin", *words, "--data", str(server.data)])
        assert answer.exit_code == 0, answer.output
        return answer.stdout

    return run


@pytest.fixture
def board(server, tmp_path):
    """A board that has not had power yet; yields its name and what to hold it by."""
    bundle = server.make_device("board")
    add_update_key(bundle, server.data)
    board = VirtualBoard(tmp_path / "flash", bundle, fetch_micropython(), fetch_umqtt(), lambda _report: None)
    yield bundle.name, board
    board.stop()


def test_a_board_fetches_what_was_released_and_reports_by_its_new_firmware(server, admin, board):
    thing, virtual = board
    admin("device", "chip", thing, "esp32")
    assert f"{thing}: is offered 9.0.0" in admin("update", "release", "--version", "9.0.0", "--url", server.url)
    virtual.start()
    versions = "SELECT firmware FROM devices WHERE thing = ?"
    until(lambda: server.rows(versions, thing) == [("9.0.0",)], "a report of the new firmware")
    assert admin("update", "status").splitlines()[1].split() == [thing, "esp32", "9.0.0", "9.0.0", "taken"]
