"""Devices say how they are; problems say what went wrong, each once."""

import re

import pytest
from starlette.testclient import TestClient

from cloud import pipeline
from cloud.accounts.sharing.audit import Actor
from cloud.accounts.sharing.repository import SharingRepository
from cloud.devices import registration
from cloud.devices.model import Report
from cloud.devices.ownership.model import CODE_BYTES, claim_code
from cloud.devices.ownership.service import provision_unclaimed
from cloud.devices.registration import NewOne
from cloud.devices.repository import DeviceRepository
from cloud.notifications.alarms import raise_and_end
from cloud.ports.event_queue import Event
from cloud.web.pages.devices import signal_of, state_of
from cloud.web.pages.problem_list import MOST_PROBLEMS
from cloud.web.pages.site import PAGE_LENGTH
from tests.unit.web.conftest import Login
from tests.unit.web.household import NOON, Household

HOUR_S = 3600


@pytest.mark.parametrize(
    ("online", "last_seen", "next_s", "state"),
    [
        (None, None, None, "never"),
        (1, NOON, None, "well"),
        (0, NOON, None, "silent"),
        (None, NOON - HOUR_S * 1000, HOUR_S, "asleep"),
        (None, NOON - 2 * HOUR_S * 1000, HOUR_S, "silent"),
        (None, NOON - 48 * HOUR_S * 1000, None, "asleep"),
    ],
)
def test_a_sleeping_board_is_judged_by_when_it_said_it_would_wake(
    online: int | None, last_seen: int | None, next_s: int | None, state: str
) -> None:
    assert state_of(online=online, last_seen=last_seen, next_s=next_s, now=NOON) == state


@pytest.mark.parametrize(("rssi", "words"), [(None, ""), (-50, "good"), (-65, "good"), (-70, "fair"), (-80, "weak")])
def test_a_signal_is_told_in_words(rssi: int | None, words: str) -> None:
    assert signal_of(rssi) == words


def test_the_devices_page_shows_what_each_said_of_itself(household: Household, browser: TestClient) -> None:
    assert "Has not reported yet" in browser.get("/devices").text
    with household.app.database.write() as unit_of_work:
        devices = DeviceRepository(unit_of_work)
        health = Report(firmware="1.2.0", batt_mv=3412, rssi=-71, next_s=21600, lost=2)
        devices.record(household.board, health, unit_of_work.now)
        devices.record(household.gateway, Report(online=False), unit_of_work.now)
    page = browser.get("/devices").text
    assert "3.41 V: low, please charge" in page
    assert "fair" in page
    assert "1.2.0" in page
    assert "2 events that no longer fitted" in page
    assert "Not heard of" in page
    assert "Well, asleep between reports" in page


def test_an_alarm_stands_with_its_device_until_it_ends(household: Household, browser: TestClient) -> None:
    with household.app.database.write() as unit_of_work:
        DeviceRepository(unit_of_work).record(household.board, Report(batt_mv=3400), unit_of_work.now)
        raise_and_end(unit_of_work, 0)
    assert "Alarm: low battery since" in browser.get("/devices").text
    with household.app.database.write() as unit_of_work:
        DeviceRepository(unit_of_work).record(household.board, Report(batt_mv=4000), unit_of_work.now)
        raise_and_end(unit_of_work, 0)
    assert "Alarm" not in browser.get("/devices").text


def test_many_devices_are_shown_by_pages_newest_first(household: Household, browser: TestClient) -> None:
    with household.app.database.write() as unit_of_work:
        for number in range(PAGE_LENGTH):
            new = NewOne(f"device {number}", "board", {})
            registration.register(unit_of_work, Actor(household.member, ""), new, household.app.ports.most_devices)
    first = browser.get("/devices").text
    (older,) = re.findall(r"/devices\?before=(\d+)", first)
    second = browser.get(f"/devices?before={older}").text
    assert [page.count("<article") for page in (first, second)] == [PAGE_LENGTH, 2]
    assert "device 0" in first
    assert household.board.id in second
    assert "That was all" in browser.get("/devices?before=1").text
    assert browser.get("/devices?before=x").status_code == 404


def test_of_many_devices_that_wait_the_first_are_shown(household: Household, browser: TestClient) -> None:
    app = household.app
    with app.database.write() as unit_of_work:
        for number in range(PAGE_LENGTH + 1):
            code = claim_code(bytes([number] * CODE_BYTES))
            provision_unclaimed(unit_of_work, app.authority, "board", code, household.id)
    page = browser.get("/devices").text
    assert (page.count('id="waiting-'), "More wait than these" in page) == (PAGE_LENGTH, True)


def test_a_household_without_problems_is_told_so(browser: TestClient) -> None:
    page = browser.get("/problems").text
    assert "All is well" in page
    assert 'class="count"' not in page


def test_a_problem_has_its_stage_its_reason_and_its_subject(household: Household, browser: TestClient) -> None:
    household.parks("events", "seq: expected a whole number, got -3", "board-1")
    page = browser.get("/problems").text
    assert "A message of the board could not be taken" in page
    assert "Seq: expected a whole number, got -3." in page
    assert "board-1" in page
    assert '<span class="count">1</span>' in browser.get("/letters").text


def test_a_problem_that_came_several_times_is_told_once_with_its_number(
    household: Household, browser: TestClient
) -> None:
    for _ in range(3):
        household.parks("events", "seq: expected a whole number, got -3", "board-1")
    page = browser.get("/problems").text
    assert page.count("<article") == 1
    assert "came 3 times" in page


def test_a_failed_image_and_its_parked_job_are_one_problem(household: Household, browser: TestClient) -> None:
    image = household.failed_image(household.opens(), "a blank page: no text found")
    household.parks("analyse_letter", "a blank page: no text found", image.id)
    refused = household.failed_image(household.opens(), "expected a JPEG image, got a PDF")
    household.parks("uploads", "expected a JPEG image, got a PDF", refused.image_id)
    page = browser.get("/problems").text
    assert page.count("<article") == 2
    assert f"/images/{image.id}.jpg?size=thumb" in page


def test_a_failed_image_without_a_job_is_a_problem_of_its_own(household: Household, browser: TestClient) -> None:
    household.failed_image(household.opens(), "expected 900 bytes, got 12")
    assert "Expected 900 bytes, got 12." in browser.get("/problems").text


def test_an_unknown_stage_is_still_told(household: Household, browser: TestClient) -> None:
    household.parks("juggle", "dropped one", "ball-3")
    assert "Something could not be done" in browser.get("/problems").text


def test_very_many_problems_are_counted_to_a_hundred(household: Household, browser: TestClient) -> None:
    for number in range(MOST_PROBLEMS + 5):
        household.parks("events", f"fault {number}", f"board-{number}")
    page = browser.get("/problems").text
    assert f'<span class="count">{MOST_PROBLEMS}+</span>' in page
    assert page.count("<article") == MOST_PROBLEMS
    assert f"Fault {MOST_PROBLEMS + 4}." in page


def test_an_owner_tries_a_problem_again(household: Household, browser: TestClient) -> None:
    image = household.failed_image(household.opens(), "a model is missing")
    with household.app.database.write() as unit_of_work:
        household.app.queue.put(unit_of_work, "read_image", Event("image_stored", household.id, image.id))
    job = household.app.queue.lease(("read_image",), 60_000)
    assert job is not None
    pipeline.park(household.app.ports, household.app.queue, job, "a model is missing")
    page = browser.get("/problems").text
    assert f'action="/problems/{job.job_id}/retry"' in page
    answer = browser.post(f"/problems/{job.job_id}/retry", headers={"sec-fetch-site": "same-origin"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/problems")
    assert "All is well" in browser.get("/problems").text
    assert browser.post(f"/problems/{job.job_id}/retry").status_code == 404


def test_a_problem_is_tried_again_only_from_our_pages_by_its_own_owner(
    household: Household, browser: TestClient, logged_in: Login, stranger: TestClient
) -> None:
    household.parks("heartbeat", "a fault of ours", "board-1")
    (parked,) = household.parked()
    address = f"/problems/{parked.id}/retry"
    neighbour = logged_in(Household(household.app, "neighbour@example.org", "Noor"))
    assert neighbour.post(address).status_code == 404
    assert stranger.post(address).status_code == 401
    assert browser.post(address, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    with household.app.database.write() as unit_of_work:
        SharingRepository(unit_of_work).change_role(household.id, household.member.user.id, "member")
    assert browser.post(address).status_code == 403
    assert "Try again" not in browser.get("/problems").text
    assert household.parked() == [parked]


def test_a_refused_upload_offers_no_second_try(household: Household, browser: TestClient) -> None:
    household.parks("uploads", "expected a JPEG image, got a PDF", "image-1")
    assert "Try again" not in browser.get("/problems").text
