"""``pillarbox admin device list``: which devices are silent, of whatever household, for who runs the server."""

import json

import pytest
from typer.testing import CliRunner

from cloud.operations.figures import figures
from tests.databases import execute
from tests.unit.cloud.messages import event, now, rows, say_events
from tools.cli import app as program


@pytest.fixture
def listed(app, chosen):  # noqa: ARG001 - the command's database, too
    """Return what the command prints of each device."""

    def run(*words):
        answer = CliRunner().invoke(
            program, ["admin", "device", "list", "--json", *words, "--data", str(app.settings.data)]
        )
        assert answer.exit_code == 0, answer.output
        return [json.loads(line) for line in answer.stdout.splitlines()], answer.stderr

    return run


def heard(app, home, ago_s, next_s=60):
    """Let the board have been heard of so many seconds ago."""
    values = f"last_seen = {now() - ago_s * 1000}, next_s = {next_s}"
    execute(app, f"UPDATE devices SET {values} WHERE id = '{home.board.id}'")  # noqa: S608 - our own values


def test_a_device_is_silent_once_it_should_have_been_heard_of(app, home, listed):
    heard(app, home, 10)
    assert listed("--silent") == ([], "")
    heard(app, home, 3600)
    ((one,), _) = listed("--silent")
    assert (one["thing"], one["household"], one["kind"]) == (home.board.thing, home.household_id, "board")
    assert one["last_seen"] < one["due"]
    assert figures(app.database, app.queue).silent == 1
    execute(app, f"UPDATE devices SET deleted_at = 1 WHERE id = '{home.board.id}'")  # noqa: S608 - our own values
    assert listed("--silent") == ([], "")


def test_every_device_is_listed_and_what_is_left_out_is_said(app, home, listed):
    say_events(app, home.board, event("open", 1))
    devices = rows(app, "SELECT count(*) FROM devices")[0][0]
    found, said = listed()
    assert (len(found), said) == (devices, "")
    (first,), said = listed("--limit", "1")
    assert first == found[0]
    assert f"1 of {devices} devices" in said
    assert first["last_seen"] is None


def test_people_read_it_in_columns(app, home, chosen):  # noqa: ARG001 - the command's database, too
    answer = CliRunner().invoke(program, ["admin", "device", "list", "--data", str(app.settings.data)])
    heading, *told = answer.stdout.splitlines()
    assert heading.split() == ["thing", "household", "kind", "last_seen", "due"]
    assert any(home.board.thing in line for line in told)
