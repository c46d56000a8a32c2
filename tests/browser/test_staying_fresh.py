"""A page that is left open shows what comes, disturbs nobody, and asks nothing while it is hidden."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Site, Visit
from tests.unit.web.household import BILL, BILL_FACTS, MINUTE, NOON, jpeg

pytestmark = pytest.mark.slow

SET_HIDDEN = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def remember(page: Page) -> None:
    """Leave a mark in the page that a reload would wipe away."""
    page.evaluate("window.mark = 'still the same page'")


def is_the_same(page: Page) -> bool:
    return bool(page.evaluate("window.mark === 'still the same page'"))


def test_a_delivery_appears_and_goes_through_its_steps_without_a_reload(site: Site, visit: Visit) -> None:
    page = visit(site, "/")
    expect(page.get_by_text("Nothing has come yet")).to_be_visible()
    remember(page)
    household = site.household
    episode = household.opens()
    household.change_episode(episode, opened_at=NOON)
    household.closes(episode, image_count=None)
    expect(page.get_by_text("Waiting for the camera")).to_be_visible(timeout=15_000)
    household.change_episode(episode, image_count=1)
    image = household.image(episode, jpeg("bill"))
    expect(page.get_by_text("Reading the picture")).to_be_visible(timeout=15_000)
    household.letter(image, BILL, BILL_FACTS)
    household.tell(episode)
    expect(page.get_by_text("Pay £84.20 by 7 December 2026")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Told by e-mail")).to_be_visible()
    assert is_the_same(page)
    expect(page.get_by_role("status")).to_have_text("The page has changed.")


def test_scroll_position_and_focus_stay_when_something_new_comes(site: Site, visit: Visit) -> None:
    household = site.household
    for number in range(8):
        household.delivery(BILL, BILL_FACTS, NOON + number * MINUTE)
    page = visit(site, "/")
    link = page.get_by_role("link", name="Northmoor Energy").nth(5)
    link.focus()
    link.scroll_into_view_if_needed()
    before = link.bounding_box()
    address = link.get_attribute("href")
    household.delivery(BILL, BILL_FACTS, NOON + 60 * MINUTE)
    expect(page.locator("article")).to_have_count(9, timeout=15_000)
    assert page.evaluate("document.activeElement.getAttribute('href')") == address
    after = page.locator(":focus").bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) < 2
    expect(page.get_by_role("status")).to_have_text("Something new has come.")


def test_the_number_of_problems_is_kept_up_to_date_on_other_pages(site: Site, visit: Visit) -> None:
    page = visit(site, "/letters")
    site.household.parks("events", "a fault", "board-1")
    expect(page.get_by_role("link", name="Problems 1")).to_be_visible(timeout=15_000)


def test_a_page_that_has_not_changed_is_left_alone(site: Site, visit: Visit) -> None:
    site.household.delivery(BILL, BILL_FACTS)
    page = visit(site, "/letters")
    page.evaluate("""() => {
      window.changes = 0;
      new MutationObserver(() => { window.changes += 1; }).observe(document.body, { subtree: true, childList: true });
    }""")
    for _ in range(2):
        with page.expect_response(lambda answer: answer.status == 304, timeout=15_000):
            pass
    assert page.evaluate("window.changes") == 0


def test_a_hidden_page_asks_nothing_until_it_is_seen_again(site: Site, visit: Visit) -> None:
    page = visit(site, "/")
    page.clock.install()
    page.reload()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "x-fragment" in request.headers else None)
    page.evaluate(SET_HIDDEN, True)  # noqa: FBT003 - the script's argument
    page.clock.run_for(60_000)
    assert asked == []
    with page.expect_request(lambda request: "x-fragment" in request.headers):
        page.evaluate(SET_HIDDEN, False)  # noqa: FBT003


def test_a_page_whose_session_has_ended_says_so(site: Site, visit: Visit) -> None:
    page = visit(site, "/devices", refused=True)
    page.context.clear_cookies()
    expect(page.get_by_role("heading", name="Please log in")).to_be_visible(timeout=15_000)
