"""The deliveries page tells what came, what is being done about it, and refreshes only when something changed."""

import re
from dataclasses import replace
from datetime import date

import pytest
from starlette.testclient import TestClient

from cloud.images.model import DUPLICATE, FAILED, NO_LETTER, READ, WAITING, Image
from cloud.mail.model import MailHeading
from cloud.mailbox_events.model import Episode
from cloud.notifications.model import Delivery, DeliveryImage
from cloud.web.pages.deliveries import OPEN_FOR_LONG_MS, progress
from cloud.web.pages.site import PAGE_LENGTH, day_name
from tests.unit.cloud.messages import event, now
from tests.unit.web.household import BILL, BILL_FACTS, MINUTE, NOON, Household, fact, jpeg

OPEN = Episode("e", "h", "m", "b", NOON, None, None, None, None, None, None)
CLOSED = OPEN._replace(closed_at=NOON + MINUTE, close_event_id="c", settle_at=NOON + 3 * MINUTE)
SETTLED = CLOSED._replace(image_count=1, kind="delivery", settled_at=NOON + 2 * MINUTE)
IMAGE = Image(
    "i", "h", "d", "image-1", "e", None, "0" * 64, 10, 3, 4, NOON, 0, NOON, NOON, "stored", None, NOON
)  # fmt: skip
MAIL = MailHeading("m", "e", "priya@example.org", "A letter", "pending", 0, None, NOON, None)


@pytest.mark.parametrize(
    ("episode", "images", "mails", "words"),
    [
        (OPEN, (), (), "The door is open."),
        (CLOSED, (), (), "The door is closed. Waiting for the camera."),
        (CLOSED._replace(image_count=2), (), (), "Receiving 2 images: 0 of 2 here."),
        (CLOSED._replace(image_count=2), (IMAGE,), (), "Receiving 2 images: 1 of 2 here."),
        (CLOSED._replace(image_count=1), (IMAGE,), (), "Reading the image."),
        (CLOSED._replace(image_count=2), (IMAGE, IMAGE), (), "Reading the images."),
        (CLOSED._replace(image_count=1), (replace(IMAGE, state=READ),), (), "Working out what the letter says."),
        (SETTLED, (IMAGE,), (), "Writing the e-mail."),
        (SETTLED, (IMAGE,), (MAIL,), "Sending the e-mail."),
        (SETTLED, (IMAGE,), (replace(MAIL, state="sent"),), ""),
        (SETTLED, (IMAGE,), (replace(MAIL, state="failed"),), ""),
        (SETTLED._replace(kind="collection"), (), (), ""),
    ],
)
def test_progress_is_told_in_words(
    episode: Episode, images: tuple[Image, ...], mails: tuple[MailHeading, ...], words: str
) -> None:
    delivery = Delivery(episode, "Front gate", tuple(map(DeliveryImage, images)), has_gateway=True)
    assert progress(delivery, mails, NOON + MINUTE) == words


def test_a_door_that_stays_open_is_no_longer_called_progress() -> None:
    delivery = Delivery(OPEN, "Front gate", (), has_gateway=True)
    assert progress(delivery, (), NOON + OPEN_FOR_LONG_MS) == ""


def test_without_a_camera_nobody_waits_for_one() -> None:
    delivery = Delivery(CLOSED, "Front gate", (), has_gateway=False)
    assert progress(delivery, (), NOON + MINUTE) == "The door is closed."


def test_an_empty_page_explains_what_will_happen(browser: TestClient) -> None:
    page = browser.get("/").text
    assert "Nothing has come yet" in page
    assert "priya@example.org" in page


def test_a_delivery_shows_who_wrote_and_what_to_do_and_links_its_email(
    household: Household, browser: TestClient
) -> None:
    _, letter = household.delivery(BILL, BILL_FACTS)
    page = browser.get("/").text
    assert f'href="/letters/{letter.id}"' in page
    assert "Northmoor Energy" in page
    assert "Pay £84.20 by 7 December 2026" in page
    assert "please confirm" not in page
    assert re.search(r'href="/outbox/[0-9a-f-]+">\s*Told by e-mail', page)
    assert "Front gate" in page
    assert 'datetime="2026-11-21T12:01:00+00:00">12:01<' in page


def test_possible_values_are_marked(household: Household, browser: TestClient) -> None:
    facts = (fact("due_date", "2026-12-07", "7 December 2026", tier="possible"),)
    household.delivery(replace(BILL, what_to_do="Pay Northmoor Energy"), facts)
    page = browser.get("/").text
    assert re.search(
        r'<time datetime="2026-12-07">Monday 7 December 2026</time>\s*<span class="confirm">please confirm', page
    )
    assert re.search(r'<data value="84.20 GBP">£84.20</data>\s*</dd>', page)


def test_a_failed_image_is_shown_with_its_reason(household: Household, browser: TestClient) -> None:
    episode_id = household.opens()
    household.closes(episode_id)
    image = household.failed_image(episode_id, "a blank page: no text found")
    household.tell(episode_id)
    page = browser.get("/").text
    assert "A blank page: no text found." in page
    assert f"/images/{image.id}.jpg?size=thumb" in page


def test_an_image_without_a_letter_is_shown_with_its_reason(household: Household, browser: TestClient) -> None:
    episode_id = household.opens()
    household.closes(episode_id)
    image = household.image(episode_id, jpeg("blank"), state=NO_LETTER, reason="no text found: a blank page")
    household.tell(episode_id)
    page = browser.get("/").text
    assert "An image shows no letter" in page
    assert "No text found: a blank page." in page
    assert f"/images/{image.id}.jpg?size=thumb" in page
    assert "All is well" in browser.get("/problems").text


def test_an_image_that_never_arrived_is_told_in_words_and_is_no_broken_picture(
    household: Household, browser: TestClient
) -> None:
    episode_id = household.opens()
    household.closes(episode_id, image_count=2)
    absent = household.image(episode_id, jpeg("absent"), state=WAITING, uploaded_at=None)
    refused = household.image(episode_id, jpeg("refused"), state=FAILED, reason="too large", uploaded_at=None)
    household.tell(episode_id)
    page = browser.get("/").text
    assert re.search(rf'id="absent-{absent.id}">An image that was announced and has not arrived', page)
    assert "Too large." in page
    assert all(f"/images/{image.id}" not in page for image in (absent, refused))


def test_an_image_that_came_before_leads_to_its_letter(household: Household, browser: TestClient) -> None:
    _, letter = household.delivery(BILL, BILL_FACTS)
    episode_id = household.opens(NOON + 60 * MINUTE)
    household.closes(episode_id, NOON + 61 * MINUTE)
    household.image(episode_id, jpeg("again"), state=DUPLICATE, letter_id=letter.id)
    household.tell(episode_id)
    page = browser.get("/").text
    assert "This image came before" in page
    assert page.count(f'href="/letters/{letter.id}"') == 2


def test_a_collection_and_an_opening_without_image_say_so(household: Household, browser: TestClient) -> None:
    collected = household.opens()
    household.closes(collected, image_count=0)
    household.tell(collected)
    silent = household.opens(NOON + MINUTE)
    household.closes(silent, NOON + 2 * MINUTE, image_count=None)
    assert "Waiting for the camera." in browser.get("/").text
    page = browser.get("/").text
    assert "nothing new was in it" in page


def test_openings_that_may_be_missing_are_shown_between_the_times_around_them(
    household: Household, browser: TestClient
) -> None:
    began = now() - 3 * 60 * MINUTE
    household.says(event("open", 1, occurred_at=began), event("close", 2, occurred_at=began))
    household.says(event("open", 7, occurred_at=began + 60 * MINUTE))
    page = re.sub("<[^>]+>", "", browser.get("/").text)
    assert re.search(r"2 openings may be missing between .*\d\d:\d\d and \d\d:\d\d: 4 reports", page)
    household.says(*(event("tamper", seq) for seq in (3, 4, 5, 6)))
    assert "may be missing" not in browser.get("/").text


def test_what_the_board_had_no_room_for_is_shown_too(household: Household, browser: TestClient) -> None:
    household.says(event("open", 1), lost=3)
    page = re.sub("<[^>]+>", "", browser.get("/").text)
    assert re.search(r"2 openings may be missing before \d\d:\d\d: 3 reports .*, for its memory was full", page)


def test_a_time_that_the_board_knew_badly_is_shown_with_its_bound(household: Household, browser: TestClient) -> None:
    household.says(event("open", 1), event("close", 2, err_ms=3 * MINUTE))
    page = re.sub("<[^>]+>", "", browser.get("/").text)
    assert re.search(r"about \d\d:\d\d, ±3 min", page)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("vibration", "only rattled"), ("left_open", "was left open"), ("collection", "nothing new was in it")],
)
def test_every_kind_of_episode_is_told_in_words(
    household: Household, browser: TestClient, kind: str, words: str
) -> None:
    episode = household.opens()
    household.closes(episode, image_count=0)
    household.change_episode(episode, kind=kind, settled_at=NOON + 3 * MINUTE)
    assert words in browser.get("/").text


@pytest.mark.parametrize(
    ("closes_after", "kind", "words"),
    [
        (53, "delivery", "Opened at 12:00, closed at 12:53. No image has come."),
        (None, "delivery", "Opened at 12:00; no closing was reported. The camera takes an image once"),
        (53, "left_open", "left open from 12:00 to 12:53; nothing"),
        (None, "left_open", "left open from 12:00 on, and no closing was reported; nothing"),
    ],
)
def test_an_opening_is_told_with_the_times_that_were_reported(
    household: Household, browser: TestClient, closes_after: int | None, kind: str, words: str
) -> None:
    episode = household.opens()
    ended = NOON + (closes_after or 18) * MINUTE
    household.closes(episode, ended, image_count=None)
    if closes_after is None:
        household.change_episode(episode, close_event_id=None)
    household.change_episode(episode, kind=kind, settled_at=ended + MINUTE)
    page = browser.get("/").text
    assert words in re.sub("<[^>]+>", "", page)
    assert f'<span class="when"><time datetime="2026-11-21T12:{closes_after or 0:02}:00+00:00">' in page


def test_late_images_are_still_on_their_way_after_the_email(household: Household, browser: TestClient) -> None:
    episode_id = household.opens(NOON - 10 * MINUTE)
    household.closes(episode_id, NOON - 9 * MINUTE, image_count=2)
    household.image(episode_id, jpeg("one"), state=WAITING, uploaded_at=None)
    household.change_episode(episode_id, kind="delivery", settled_at=NOON)
    assert "2 images still on the way" in browser.get("/").text


def test_older_deliveries_are_on_further_pages_each_once(household: Household, browser: TestClient) -> None:
    ids = [household.opens(NOON + number * MINUTE) for number in range(PAGE_LENGTH + 3)]
    first = browser.get("/").text
    older = re.search(r'href="(/\?before=[^"]+)" rel="next"', first)
    assert older
    second = browser.get(older[1]).text
    shown = [re.findall(r'id="delivery-([^"]+)"', page) for page in (first, second)]
    assert [len(page) for page in shown] == [PAGE_LENGTH, 3]
    assert shown[0] + shown[1] == ids[::-1]
    assert "Newest" in second
    assert 'rel="next"' not in second


def test_a_page_past_the_end_says_that_it_was_all(browser: TestClient) -> None:
    assert "That was all" in browser.get("/?before=0").text


def test_the_fragment_is_the_page_without_its_frame_and_changes_its_tag_only_with_its_content(
    household: Household, browser: TestClient
) -> None:
    page = browser.get("/").text
    tag = page.partition('data-etag="&#34;')[2].partition("&#34;")[0]
    same = browser.get("/", headers={"x-fragment": "1", "if-none-match": f'"{tag}"'})
    assert same.status_code == 304
    household.opens()
    changed = browser.get("/", headers={"x-fragment": "1", "if-none-match": f'"{tag}"'})
    assert changed.status_code == 200
    assert changed.headers["etag"] != f'"{tag}"'
    assert "<html" not in changed.text
    assert "The door is open." in changed.text or "no closing was reported" in changed.text
    assert changed.text.strip() in browser.get("/").text


def test_the_fragment_without_a_session_is_refused(stranger: TestClient) -> None:
    assert stranger.get("/", headers={"x-fragment": "1"}).status_code == 401


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2026, 11, 21), "Today"),
        (date(2026, 11, 20), "Yesterday"),
        (date(2026, 11, 2), "Monday 2 November"),
        (date(2025, 12, 31), "Wednesday 31 December 2025"),
        (date(2026, 11, 22), "Sunday 22 November"),
    ],
)
def test_days_have_the_names_people_use(day: date, name: str) -> None:
    assert day_name(day, date(2026, 11, 21)) == name
