"""Devices over HTTP, in the seed's words."""

import email
import email.policy
from dataclasses import replace

import pytest

from cloud import pipeline
from cloud.api.paging import Page
from cloud.devices.battery.model import DAY_MS, MOST_DAYS, Drawn, Reading
from cloud.devices.battery.repository import BatteryRepository, Report
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.profile import Health
from cloud.devices.registration import find
from cloud.devices.repository import HOUR_MS, DeviceRegister, DeviceRepository
from cloud.errors import RetryLaterError
from tests.unit.cloud.fakes import FakeDeviceGate, FakeMailer, drain, lease, with_ports
from tests.unit.cloud.messages import event, rows, say_events

BEHAVIOUR = {
    "mail_delivered_notify": True,
    "mailbox_opened_notify": True,
    "mail_removed_notify": True,
    "battery_low_notify": True,
    "push_notifications": True,
    "email_notifications": False,
    "check_interval": 15,
    "battery_threshold": 20,
    "capture_image_on_open": True,
    "capture_image_on_delivery": True,
}


def test_a_registered_device_is_answered_with_the_seeds_fields(owner):
    body = {"name": "Drive", "email": "Me@example.org", "clerk_id": "user_1", "location": "Gate"}
    number = owner.post("/devices", json=body).json()["id"]
    found = owner.get(f"/devices/{number}").json()
    assert number > 0
    expected = body | BEHAVIOUR | {"email": "me@example.org", "is_active": True, "last_seen": None}
    assert found | expected == found
    assert found["created_at"].endswith("Z")
    assert found["is_provisioned"] is False


def test_without_owner_fields_a_device_is_its_callers(owner, device):
    me = owner.get("/auth/me").json()
    found = owner.get(f"/devices/{device}").json()
    assert (found["email"], found["clerk_id"]) == (me["email"], me["id"])


def test_the_list_is_the_households_newest_first_and_filtered_by_owner_and_name(owner, stranger, device):
    second = owner.post("/devices", json={"name": "Back door", "clerk_id": "user_2"}).json()["id"]
    assert [one["id"] for one in owner.get("/devices").json()] == [second, device]
    assert [one["id"] for one in owner.get("/devices?clerk_id=user_2").json()] == [second]
    assert [one["id"] for one in owner.get("/devices?name=Drive").json()] == [device]
    assert stranger.get("/devices").json() == []


def test_a_provisioned_device_is_every_members_of_its_household(home, owner, stranger):
    me = owner.get("/auth/me").json()["id"]
    found = owner.get(f"/devices?clerk_id={me}").json()
    assert [(one["clerk_id"], one["thing"]) for one in found] == [(None, home.gateway.thing), (None, home.board.thing)]
    assert owner.get(f"/dashboard/{me}").json()["devices"] == found
    assert owner.get("/devices?clerk_id=user_of_nobody").json() == []
    assert stranger.get(f"/devices?clerk_id={me}").json() == []


def test_what_a_change_leaves_out_stays(owner, device):
    assert owner.put(f"/devices/{device}", json={"name": "Gate", "battery_threshold": 30}).json() == {"id": device}
    found = owner.get(f"/devices/{device}").json()
    assert (found["name"], found["battery_threshold"], found["check_interval"]) == ("Gate", 30, 15)


def test_settings_are_read_and_changed_apart(owner, device):
    assert owner.get(f"/devices/{device}/settings").json() == BEHAVIOUR | {"wishes": []}
    assert owner.put(f"/devices/{device}/settings", json={"check_interval": 60}).json() == {"status": "updated"}
    found = owner.get(f"/devices/{device}/settings").json()
    assert found | BEHAVIOUR | {"check_interval": 60} == found


def test_a_device_can_be_put_out_of_use_and_back(owner, device):
    assert owner.patch(f"/devices/{device}/status", json={"is_active": False}).json() == {"id": device}
    assert owner.get(f"/devices/{device}").json()["is_active"] is False


def test_a_heartbeat_is_a_sign_of_life(owner, device):
    assert owner.post(f"/devices/{device}/heartbeat", json={"clerk_id": "x"}).json() == {"id": device}
    assert owner.post(f"/devices/{device}/heartbeat").status_code == 200
    assert owner.get(f"/devices/{device}").json()["last_seen"].endswith("Z")


def test_health_is_kept_and_its_last_report_summarised(owner, device):
    for level in (90, 85):
        report = {"battery_level": level, "signal_strength": -61, "temperature": 4.5, "firmware_version": "1.2"}
        assert owner.post(f"/devices/{device}/health", json=report).json() == {"status": "updated"}
    summary = owner.get(f"/devices/{device}/summary").json()
    assert summary["health"]["battery_level"] == 85
    assert summary["device"]["last_seen"]


def test_of_what_a_device_says_within_an_hour_the_last_is_kept(app, owner, device):
    ((household_id,),) = rows(app, "SELECT household_id FROM devices")
    with app.database.write() as unit_of_work:
        one = find(unit_of_work, household_id, device).device
        noon = unit_of_work.now - unit_of_work.now % HOUR_MS
        for minute, level in ((-1, 95), (0, 90), (30, 85), (59, 80), (60, 75)):
            then = replace(unit_of_work, now=noon + minute * 60_000)
            DeviceRegister(then).add_health(one, Health(battery_level=level))
        BatteryRepository(unit_of_work).add(one, Reading(noon + 61 * 60_000, 4000, Drawn()), rssi=-61, firmware="1")
        then = replace(unit_of_work, now=noon + 62 * 60_000)
        DeviceRegister(then).add_health(one, Health(signal_strength=-50))
    stored = rows(app, "SELECT battery_level, signal_strength, batt_mv FROM device_health ORDER BY id")
    assert [level for level, _, millivolts in stored if millivolts is None] == [95, 80, 75, None]
    assert (stored[-1], stored[-2][2]) == ((None, -50, None), 4000)
    assert owner.get(f"/devices/{device}/summary").json()["health"]["signal_strength"] == -50


def test_what_a_report_leaves_out_is_known_still(owner, device):
    for report in (
        {"battery_level": 55, "temperature": 4.5, "firmware_version": "1.2"},
        {"battery_level": 54},
        {"signal_strength": -70},
        {},
    ):
        owner.post(f"/devices/{device}/health", json=report)
    told = owner.get(f"/devices/{device}/summary").json()["health"]
    assert told == {"battery_level": 54, "signal_strength": -70, "temperature": 4.5, "firmware_version": "1.2"}


def test_what_was_left_out_for_hours_is_known_still_and_each_report_is_kept_as_it_came(app, owner, device):
    ((household_id,),) = rows(app, "SELECT household_id FROM devices")
    with app.database.write() as unit_of_work:
        one = find(unit_of_work, household_id, device).device
        for hours, health in (
            (3, Health(55, None, 4.5)),
            (2, Health(54)),
            (1, Health(signal_strength=-70)),
            (0, Health()),
        ):
            then = replace(unit_of_work, now=unit_of_work.now - hours * HOUR_MS)
            DeviceRegister(then).add_health(one, health)
    told = owner.get(f"/devices/{device}/summary").json()["health"]
    assert told == {"battery_level": 54, "signal_strength": -70, "temperature": 4.5, "firmware_version": None}
    kept = rows(app, "SELECT battery_level, signal_strength, temperature FROM device_health ORDER BY id")
    assert kept == [(55, None, 4.5), (54, None, None), (None, -70, None), (None, None, None)]


def test_a_board_s_battery_is_told_with_its_history(app, owner, device):
    ((household_id,),) = rows(app, "SELECT household_id FROM devices")
    with app.database.write() as unit_of_work:
        board = find(unit_of_work, household_id, device).device
        for day in range(20, 0, -1):
            reading = Reading(unit_of_work.now - day * DAY_MS, 3800 + 5 * day, Drawn(310, 27, 97, 183, 3))
            BatteryRepository(unit_of_work).add(board, reading, rssi=-61, firmware="1")
    told = owner.get(f"/devices/{device}/health").json()
    assert [one["batt_mv"] for one in told["history"]] == [3800 + 5 * day for day in range(20, 0, -1)]
    assert told["history"][0]["at"].endswith("Z")
    assert told["typical"]["tls_mc"] == 183
    assert told["earliest"] <= told["empty_at"] <= told["latest"]
    assert owner.get(f"/devices/{device}/summary").json()["health"]["battery_level"] == 50


def test_a_long_history_is_told_in_pages_from_its_end(app, owner, device):
    ((household_id,),) = rows(app, "SELECT household_id FROM devices")
    with app.database.write() as unit_of_work:
        board = find(unit_of_work, household_id, device).device
        noon = unit_of_work.now - unit_of_work.now % HOUR_MS
        said = [(hours, "a" * 8 + f"-1-{hours}") for hours in range(7, 0, -1)]
        # Two wakes of one moment, as when reports come late together.
        said += [(1, "b" * 8 + "-1-1"), (MOST_DAYS * 24 + 2, "c" * 8 + "-1-1")]
        reports = [
            Report(board, Reading(noon - hours * HOUR_MS, 4000 + hours, Drawn(), wake=wake), -61, "1")
            for hours, wake in said
        ]
        BatteryRepository(unit_of_work).add_wakes(reports)
    whole = owner.get(f"/devices/{device}/health").json()
    assert [one["batt_mv"] - 4000 for one in whole["history"]] == [7, 6, 5, 4, 3, 2, 1, 1]
    found, path = [], f"/devices/{device}/health?limit=3"
    while path:
        page = owner.get(path)
        assert page.json() | {"history": []} == whole | {"history": []}
        found.append(page.json()["history"])
        path = page.headers.get("link", "<>").partition(">")[0][1:]
    assert [len(one) for one in found] == [3, 3, 2]
    assert found[2] + found[1] + found[0] == whole["history"]
    some = {"since": whole["history"][1]["at"], "until": whole["history"][3]["at"]}
    assert owner.get(f"/devices/{device}/health", params=some).json()["history"] == whole["history"][1:3]
    for wrong in ("limit=501", "cursor=x", "since=soon"):
        assert owner.get(f"/devices/{device}/health?{wrong}").status_code == 422


def test_a_report_that_comes_again_with_its_key_is_stored_once(app, owner, device):
    key = {"Idempotency-Key": "report 7"}
    answers = [owner.post(f"/devices/{device}/health", json={"battery_level": 50}, headers=key) for _ in range(2)]
    assert [one.json() for one in answers] == [{"status": "updated"}] * 2
    assert rows(app, "SELECT battery_level FROM device_health") == [(50,)]
    assert owner.post(f"/devices/{device}/health", json={"battery_level": 49}, headers=key).status_code == 422
    beat = {"Idempotency-Key": "beat 7"}
    assert owner.post(f"/devices/{device}/heartbeat", headers=beat).json() == {"id": device}
    (seen,) = rows(app, "SELECT last_seen FROM devices")
    assert owner.post(f"/devices/{device}/heartbeat", headers=beat).json() == {"id": device}
    assert rows(app, "SELECT last_seen FROM devices") == [seen]


def test_a_history_that_the_caller_has_is_not_sent_again(owner, device):
    etag = owner.get(f"/devices/{device}/health").headers["etag"]
    assert owner.get(f"/devices/{device}/health", headers={"If-None-Match": etag}).status_code == 304


def test_of_a_battery_that_nobody_spoke_of_nothing_is_told(owner, device):
    told = owner.get(f"/devices/{device}/health").json()
    assert (told["empty_at"], told["reason"], told["history"]) == (None, "too few days", [])


@pytest.mark.parametrize(
    "report", [{"battery_level": 101}, {"battery_level": -1}, {"temperature": "warm"}, {"firmware_version": "x" * 33}]
)
def test_health_that_cannot_be_is_refused(owner, device, report):
    assert owner.post(f"/devices/{device}/health", json=report).status_code == 422


def test_a_device_is_looked_up_by_its_whole_name_only(owner, stranger, device):
    me = owner.get("/auth/me").json()
    assert owner.get("/device/lookup?serial_id=Drive").json() == {"device_id": device, "clerk_id": me["id"]}
    assert owner.get("/device/lookup?device_name=Drive").json()["device_id"] == device
    for query in ("serial_id=Dri", "serial_id=%25", "device_name="):
        assert owner.get(f"/device/lookup?{query}").status_code == 404
    assert stranger.get("/device/lookup?serial_id=Drive").status_code == 404
    answer = owner.get("/device/lookup")
    assert (answer.status_code, answer.json()["error"]) == (422, "RefusedError")
    assert "expected serial_id or device_name, got neither" in answer.json()["message"]


def test_the_dashboard_is_one_owners(owner, stranger, device):
    mine = owner.get(f"/devices/{device}").json()["clerk_id"]
    owner.post("/devices", json={"name": "Other", "clerk_id": "user_2"})
    owner.post("/mailbox/events", json={"device_id": device, "event_type": "open"})
    shown = owner.get(f"/dashboard/{mine}").json()
    assert [one["id"] for one in shown["devices"]] == [device]
    assert [one["event_type"] for one in shown["recent_events"]] == ["open"]
    assert (shown["recent_images"], shown["notification_count"]) == ([], 0)
    assert stranger.get(f"/dashboard/{mine}").json()["devices"] == []


def test_a_deleted_device_is_gone_and_its_number_is_never_used_again(owner, device):
    assert owner.delete(f"/devices/{device}").json() == {"id": device}
    for path in (f"/devices/{device}", f"/devices/{device}/settings", f"/mailbox/events?device_id={device}"):
        assert owner.get(path).status_code == 404
    assert owner.delete(f"/devices/{device}").status_code == 404
    assert owner.post("/devices", json={"name": "Drive"}).json()["id"] > device


def test_nothing_more_is_taken_from_a_deleted_device_and_what_it_brought_stays(app, home):
    say_events(app, home.board, event("open", 1))
    with app.database.write() as unit_of_work:
        DeviceRegister(unit_of_work).remove(home.board)
    say_events(app, home.board, event("close", 2))
    assert rows(app, "SELECT event_type FROM mailbox_events") == [("open",)]
    assert rows(app, "SELECT reason FROM jobs WHERE state = 'parked'")[0][0].startswith("expected a message of a known")
    with app.database.read() as unit_of_work:
        assert DeviceRepository(unit_of_work).get(home.household_id, home.board.id) is None
        assert home.board.id not in [one.id for one in DeviceRepository(unit_of_work).all_devices()]


def test_a_provisioned_device_has_a_number_and_the_seeds_settings(app, home):
    with app.database.read() as unit_of_work:
        listed = DeviceLists(unit_of_work).page(home.household_id, Page())
    assert [one.device.kind for one in listed] == ["gateway", "board"]
    assert all(one.is_provisioned and one.is_active for one in listed)
    assert listed[0].behaviour.check_interval == 15


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body.name"),
        ({"name": " "}, "body.name"),
        ({"name": "x" * 201}, "body.name"),
        ({"name": "a", "check_interval": 0}, "body.check_interval"),
        ({"name": "a", "battery_threshold": 101}, "body.battery_threshold"),
        ({"name": None}, "body.name"),
        ({"name": "a", "is_active": "maybe"}, "body.is_active"),
        ({"name": "a", "kind": "toaster"}, "body.kind"),
    ],
)
def test_a_wrong_field_is_named(owner, body, field):
    answer = owner.post("/devices", json=body)
    assert answer.status_code == 422
    assert [one["field"] for one in answer.json()["detail"]] == [field]


def test_null_is_as_left_out_as_in_the_seed(owner):
    given = dict.fromkeys([*BEHAVIOUR, "email", "clerk_id", "location", "is_active", "kind"])
    number = owner.post("/devices", json=given | {"name": "Drive"}).json()["id"]
    me, made = owner.get("/auth/me").json(), owner.get(f"/devices/{number}").json()
    expected = BEHAVIOUR | {"email": me["email"], "clerk_id": me["id"], "is_active": True, "kind": "board"}
    assert made | expected == made
    chosen = {"location": "Gate", "check_interval": 60, "is_active": False}
    assert owner.put(f"/devices/{number}", json=chosen).status_code == 200
    assert owner.put(f"/devices/{number}", json=dict.fromkeys([*given, "name"])).json() == {"id": number}
    changed = owner.get(f"/devices/{number}").json()
    assert changed == made | chosen | {"updated_at": changed["updated_at"]}
    assert owner.put(f"/devices/{number}", json={"location": ""}).status_code == 200
    assert owner.get(f"/devices/{number}").json()["location"] == ""


@pytest.mark.parametrize("body", [{}, {"check_interval": None, "board": None}, {"board": {}}, {"chek_interval": 3}])
def test_settings_of_which_none_is_given_do_not_change(app, owner, device, body):
    before = rows(app, "SELECT * FROM device_settings")
    assert owner.put(f"/devices/{device}/settings", json=body).json() == {"status": "no changes"}
    assert rows(app, "SELECT * FROM device_settings") == before
    assert owner.put("/devices/1000000/settings", json=body).status_code == 404


def test_a_setting_beside_nulls_is_set(owner, device):
    body = {"check_interval": None, "mail_removed_notify": False}
    assert owner.put(f"/devices/{device}/settings", json=body).json() == {"status": "updated"}
    found = owner.get(f"/devices/{device}/settings").json()
    assert (found["check_interval"], found["mail_removed_notify"]) == (15, False)


def test_an_address_that_is_none_is_refused(owner, device):
    assert owner.post("/devices", json={"name": "a", "email": "not an address"}).status_code == 422
    assert owner.put(f"/devices/{device}", json={"email": "not an address"}).status_code == 422


@pytest.mark.parametrize("number", [0, -1, 2**63, "1%27%20OR%201=1"])
def test_an_id_that_is_none_is_refused(owner, number):
    assert owner.get(f"/devices/{number}").status_code in {404, 422}


def test_a_browser_gets_the_page_where_a_program_gets_the_list(owner):
    assert owner.get("/devices", headers={"accept": "text/html"}).headers["content-type"].startswith("text/html")
    assert owner.get("/devices", headers={"accept": "application/json"}).json() == []


def test_a_deleted_device_is_shut_out_and_what_it_brought_stays(app, owner, home):
    gate = FakeDeviceGate()
    say_events(app, home.board, event("open", 1), event("close", 2))
    assert owner.delete(f"/devices/{number_of(app, home.board)}").status_code == 200
    assert "revoke_device" in drain(with_ports(app, device_gate=gate))
    assert gate.revoked == rows(app, "SELECT thing, certificate_serial FROM devices WHERE kind = 'board'")
    assert rows(app, "SELECT event_type FROM mailbox_events ORDER BY id") == [("open",), ("close",)]


def test_what_a_deleted_board_left_open_is_ended_and_told(app, owner, home):
    app, mailer = with_ports(app, device_gate=FakeDeviceGate()), FakeMailer()
    say_events(app, home.board, event("open", 1))
    assert owner.delete(f"/devices/{number_of(app, home.board)}").status_code == 200
    drain(with_ports(app, mailer=mailer))
    assert rows(app, "SELECT kind, closed_at IS NULL FROM episodes") == [("delivery", 0)]
    (mail,) = mailer.sent
    told = email.message_from_bytes(mail.content, policy=email.policy.default).get_body(("plain",)).get_content()
    assert "no closing was reported. The camera takes an image once the door is closed" in " ".join(told.split())


def test_a_device_without_a_certificate_has_nothing_to_be_shut_out_with(app, owner, device):
    gate = FakeDeviceGate()
    owner.delete(f"/devices/{device}")
    assert drain(with_ports(app, device_gate=gate)) == ["revoke_device", "end_episodes"]
    assert gate.revoked == []


def test_shutting_out_is_tried_until_the_broker_is_there(app, owner, home):
    gate = FakeDeviceGate(faults=[RetryLaterError("the broker is away")])
    owner.delete(f"/devices/{number_of(app, home.board)}")
    away = with_ports(app, device_gate=gate)
    job = lease(away)
    with pytest.raises(RetryLaterError):
        pipeline.run(away.ports, away.queue, job)
    away.queue.retry(job, 0, "away")
    assert sorted(drain(away)) == ["end_episodes", "revoke_device"]
    assert [thing for thing, _ in gate.revoked] == [home.board.thing]


def test_where_reports_of_health_over_http_are_found_is_said_by_the_history_that_is_without_them(owner, device):
    assert owner.post(f"/devices/{device}/health", json={"battery_level": 90}).status_code == 200
    history = owner.get(f"/devices/{device}/health").json()
    assert (history["history"], history["reason"]) == ([], "too few days")
    described = owner.get("/openapi.json").json()["paths"]["/devices/{device_id}/health"]["get"]["description"]
    assert "is not in it: the newest of each value is in `/devices/{device_id}/summary`" in " ".join(described.split())
    assert owner.get(f"/devices/{device}/summary").json()["health"]["battery_level"] == 90


def number_of(app, device):
    return rows(app, f"SELECT number FROM device_settings WHERE device_id = '{device.id}'")[0][0]  # noqa: S608
