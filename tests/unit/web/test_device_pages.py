"""The page of a device: what its household sees, and what its forms do."""

import re

import pytest
from starlette.testclient import TestClient

from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.repository import SharingRepository
from cloud.bootstrap import Application
from cloud.devices.battery.model import DAY_MS, Drawn, Reading
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.model import Device
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.devices.wishes import BOUNDS
from cloud.web.pages.device import SWITCHES
from cloud.web.pages.device_wishes import NAMES, amount
from firmware.wire import topics
from tests.unit.cloud.messages import INSTALL, rows, say
from tests.unit.web.conftest import Login
from tests.unit.web.household import Household

CODE = claim_code(b"\x05" * CODE_BYTES)


def page_of(household: Household, device: Device) -> str:
    """Return the address of a device's page."""
    with household.app.database.read() as unit_of_work:
        return f"/devices/{DeviceRegister(unit_of_work).number(device)}"


def wishes(household: Household) -> str:
    return str(rows(household.app, "SELECT settings FROM devices WHERE kind = 'board'")[0][0])


def demote(household: Household, role: str) -> None:
    with household.app.database.write() as unit_of_work:
        SharingRepository(unit_of_work).change_role(household.id, household.member.user.id, role)


def set_up(browser: TestClient, page: str, **form: str) -> int:
    whole = {"name": "Board", "is_active": "yes", "check_interval": "", "battery_threshold": ""}
    return browser.post(f"{page}/settings", data=whole | form).status_code


def test_every_device_leads_to_its_page_and_programs_still_get_json(household: Household, browser: TestClient) -> None:
    page = page_of(household, household.board)
    assert f'href="{page}"' in browser.get("/devices").text
    assert "How it is" in browser.get(page).text
    assert browser.get(page, headers={"accept": "*/*"}).json()["thing"] == household.board.thing


def falls(household: Household, a_day: int, days: int) -> None:
    """Let the board's battery fall by so many mV a day."""
    with household.app.database.write() as unit_of_work:
        for day in range(days, 0, -1):
            drawn = Drawn(310, 27, 97, 183, 3)
            at, wake = unit_of_work.now - day * DAY_MS, f"{INSTALL}-1-{days - day}"
            reading = Reading(at, 3800 + a_day * day, drawn, 3600 * (days - day), wake)
            BatteryRepository(unit_of_work).add(household.board, reading, rssi=-61, firmware="1")


def test_the_end_of_a_battery_is_told_with_its_bounds_and_what_a_wake_draws(
    household: Household, browser: TestClient
) -> None:
    page = page_of(household, household.board)
    assert "Battery lasts" not in browser.get(page).text
    falls(household, 5, 20)
    shown = browser.get(page).text
    assert "until about <time" in shown
    assert "310 mC" in shown
    assert "TLS 183, Wi-Fi 97, publishing 3, the rest 27" in shown
    assert "1.0 mAh a day" in shown


@pytest.mark.parametrize(
    ("a_day", "days", "words"), [(5, 5, "known after two weeks"), (0, 20, "longer than can be told")]
)
def test_an_end_that_nobody_can_know_is_not_told(
    household: Household, browser: TestClient, a_day: int, days: int, words: str
) -> None:
    falls(household, a_day, days)
    assert words in browser.get(page_of(household, household.board)).text


def test_a_device_is_renamed_and_a_strange_name_is_only_words(household: Household, browser: TestClient) -> None:
    page = page_of(household, household.gateway)
    assert browser.post(f"{page}/settings", data={"name": "<b>Camera"}).headers["location"] == page
    assert "&lt;b&gt;Camera" in browser.get(page).text
    assert "<b>Camera" not in browser.get("/devices").text


def test_settings_are_wished_for_and_what_the_board_makes_of_them_is_told(
    household: Household, browser: TestClient
) -> None:
    page = page_of(household, household.board)
    assert set_up(browser, page, check_interval="90", battery_threshold="30") == 303
    assert wishes(household) == '{"battery_low_mv": 3600, "heartbeat_s": 5400}'
    shown = browser.get(page).text
    assert 'value="90"' in shown
    assert "learns of it when it wakes" in shown
    reported = {"heartbeat_s": 5400, "battery_low_mv": 3500}
    refused = {"battery_low_mv": "expected <less>"}
    message = {"fw": "1", "next_s": 60, "settings": reported, "refused": refused}
    say(household.app, household.board, topics.HEARTBEAT, message)
    shown = browser.get(page).text
    assert "the board does so" in shown
    assert "the board refused, now 3.50 V: expected &lt;less&gt;" in shown


@pytest.mark.parametrize("name", [*BOUNDS, "still_open_s"])
def test_every_setting_is_told_in_words(name: str) -> None:
    assert name in NAMES
    assert amount(name, [120, 600] if name == "still_open_s" else 0)


def test_amounts_are_told_in_peoples_units() -> None:
    told = {"heartbeat_s": 5400, "battery_low_mv": 3500, "debounce_ms": 15, "storm_movements": 24, "active": 0}
    words = ["90 min", "3.50 V", "15 ms", "24 movements", "no, it tells everything with its next report"]
    assert [amount(name, value) for name, value in told.items()] == words
    assert amount("still_open_s", [300, 3600]) == "5 min, 60 min"
    assert amount("still_open_s", []) == "never"
    assert amount("heartbeat_s", "<soon>") == "<soon>"


def test_an_unchanged_form_changes_nothing_and_an_emptied_field_takes_the_wish_back(
    household: Household, browser: TestClient
) -> None:
    page = page_of(household, household.board)
    set_up(browser, page)
    assert wishes(household) == "{}"
    set_up(browser, page, check_interval="90")
    set_up(browser, page, check_interval="90", is_active="")
    assert wishes(household) == '{"active": 0, "heartbeat_s": 5400}'
    set_up(browser, page)
    assert wishes(household) == "{}"
    log = rows(household.app, "SELECT subject FROM audit_log ORDER BY id")
    thing = household.board.thing
    assert log == [
        (f"{thing}: check_interval",),
        (f"{thing}: is_active",),
        (f"{thing}: check_interval, heartbeat_s, is_active",),
    ]


def test_what_the_owners_are_told_is_switched_with_boxes(household: Household, browser: TestClient) -> None:
    page = page_of(household, household.board)
    assert browser.get(page).text.count('name="on"') == len(SWITCHES)
    on = ["mail_delivered_notify", "battery_low_notify", "push_notifications", "email_notifications", "is_active"]
    assert browser.post(f"{page}/told", data={"on": on}).headers["location"] == page
    behaviour = "mail_delivered_notify, mailbox_opened_notify, mail_removed_notify, email_notifications"
    query = f"SELECT {behaviour} FROM device_settings WHERE number = {page.rpartition('/')[2]}"  # noqa: S608
    assert rows(household.app, query) == [(1, 0, 0, 1)]
    browser.post(f"{page}/told", data={"on": on})
    changed = f"{household.board.thing}: email_notifications, mail_removed_notify, mailbox_opened_notify"
    assert rows(household.app, "SELECT subject FROM audit_log") == [(changed,)]
    browser.post(f"{page}/told")
    assert rows(household.app, query) == [(0, 0, 0, 0)]
    assert 'name="on"' not in browser.get(page_of(household, household.gateway)).text


@pytest.mark.parametrize("form", [{"check_interval": "0"}, {"check_interval": "soon"}, {"name": " "}])
def test_what_no_device_takes_is_told_and_changes_nothing(
    household: Household, browser: TestClient, form: dict[str, str]
) -> None:
    page = page_of(household, household.board)
    answer = browser.post(f"{page}/settings", data={"name": "Board", "is_active": "yes"} | form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert next(iter(form)).replace("_", " ") in answer.text
    assert wishes(household) == "{}"


def test_a_device_is_deleted_after_it_was_asked_for(household: Household, browser: TestClient) -> None:
    page = page_of(household, household.board)
    assert "Delete Board?" in browser.get(f"{page}/delete").text
    assert browser.get(page).status_code == 200
    assert browser.post(f"{page}/delete").headers["location"] == "/devices"
    assert browser.get(page).status_code == 404
    assert household.board.thing not in browser.get("/devices").text
    jobs = [(stage, household.board.id) for stage in ("revoke_device", "end_episodes")]
    assert rows(household.app, "SELECT stage, subject_id FROM jobs ORDER BY id") == jobs


def test_a_device_is_claimed_by_its_code(household: Household, browser: TestClient) -> None:
    with household.app.database.write() as unit_of_work:
        thing, _ = provision_unclaimed(unit_of_work, household.app.authority, "board", CODE)
    assert "Claim code" in browser.get("/devices/add").text
    wrong = browser.post("/devices/add", data={"code": CODE[:-1], "mailbox": "Gate"})
    assert (wrong.status_code, "expected a claim code" in wrong.text) == (422, True)
    assert browser.post("/devices/add", data={"code": CODE, "mailbox": " "}).status_code == 422
    claimed = browser.post("/devices/add", data={"code": CODE.lower(), "mailbox": "Gate"})
    assert claimed.status_code == 303
    assert thing in browser.get(claimed.headers["location"]).text
    assert browser.post("/devices/add", data={"code": CODE, "mailbox": "Gate"}).status_code == 404


def test_a_code_that_was_lost_is_replaced_on_the_page_that_shows_what_waits(
    app: Application, household: Household, browser: TestClient, logged_in: Login
) -> None:
    assert "Not claimed yet" not in browser.get("/devices").text
    with app.database.write() as unit_of_work:
        thing, _ = provision_unclaimed(unit_of_work, app.authority, "board", CODE, household.id)
    path = f"/devices/unclaimed/{thing}/code"
    assert f'action="{path}"' in browser.get("/devices").text
    neighbour = logged_in(Household(app, "other@example.org", "Other"))
    assert thing not in neighbour.get("/devices").text
    assert neighbour.post(path).status_code == 404
    assert browser.post(path, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    shown = browser.post(path)
    assert thing in shown.text
    (code,) = re.findall(r"[0-9A-Z]{4}(?:-[0-9A-Z]{4}){3}", shown.text)
    assert neighbour.post("/devices/add", data={"code": CODE, "mailbox": "Gate"}).status_code == 404
    assert neighbour.post("/devices/add", data={"code": code, "mailbox": "Gate"}).status_code == 303
    demote(household, "member")
    assert browser.post(path).status_code == 403


def test_a_device_is_handed_over_to_another_household_of_ones_own(
    app: Application, household: Household, browser: TestClient
) -> None:
    page = page_of(household, household.board)
    assert "Another household" not in browser.get(page).text
    hut = Household(app, "hut@example.org", "Hut")
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_member(hut.id, household.member.user.id, "owner")
    assert "Household of Hut" in browser.get(page).text
    assert browser.post(f"{page}/household", data={"household_id": "nowhere"}).status_code == 404
    assert browser.post(f"{page}/household", data={"household_id": hut.id}).headers["location"] == "/devices"
    assert browser.get(page).status_code == 404
    with app.database.read() as unit_of_work:
        assert DeviceRepository(unit_of_work).get(hut.id, household.board.id)


def test_nobody_else_sees_or_changes_a_device(
    app: Application, household: Household, stranger: TestClient, logged_in: Login
) -> None:
    page = page_of(household, household.board)
    neighbour = logged_in(Household(app, "other@example.org", "Other"))
    for path in (page, f"{page}/delete"):
        assert (stranger.get(path).status_code, neighbour.get(path).status_code) == (401, 404)
    for form in ("settings", "told", "household", "delete"):
        assert stranger.post(f"{page}/{form}").status_code == 401
        assert neighbour.post(f"{page}/{form}", data={"name": "Mine"}).status_code == 404
    assert stranger.get("/devices/add").status_code == 401
    assert stranger.post("/devices/add", data={"code": CODE}).status_code == 401
    assert rows(app, "SELECT count(*) FROM jobs") == [(0,)]


@pytest.mark.parametrize("number", ["0", "x", "-1", "9" * 30, "%C2%B2"])
def test_what_is_no_device_is_a_page_that_says_so(browser: TestClient, number: str) -> None:
    answer = browser.get(f"/devices/{number}")
    assert (answer.status_code, "There is no such device here" in answer.text) == (404, True)


def test_another_website_changes_nothing(household: Household, browser: TestClient) -> None:
    page = page_of(household, household.board)
    elsewhere = {"sec-fetch-site": "cross-site"}
    for path in (f"{page}/settings", f"{page}/told", f"{page}/household", f"{page}/delete", "/devices/add"):
        assert browser.post(path, data={"name": "Mine"}, headers=elsewhere).status_code == 403
    assert rows(household.app, "SELECT count(*) FROM audit_log") == [(0,)]


@pytest.mark.parametrize(("role", "may_write"), [("viewer", False), ("member", True)])
def test_a_page_shows_only_what_the_role_may_do_and_does_no_more(
    household: Household,
    browser: TestClient,
    role: str,
    may_write: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    page = page_of(household, household.board)
    demote(household, role)
    shown = browser.get(page).text
    assert ("<h2>Settings</h2>" in shown, "Delete this device" in shown) == (may_write, False)
    assert "Add a device" not in browser.get("/devices").text
    assert set_up(browser, page, name="Mine") == (303 if may_write else 403)
    assert browser.post(f"{page}/told").status_code == (303 if may_write else 403)
    for path in (f"{page}/household", f"{page}/delete", "/devices/add"):
        assert browser.post(path, data={"code": CODE, "mailbox": "Gate"}).status_code == 403
