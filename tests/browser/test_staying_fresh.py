"""A page that is left open shows what comes, disturbs nobody, and asks nothing while it is hidden."""

import pytest
from playwright.sync_api import Page, Response, Route, expect

from tests.browser.conftest import Site, Visit
from tests.unit.cloud.messages import event
from tests.unit.web.household import BILL, BILL_FACTS, MINUTE, NOON, jpeg

pytestmark = pytest.mark.slow

PATIENCE_MS = 60_000
NOT_MODIFIED = 304

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
    expect(page.get_by_text("Reading the image")).to_be_visible(timeout=15_000)
    household.letter(image, BILL, BILL_FACTS)
    household.tell(episode)
    expect(page.get_by_text("Pay £84.20 by 7 December 2026")).to_be_visible(timeout=15_000)
    expect(page.get_by_text("Told by e-mail")).to_be_visible()
    assert is_the_same(page)
    expect(page.get_by_role("status")).to_have_text("The page has changed.")


def test_openings_that_are_missing_appear_and_go_again_without_a_reload(site: Site, visit: Visit) -> None:
    page = visit(site, "/")
    remember(page)
    site.household.says(event("boot", 1))
    site.household.says(event("boot", 4))
    expect(page.get_by_text("1 opening may be missing")).to_be_visible(timeout=15_000)
    site.household.says(event("boot", 2), event("boot", 3))
    expect(page.get_by_text("may be missing")).to_have_count(0, timeout=15_000)
    assert is_the_same(page)


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
    expect(page.locator("article")).to_have_count(9, timeout=PATIENCE_MS)
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
    with page.expect_response(lambda answer: answer.status == NOT_MODIFIED, timeout=PATIENCE_MS):
        site.household.opens()
    assert page.evaluate("window.changes") == 0


def test_a_hidden_page_asks_nothing_and_is_brought_up_to_date_when_it_is_seen_again(site: Site, visit: Visit) -> None:
    page = visit(site, "/")
    page.clock.install()
    with page.expect_response(is_fragment):
        page.reload()
    page.evaluate(SET_HIDDEN, True)  # noqa: FBT003 - the script's argument
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    site.household.opens()
    page.clock.run_for(120_000)
    assert asked == []
    page.evaluate(SET_HIDDEN, False)  # noqa: FBT003
    expect(page.locator("article")).to_have_count(1, timeout=PATIENCE_MS)


def test_a_page_whose_stream_is_refused_asks_instead(site: Site, visit: Visit) -> None:
    page = visit(site, "/", refused=True)
    page.context.route("**/live", refuse_streams)
    page.clock.install()
    with page.expect_response(is_asking):
        page.reload()
    remember(page)
    site.household.delivery(BILL, BILL_FACTS)
    page.clock.run_for(5_000)
    expect(page.locator("article")).to_have_count(1, timeout=PATIENCE_MS)
    assert is_the_same(page)


def test_a_page_whose_stream_is_cut_takes_it_up_where_it_was(site: Site, visit: Visit) -> None:
    page = visit(site, "/", refused=True)
    with page.expect_response(is_fragment):
        page.reload()
    site.household.opens()
    expect(page.locator("article")).to_have_count(1, timeout=PATIENCE_MS)
    with page.expect_request("**/live", timeout=PATIENCE_MS) as asked:
        site.cut_streams()
    assert int(asked.value.all_headers()["last-event-id"]) > 0
    site.household.opens()
    expect(page.locator("article")).to_have_count(2, timeout=PATIENCE_MS)


def test_what_changes_with_the_time_alone_comes_too(site: Site, visit: Visit) -> None:
    page = visit(site, "/")
    page.clock.install()
    with page.expect_response(is_fragment):
        page.reload()
    with page.expect_request(lambda request: "x-fragment" in request.headers, timeout=PATIENCE_MS):
        page.clock.run_for(61_000)


def test_a_page_whose_session_has_ended_says_so(site: Site, visit: Visit) -> None:
    page = visit(site, "/devices", refused=True)
    site.household.ends_sessions()
    expect(page.get_by_role("heading", name="Please log in")).to_be_visible(timeout=PATIENCE_MS)


def is_fragment(answer: Response) -> bool:
    return "x-fragment" in answer.request.headers


def is_asking(answer: Response) -> bool:
    return answer.url.endswith("/live") and "event-stream" not in answer.request.headers["accept"]


def refuse_streams(route: Route) -> None:
    if "event-stream" in route.request.headers["accept"]:
        route.fulfill(status=429)
    else:
        route.continue_()
