"""Settings over HTTP, and what boards make of them."""

import pytest

from cloud.web.app import create_app
from firmware.wire import codec, messages, topics
from tests.unit.cloud.api.conftest import logged_in, post_event, post_image, post_notification, with_role
from tests.unit.cloud.api.test_device_endpoints import number_of
from tests.unit.cloud.messages import event, rows, say, say_events, wish_of

HEALTH = {"fw": "2", "next_s": 3600}


@pytest.fixture
def told():
    """Everything that devices were told."""
    return []


@pytest.fixture
def web(app, told):
    return create_app(app, told.append)


@pytest.fixture
def owner(app, web, home):
    ((user,),) = rows(app, f"SELECT user_id FROM memberships WHERE household_id = '{home.household_id}'")  # noqa: S608
    return logged_in(app, web, user)


@pytest.fixture
def board(app, home):
    return number_of(app, home.board)


def put(client, number, **body):
    return client.put(f"/devices/{number}/settings", json=body)


def wishes(client, number):
    return {one["name"]: one for one in client.get(f"/devices/{number}/settings").json()["wishes"]}


def test_a_setting_reaches_the_board_with_a_higher_revision_and_its_answer_is_shown(app, owner, home, board, told):
    say_events(app, home.board, event("open", 1))
    before = rows(app, "SELECT desired_rev FROM devices WHERE kind = 'board'")[0][0]
    assert put(owner, board, check_interval=60, board={"debounce_ms": 40}).status_code == 200
    wish = wish_of(told, home.board)
    assert wish["settings"] == {"heartbeat_s": 3600, "debounce_ms": 40}
    assert wish["rev"] > before
    assert wish["ack"]["seq"] == 1
    codec.encode(messages.DESIRED, wish)
    assert {one["state"] for one in wishes(owner, board).values()} == {"waiting"}
    reported = {"heartbeat_s": 3600, "debounce_ms": 15}
    say(app, home.board, topics.HEARTBEAT, HEALTH | {"settings": reported, "refused": {"debounce_ms": "too new"}})
    shown = wishes(owner, board)
    assert shown["heartbeat_s"] == {
        "name": "heartbeat_s",
        "wished": 3600,
        "reported": 3600,
        "state": "taken",
        "reason": None,
    }
    assert (shown["debounce_ms"]["state"], shown["debounce_ms"]["reason"]) == ("refused", "too new")


def test_a_wish_that_is_null_is_taken_back(owner, home, board, told):
    put(owner, board, board={"debounce_ms": 40, "still_open_s": [60, 600]})
    put(owner, board, board={"debounce_ms": None})
    assert wish_of(told, home.board)["settings"] == {"still_open_s": [60, 600]}
    put(owner, board, board={"still_open_s": None})
    assert "settings" not in wish_of(told, home.board)


def test_what_changes_nothing_for_the_board_tells_it_nothing(owner, board, told):
    put(owner, board, mail_removed_notify=False)
    put(owner, board, board={"debounce_ms": 40})
    put(owner, board, board={"debounce_ms": 40})
    assert len(told) == 1
    assert owner.get(f"/devices/{board}/settings").json()["mail_removed_notify"] is False


def test_a_board_that_is_put_out_of_use_is_told_so_and_back(owner, home, board, told):
    owner.patch(f"/devices/{board}/status", json={"is_active": False})
    assert wish_of(told, home.board)["settings"] == {"active": 0}
    assert owner.get(f"/devices/{board}").json()["is_active"] is False
    owner.patch(f"/devices/{board}/status", json={"is_active": True})
    assert "settings" not in wish_of(told, home.board)


def test_the_whole_device_can_be_changed_in_one_request(owner, home, board, told):
    body = {"name": "Gate", "battery_threshold": 30, "is_active": False}
    assert owner.put(f"/devices/{board}", json=body).status_code == 200
    assert wish_of(told, home.board)["settings"] == {"active": 0, "battery_low_mv": 3600}


NO_SETTINGS = (
    {"debounce_ms": 0},
    {"debounce_ms": 501},
    {"heartbeat_s": 59},
    {"heartbeat_s": "soon"},
    {"still_open_s": [60, 60]},
    {"still_open_s": [0]},
    {"still_open_s": list(range(1, 10))},
    {"colour": "red"},
    {"active": 0},
    [],
    "x",
)


def test_a_setting_that_no_board_would_take_is_refused_by_its_name_and_nothing_changes(app, owner, board, told):
    for refused in NO_SETTINGS:
        answer = put(owner, board, check_interval=30, board=refused)
        assert answer.status_code == 422, refused
        assert answer.json()["detail"][0]["field"].startswith("body.board"), refused
    assert told == []
    assert rows(app, "SELECT settings FROM devices WHERE kind = 'board'") == [("{}",)]


def test_a_gateway_has_no_settings_of_a_board(app, owner, home, told):
    gateway = number_of(app, home.gateway)
    answer = put(owner, gateway, board={"debounce_ms": 40})
    assert (answer.status_code, "is a gateway" in answer.json()["message"]) == (422, True)
    assert put(owner, gateway, check_interval=30).status_code == 200
    assert told == []


def test_a_viewer_and_a_stranger_wish_for_nothing(app, web, stranger, board, told):
    assert put(with_role(app, web, "viewer"), board, check_interval=30).status_code == 403
    assert put(stranger, board, check_interval=30).status_code == 404
    assert told == []


def test_a_heartbeat_without_settings_keeps_what_was_reported(app, owner, home, board):
    put(owner, board, board={"debounce_ms": 40})
    say(app, home.board, topics.HEARTBEAT, HEALTH | {"settings": {"debounce_ms": 40}})
    say(app, home.board, topics.HEARTBEAT, HEALTH)
    assert wishes(owner, board)["debounce_ms"]["state"] == "taken"


def test_the_largest_report_of_the_wire_contract_is_kept(app, owner, home, board):
    largest = {f"{number:040d}": "x" * codec.MAX_MAP_TEXT for number in range(32)}
    say(app, home.board, topics.HEARTBEAT, HEALTH | {"settings": largest, "refused": largest})
    assert rows(app, "SELECT count(*) FROM jobs WHERE state = 'parked'") == [(0,)]
    assert wishes(owner, board) == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"check_interval": 20, "board": {"heartbeat_s": 3600}},
            "expected heartbeat_s as check_interval 20 says it, 1200, got 3600",
        ),
        (
            {"battery_threshold": 30, "board": {"battery_low_mv": 3500}},
            "expected battery_low_mv as battery_threshold 30 says it, 3600, got 3500",
        ),
    ],
)
def test_two_words_for_one_setting_that_disagree_are_refused_and_change_nothing(owner, board, told, change, words):
    before = owner.get(f"/devices/{board}/settings").json()
    answer = put(owner, board, **change)
    assert answer.status_code == 422
    assert f"board: {words}; leave one of them out" in answer.text
    assert (owner.get(f"/devices/{board}/settings").json(), told) == (before, [])
    assert put(owner, board, check_interval=20, board={"heartbeat_s": 1200}).status_code == 200
    assert put(owner, board, check_interval=15, board={"heartbeat_s": None}).status_code == 200
    assert wishes(owner, board) == {}


def test_who_brought_in_and_deleted_what_is_in_the_audit_log(app, owner, stranger):
    device = owner.post("/devices", json={"name": "Drive"}, headers={"idempotency-key": "one"}).json()["id"]
    owner.post("/devices", json={"name": "Drive"}, headers={"idempotency-key": "one"})
    event = post_event(owner, device, "open").json()["id"]
    image, notification = post_image(owner, device).json()["id"], post_notification(owner, device).json()["id"]
    things = ((f"/mailbox/{kind}", number) for kind, number in (("images", image), ("notifications", notification)))
    for path, number in (("/mailbox/events", event), *things):
        assert stranger.delete(f"{path}/{number}").status_code == 404
        for status in (200, 404):
            assert owner.delete(f"{path}/{number}").status_code == status
    log = [(one["action"], one["subject"]) for one in owner.get("/audit-log").json()]
    ((thing,),) = rows(app, "SELECT thing FROM devices WHERE name = 'Drive'")
    assert log == [
        ("notification deleted", str(notification)),
        ("image deleted", str(image)),
        ("event deleted", f"open, {event}"),
        ("device registered", f"{thing}, Drive"),
    ]
    assert stranger.get("/audit-log").json() == []
    assert {one["address"] for one in owner.get("/audit-log").json()} == {"testclient"}


def test_who_changed_what_is_in_the_audit_log(owner, home, board):
    owner.put(f"/devices/{board}", json={"name": "Gate"})
    put(owner, board, check_interval=30, board={"debounce_ms": 40})
    owner.delete(f"/devices/{board}")
    log = [(one["action"], one["subject"]) for one in owner.get("/audit-log").json()]
    thing = home.board.thing
    assert log == [
        ("device deleted", f"{thing}, Gate"),
        ("device set", f"{thing}: check_interval, debounce_ms"),
        ("device renamed", f"{thing} is Gate"),
    ]


def capture_of(app):
    return rows(app, "SELECT capture IS NOT NULL FROM devices WHERE kind = 'gateway'")[0][0]


def test_a_gateway_that_is_to_take_no_images_is_asked_for_none_until_it_is_again(app, owner, home, told):
    gateway = number_of(app, home.gateway)
    say_events(app, home.board, event("open", 1), event("close", 2))
    assert capture_of(app)
    put(owner, gateway, capture_image_on_delivery=False)
    assert "capture" not in wish_of(told, home.gateway)
    say_events(app, home.board, event("open", 3), event("close", 4))
    assert not capture_of(app)
    put(owner, gateway, capture_image_on_delivery=True)
    owner.patch(f"/devices/{gateway}/status", json={"is_active": False})
    say_events(app, home.board, event("open", 5), event("close", 6))
    assert not capture_of(app)
    owner.patch(f"/devices/{gateway}/status", json={"is_active": True})
    say_events(app, home.board, event("open", 7), event("close", 8))
    assert capture_of(app)


@pytest.mark.parametrize("is_on", [True, False])
def test_an_open_door_is_photographed_neither_way(app, owner, home, is_on):
    gateway = number_of(app, home.gateway)
    put(owner, gateway, capture_image_on_open=is_on)
    assert owner.get(f"/devices/{gateway}/settings").json()["capture_image_on_open"] is is_on
    say_events(app, home.board, event("open", 1))
    assert not capture_of(app)
    say_events(app, home.board, event("close", 2))
    assert capture_of(app)
    described = owner.get("/openapi.json").json()["components"]["schemas"]["SettingsChange"]["properties"]
    assert "without effect" in described["capture_image_on_open"]["description"]
