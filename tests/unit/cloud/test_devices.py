"""Devices: their making, and what they say of themselves."""

import pytest

from cloud.devices.model import desired
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import ensure_mailbox, provision
from cloud.errors import RefusedError
from cloud.mailbox_events.model import MOST_COUNTED
from firmware.wire import codec, messages, topics
from tests.conftest import make_home
from tests.databases import execute
from tests.unit.cloud.messages import dlq, event, events, rows, say, say_bytes, wish_of

HEALTH = {"fw": "2", "next_s": 3600, "batt_mv": 3700, "rssi": -55}


def gateway_row(app):
    return rows(app, "SELECT online, firmware, last_seen FROM devices WHERE kind = 'gateway'")[0]


def test_a_thing_is_a_valid_name_of_the_wire_contract(home):
    assert topics.parse(topics.topic(home.board.thing, topics.EVENTS)) == (home.board.thing, topics.EVENTS)
    assert home.board.thing.startswith("board-")


def test_a_device_of_an_unknown_kind_is_refused(app, home):
    with app.database.write() as unit_of_work, pytest.raises(RefusedError, match="expected a device kind of board, ga"):
        provision(unit_of_work, app.authority, home.household_id, home.mailbox_id, "toaster")


def test_a_mailbox_of_a_name_is_made_once_a_household(app, home):
    other = make_home(app, "other@example.org")
    with app.database.write() as unit_of_work:
        assert ensure_mailbox(unit_of_work, home.household_id, "Drive") == home.mailbox_id
        assert ensure_mailbox(unit_of_work, home.household_id, "Gate") != home.mailbox_id
    assert other.mailbox_id != home.mailbox_id


def test_a_heartbeat_is_kept(app, home):
    assert say(app, home.board, topics.HEARTBEAT, HEALTH) == []
    query = "SELECT firmware, next_s, batt_mv, rssi FROM devices WHERE kind = 'board'"
    assert rows(app, query) == [("2", 3600, 3700, -55)]


def test_a_heartbeat_that_leaves_something_out_keeps_what_was_known(app, home):
    say(app, home.board, topics.HEARTBEAT, HEALTH)
    say(app, home.board, topics.HEARTBEAT, {"fw": "3", "next_s": 60})
    assert rows(app, "SELECT firmware, next_s, batt_mv FROM devices WHERE kind = 'board'") == [("3", 60, 3700)]


def test_a_connection_is_a_sign_of_life(app, home):
    say(app, home.gateway, topics.STATUS, {"online": True, "fw": "1"})
    online, firmware, last_seen = gateway_row(app)
    assert (online, firmware) == (1, "1")
    assert last_seen


def test_a_heartbeat_that_the_broker_repeats_says_nothing(app, home):
    say(app, home.board, topics.HEARTBEAT, HEALTH)
    say(app, home.board, topics.HEARTBEAT, HEALTH | {"batt_mv": 3600})
    execute(app, "UPDATE devices SET last_seen = 5")
    said = rows(app, "SELECT batt_mv, last_seen FROM devices WHERE kind = 'board'")
    assert say(app, home.board, topics.HEARTBEAT, HEALTH, is_retained=True) == []
    assert rows(app, "SELECT batt_mv, last_seen FROM devices WHERE kind = 'board'") == said == [(3600, 5)]
    assert rows(app, "SELECT batt_mv FROM device_health") == [(3700,)]


def test_events_that_the_broker_repeats_are_stored_once_and_no_sign_of_life(app, home):
    first = events(event("open", 1), batt_mv=3700, fw="2")
    answers = say(app, home.board, topics.EVENTS, first, is_retained=True)
    assert wish_of(answers, home.board)["ack"]["seq"] == 1
    query = "SELECT last_seen, batt_mv, firmware, lost FROM devices WHERE kind = 'board'"
    assert rows(app, query) == [(None, None, None, 0)]
    say(app, home.board, topics.EVENTS, events(event("close", 2), batt_mv=3600, fw="3"))
    execute(app, "UPDATE devices SET last_seen = 5")
    say(app, home.board, topics.EVENTS, first, is_retained=True)
    assert rows(app, query) == [(5, 3600, "3", 0)]
    assert rows(app, "SELECT event_type FROM mailbox_events ORDER BY seq") == [("open",), ("close",)]


def test_junk_that_the_broker_repeats_is_one_entry(app, home):
    for _ in range(3):
        say_bytes(app, home.board.thing, topics.HEARTBEAT, b"junk", is_retained=True)
    assert len(dlq(app)) == 1


def test_a_last_will_is_no_sign_of_life(app, home):
    say(app, home.gateway, topics.STATUS, {"online": False})
    assert gateway_row(app) == (0, None, None)


def test_a_status_that_the_broker_repeats_is_no_sign_of_life(app, home):
    say(app, home.gateway, topics.STATUS, {"online": True})
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE devices SET last_seen = 5")
    say(app, home.gateway, topics.STATUS, {"online": True})
    assert gateway_row(app)[2] == 5
    say(app, home.gateway, topics.STATUS, {"online": False})
    say(app, home.gateway, topics.STATUS, {"online": True})
    assert gateway_row(app)[2] > 5


def test_settings_travel_with_every_wish(app, home):
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql("UPDATE devices SET settings = '{\"heartbeat_s\": 60}'")
        device = DeviceRepository(unit_of_work).by_thing(home.board.thing)
    message = dict(desired(device).message)
    assert message["settings"] == {"heartbeat_s": 60}
    assert codec.decode(messages.DESIRED, codec.encode(messages.DESIRED, message))["settings"] == {"heartbeat_s": 60}


def test_the_largest_numbers_of_the_wire_contract_fit_the_database(app, home):
    largest = HEALTH | {"next_s": 31_622_400, "batt_mv": 60_000, "rssi": -200, "free_bytes": 2**53 - 1}
    say(app, home.board, topics.HEARTBEAT, largest)
    most = MOST_COUNTED  # above that the cloud takes no board at its word
    item = {"event_id": "x", "event_type": "open", "seq": most, "err_ms": 10 * 366 * 86_400_000}
    item |= {"dur_ms": 10 * 366 * 86_400_000, "occurred_at": 2**53 - 1}
    message = {"fw": "1", "install": "f" * 16, "boot": most, "clk": "none", "lost": most, "events": [item]}
    say(app, home.board, topics.EVENTS, message)
    assert rows(app, "SELECT boot, seq FROM mailbox_events") == [(most, most)]
    assert rows(app, "SELECT count(*) FROM jobs WHERE state = 'parked'") == [(1,)]  # a time far in the future
