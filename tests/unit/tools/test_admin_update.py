"""``pillarbox admin update``, as an operator and as a script use it."""

import json

import pytest
from typer.testing import CliRunner

from cloud.devices.service import provision
from firmware.signature import is_genuine, signed_text
from tests.databases import SQLITE, Dialect
from tests.unit.cloud.messages import rows
from tools.cli import app as program
from tools.firmware_image import board_key, load_key

pytestmark = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


@pytest.fixture
def admin(app, home):  # noqa: ARG001 - its board has a chip that nobody knows
    def run(*words):
        return CliRunner().invoke(program, ["admin", *words, "--data", str(app.settings.data)])

    return run


@pytest.fixture
def known(app, home):
    """A board whose chip was written down when it was provisioned."""
    with app.database.write() as unit_of_work:
        board, _ = provision(unit_of_work, app.authority, home.household_id, home.mailbox_id, "board", "esp32c3")
    return board


def states(admin):
    return {one["thing"]: one for one in map(json.loads, admin("update", "status", "--json").stdout.splitlines())}


def test_a_release_is_signed_stored_and_offered_to_the_boards_that_it_fits(admin, app, home, known):
    answer = admin("update", "release", "--version", "9.0.0", "--url", "http://192.168.1.5:8000/")
    assert answer.exit_code == 0, answer.output
    assert f"{known.thing}: is offered 9.0.0" in answer.stdout
    assert f"{home.board.thing}: its chip is not known: pillarbox admin device chip {home.board.thing}" in answer.stdout
    ((sha256, version, chip),) = rows(app, "SELECT sha256, version, chip FROM firmware_images")
    assert (version, chip) == ("9.0.0", "esp32c3")
    ((device_id, offered),) = rows(app, "SELECT id, offered FROM devices WHERE offered IS NOT NULL")
    update = json.loads(offered)
    assert device_id == known.id
    assert update["url"] == f"http://192.168.1.5:8000/firmware/{sha256}"
    key = board_key(load_key(app.settings.data / "update.pem"))
    assert is_genuine(signed_text("9.0.0", sha256), update["signature"], key)
    assert rows(app, "SELECT subject_id FROM jobs WHERE stage = 'tell_device'") == [(known.id,)]


def test_the_status_tells_what_each_board_runs_and_is_offered(admin, home, known):
    admin("update", "release", "--version", "9.0.0")
    told = states(admin)
    assert told[known.thing]["offered"] == "9.0.0"
    assert (told[known.thing]["chip"], told[known.thing]["outcome"]) == ("esp32c3", "waiting")
    assert (told[home.board.thing]["offered"], told[home.board.thing]["outcome"]) == (None, "")
    heading, *lines = admin("update", "status").stdout.splitlines()
    assert heading.split() == ["thing", "chip", "firmware", "offered", "outcome"]
    assert len(lines) == len(told)


def test_a_board_of_a_known_chip_is_offered_it_alone_and_no_more_once_it_is_withdrawn(admin, app, home, known):
    assert admin("device", "chip", home.board.thing, "esp32").exit_code == 0
    admin("update", "release", "--version", "9.0.0", "--device", home.board.thing)
    assert {thing for thing, one in states(admin).items() if one["offered"]} == {home.board.thing}
    assert admin("update", "withdraw", "--device", known.thing).stdout.startswith("0 boards")
    assert admin("update", "withdraw").stdout.startswith("1 board is")
    assert rows(app, "SELECT sha256 FROM firmware_images") == []


def test_an_address_that_is_this_machine_only_is_pointed_out(admin):
    assert "which is this machine only" in admin("update", "release", "--version", "9.0.0").stderr
    assert admin("update", "release", "--version", "9.0.0", "--url", "http://192.168.1.5").stderr == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("update", "release", "--version", "next"), "expected a version of numbers and dots"),
        (("update", "release", "--url", "ftp://here"), "--url: expected an address such as"),
        (("update", "release", "--device", "board-none"), "found none called board-none"),
        (("device", "chip", "board-none", "esp32"), "found none called board-none"),
        (("device", "chip", "board-none", "esp8266"), "expected a chip of esp32, esp32s3, esp32c3, pico_w"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(admin, words, told):
    answer = admin(*words)
    assert answer.exit_code == 1
    assert told in answer.stderr
