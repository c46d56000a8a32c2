"""A device's page as a person uses it: settings, the board's answer, and the end."""

import json

import pytest

from cloud.devices.model import Report
from cloud.devices.repository import DeviceRepository
from tests.browser.conftest import PHONE, Site, Visit, board_path

pytestmark = pytest.mark.slow


def test_a_setting_is_saved_and_answered_while_something_else_is_being_typed(site: Site, visit: Visit) -> None:
    page = visit(site, "/devices", viewport=PHONE)
    page.get_by_role("link", name="Board").click()
    page.get_by_label("Reports at least every").fill("90")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("the board learns of it when it wakes").wait_for()
    page.get_by_label("Name").fill("Front ga")
    with site.household.app.database.write() as unit_of_work:
        report = Report(reported=json.dumps({"settings": {"heartbeat_s": 5400}, "refused": {}}))
        DeviceRepository(unit_of_work).record(site.household.board, report, unit_of_work.now)
    page.get_by_text("the board does so").wait_for()
    assert page.get_by_label("Name").input_value() == "Front ga"
    assert page.evaluate("document.activeElement.name") == "name"


def test_what_one_is_told_is_switched_off_and_stays_so(site: Site, visit: Visit) -> None:
    page = visit(site, board_path(site), viewport=PHONE)
    page.get_by_label("The mailbox was emptied", exact=True).uncheck()
    page.get_by_role("button", name="Tell me this").click()
    page.get_by_role("heading", name="How it is").wait_for()
    page.reload()
    assert not page.get_by_label("The mailbox was emptied", exact=True).is_checked()
    assert page.get_by_label("Mail was delivered").is_checked()


def test_a_device_goes_only_after_it_was_asked_for_again(site: Site, visit: Visit) -> None:
    page = visit(site, board_path(site))
    page.get_by_role("link", name="Delete this device").click()
    page.get_by_role("link", name="Keep it").click()
    page.get_by_role("heading", name="How it is").wait_for()
    page.get_by_role("link", name="Delete this device").click()
    page.get_by_role("button", name="Delete it").click()
    page.wait_for_url("**/devices")
    assert page.get_by_role("article").count() == 1
