"""Firmware over the air, the server's side: who is offered what, how boards are told, and the images they fetch."""

import hashlib
import json

import pytest
from starlette.testclient import TestClient

from cloud.devices.model import desired, is_newer
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import provision
from cloud.devices.updates.model import Image, Release, check_version, objection, outcome
from cloud.devices.updates.repository import UpdateRepository
from cloud.devices.updates.service import chosen_boards, release, withdraw
from cloud.errors import NotFoundError, RefusedError
from cloud.web.app import create_app
from firmware.wire import codec, messages
from tests.unit.cloud.messages import event, say, say_events, wish_of

CONTENT = bytes(range(256)) * 40


def made(version="2.0.0", chip="esp32", content=CONTENT):
    """Return a release whose address is that of the test's client."""
    sha256 = hashlib.sha256(content).hexdigest()
    url = f"http://localhost:8000/firmware/{sha256}"
    update = {"version": version, "url": url, "sha256": sha256, "signature": "c2lnbmVk"}
    return Release(Image(sha256, version, chip, content), update)


@pytest.fixture
def offer(app, home):
    """Release a firmware to the home's board, an ESP32."""

    def to(one=None, things=()):
        with app.database.write() as unit_of_work:
            UpdateRepository(unit_of_work).set_chip(home.board.thing, "esp32")
            boards = chosen_boards(unit_of_work, things)
            return release(unit_of_work, boards, {"esp32": one or made()})

    return to


@pytest.fixture
def client(app):
    return TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000")


def board_of(app, home):
    with app.database.read() as unit_of_work:
        (board,) = chosen_boards(unit_of_work, [home.board.thing])
    return board


def told(app, home):
    """Return what the wire contract lets through of the board's ``desired``."""
    message = desired(board_of(app, home).device).message
    return codec.decode(messages.DESIRED, codec.encode(messages.DESIRED, message))


def heartbeat(app, home, fw, **refused):
    say(app, home.board, "heartbeat", {"fw": fw, "next_s": 60, "settings": {}, "refused": refused})


def test_a_board_is_told_of_a_release_with_the_next_revision_and_owed_an_answer(app, home, offer):
    before = told(app, home)
    (owed,) = offer()
    after = told(app, home)
    assert (owed.name, owed.subject_id) == ("answer_owed", home.board.id)
    assert "update" not in before
    assert after["update"] == made().update
    assert after["rev"] > before["rev"]


@pytest.mark.parametrize("fw", ["2.0.0", "2.0.1", "10.0"])
def test_a_board_that_runs_it_already_is_offered_nothing(app, home, offer, fw):
    offer()
    heartbeat(app, home, fw)
    assert "update" not in told(app, home)
    assert outcome(board_of(app, home)) == "taken"
    assert objection(board_of(app, home), "2.0.0") == f"it runs {fw} already"


def test_the_answer_to_a_report_of_the_new_firmware_offers_it_no_more(app, home, offer):
    offer()
    before = wish_of(say_events(app, home.board, event("open", 1), fw="1.9"), home.board)
    after = wish_of(say_events(app, home.board, event("close", 2), fw="2.0.0"), home.board)
    assert before["update"] == made().update
    assert "update" not in after


def test_a_refusal_is_shown_until_the_board_says_otherwise(app, home, offer):
    offer()
    assert outcome(board_of(app, home)) == "waiting"
    heartbeat(app, home, "1.0", update="the flash is full")
    assert outcome(board_of(app, home)) == "refused: the flash is full"
    heartbeat(app, home, "1.0")
    assert outcome(board_of(app, home)) == "waiting"


def test_a_board_whose_chip_nobody_knows_is_left_out(app, home, offer):
    assert "its chip is not known" in objection(board_of(app, home), "2.0.0")
    offer()
    assert objection(board_of(app, home), "2.0.0") is None


def test_a_release_for_one_chip_is_not_offered_to_another(app, home, offer):
    with app.database.write() as unit_of_work:
        other, _ = provision(unit_of_work, app.authority, home.household_id, home.mailbox_id, "board", "pico_w")
    offer()
    with app.database.read() as unit_of_work:
        assert DeviceRepository(unit_of_work).get(home.household_id, other.id).offered is None


def test_the_chip_of_a_board_for_nobody_yet_goes_with_it(app):
    with app.database.write() as unit_of_work:
        provision_unclaimed(unit_of_work, app.authority, "board", "7K2M-0000-0000-0000", chip="esp32c3")
        claim_hash = unit_of_work.connection.exec_driver_sql("SELECT claim_hash FROM unclaimed_devices").scalar_one()
        assert OwnershipRepository(unit_of_work).take_unclaimed(claim_hash).chip == "esp32c3"


def test_what_is_withdrawn_is_neither_told_nor_served(app, home, offer, client):
    offer()
    with app.database.write() as unit_of_work:
        owed = withdraw(unit_of_work, chosen_boards(unit_of_work, ()))
    assert [one.subject_id for one in owed] == [home.board.id]
    assert "update" not in told(app, home)
    assert client.get(made().update["url"]).status_code == 404


def test_the_next_release_takes_the_place_of_the_last(app, home, offer, client):
    offer()
    offer(made("3.0.0", content=b"newer"))
    offer(made("3.0.0", content=b"newer"))
    assert told(app, home)["update"]["version"] == "3.0.0"
    assert client.get(made().update["url"]).status_code == 404
    assert client.get(made(content=b"newer").update["url"]).content == b"newer"


@pytest.mark.parametrize("thing", ["board-000000000000", "gateway"])
def test_only_boards_are_offered_firmware(app, home, offer, thing):
    named = home.gateway.thing if thing == "gateway" else thing
    with pytest.raises(NotFoundError, match=named):
        offer(things=[named])
    with app.database.write() as unit_of_work:
        assert not UpdateRepository(unit_of_work).set_chip(named, "esp32")


def test_an_image_is_served_in_parts_to_whoever_asks_and_kept_for_ever(offer, client):
    offer()
    url = made().update["url"]
    whole = client.get(url)
    assert (whole.status_code, whole.content) == (200, CONTENT)
    assert whole.headers["cache-control"] == "public, max-age=31536000, immutable"
    rest = client.get(url, headers={"Range": "bytes=10000-"})
    assert (rest.status_code, rest.content) == (206, CONTENT[10000:])
    assert rest.headers["content-length"] == str(len(CONTENT) - 10000)
    beyond = client.get(url, headers={"Range": f"bytes={len(CONTENT)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(CONTENT)}")


@pytest.mark.parametrize("name", ["0" * 64, "A" * 64, "x", "%00", "..%2fupdate.pem", "0" * 9000])
def test_there_is_nothing_else_under_its_address(offer, client, name):
    offer()
    answer = client.get(f"/firmware/{name}")
    assert (answer.status_code, set(answer.json())) == (404, {"error", "message", "detail"})


@pytest.mark.parametrize(
    ("version", "than", "expected"),
    [("1.0", None, True), ("1.10", "1.9", True), ("1.0", "1.0", False), ("1", "", True), ("²", "1", False)],
)
def test_versions_are_compared_number_by_number(version, than, expected):
    assert is_newer(version, than) is expected


@pytest.mark.parametrize("version", ["", "newest", "1.0-beta", "1..0", "1." * 16 + "1"])
def test_what_no_board_takes_for_a_version_is_not_released(version):
    with pytest.raises(RefusedError, match="expected a version of numbers and dots"):
        check_version(version)


def test_an_offer_is_json_of_the_wire_contract(app, home, offer):
    offer()
    assert json.loads(board_of(app, home).device.offered) == made().update
