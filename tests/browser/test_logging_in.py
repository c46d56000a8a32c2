"""From the link in a terminal to the deliveries with one click, and out again."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PHONE, Site, Visit, serving

pytestmark = pytest.mark.slow


def test_a_link_and_one_click_lead_in_and_one_click_leads_out(site: Site, visit: Visit) -> None:
    page = visit(site, f"/login/{site.household.login_link()}", logged_in=False, viewport=PHONE)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1, name="Deliveries")).to_be_visible()
    cookie = page.context.cookies()[0]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
    assert page.context.cookies() == []


def test_the_enter_key_is_enough(site: Site, visit: Visit) -> None:
    page = visit(site, f"/login/{site.household.login_link()}", logged_in=False)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1, name="Deliveries")).to_be_visible()


def test_a_button_without_javascript_logs_in_too(site: Site, visit: Visit) -> None:
    page = visit(site, f"/login/{site.household.login_link()}", logged_in=False, java_script_enabled=False)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1, name="Deliveries")).to_be_visible()


def test_a_name_in_the_home_network_without_https_works_as_well(tmp_path: Path, visit: Visit) -> None:
    with serving(tmp_path, "pillarbox.test") as site:  # browsers say less of a request to such an address
        page = visit(site, f"/login/{site.household.login_link()}", logged_in=False)
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1, name="Deliveries")).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("heading", name="You are logged out")).to_be_visible()
