"""What belongs to another household is not there; what letters say cannot act on a page."""

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from cloud.bootstrap import Application
from cloud.images.model import WAITING
from cloud.mail.repository import MailRepository
from cloud.ports.event_queue import Parked
from tests.unit.web.conftest import Login
from tests.unit.web.household import BILL, BILL_FACTS, Household, fact, jpeg

ATTACK = '<script>alert(1)</script><img src=x onerror=alert(2)>"\'><a href="javascript:alert(3)">x</a>'
RIGHT_TO_LEFT = "\u202ecod.exe\u202c"


@pytest.fixture
def neighbour(app: Application) -> Household:
    return Household(app, "ben@example.org", "Ben")


def test_another_households_things_are_not_found(neighbour: Household, browser: TestClient) -> None:
    episode_id, letter = neighbour.delivery(BILL, BILL_FACTS)
    image = neighbour.image(episode_id, jpeg("secret"))
    with neighbour.app.database.read() as unit_of_work:
        mail = MailRepository(unit_of_work).headings(neighbour.id, 1)[0]
    for path in (
        f"/letters/{letter.id}",
        f"/outbox/{mail.id}",
        f"/outbox/{mail.id}/body",
        f"/outbox/{mail.id}/images/0",
        f"/images/{image.id}.jpg",
    ):
        answer = browser.get(path)
        assert answer.status_code == 404, path
        assert "Northmoor" not in answer.text


def test_lists_show_only_the_own_household(neighbour: Household, browser: TestClient) -> None:
    neighbour.delivery(BILL, BILL_FACTS)
    neighbour.parks("events", "a fault of theirs", "board-of-theirs")
    for path in ("/", "/letters", "/outbox", "/devices", "/problems"):
        page = browser.get(path).text
        assert "Northmoor" not in page
        assert "theirs" not in page
        assert neighbour.board.thing not in page


def test_messages_of_unknown_devices_are_not_shown_to_any_household(app: Application, browser: TestClient) -> None:
    with app.database.write() as unit_of_work:
        app.queue.park(unit_of_work, Parked("events", "expected a known device", None, "stranger-1"))
    assert "stranger-1" not in browser.get("/problems").text


def test_what_a_letter_says_is_shown_and_never_done(household: Household, browser: TestClient) -> None:
    words = f"{ATTACK}\n{RIGHT_TO_LEFT}"
    hostile = replace(
        BILL, sender=ATTACK, subject=ATTACK, summary=ATTACK, what_to_do=ATTACK, recipient=ATTACK,
        reference=ATTACK[:90], language='en" onload="x', category=ATTACK[:30], text=words,
    )  # fmt: skip
    _, letter = household.delivery(hostile, (fact("reference", ATTACK, ATTACK, text=words),))
    household.parks("events", ATTACK, ATTACK[:60])
    household.failed_image(household.opens(), ATTACK)
    mail = re.findall(r"/outbox/[0-9a-f-]{36}", browser.get("/outbox").text)[0]
    for path in ("/", "/letters", f"/letters/{letter.id}", "/outbox", mail, f"{mail}/body", "/problems"):
        page = browser.get(path).text
        assert "<script>alert" not in page, path
        assert "<img src=x" not in page, path
        assert 'href="javascript' not in page, path
        assert 'onload="x' not in page.replace("&#34;", '""'), path
        assert "&lt;script&gt;alert" in page or "alert(1)" not in page, path


def test_words_with_a_reading_direction_stay_in_their_own_element(household: Household, browser: TestClient) -> None:
    household.delivery(replace(BILL, sender=f"Bank {RIGHT_TO_LEFT}", subject="הנדון: חשבון"), ())
    page = browser.get("/letters").text
    assert 'dir="auto">Bank' in page
    assert re.search(r'<p class="subject" dir="auto"[^>]*>הנדון', page)


def test_an_image_is_for_members_and_is_asked_for_again(household: Household, browser: TestClient) -> None:
    image = household.image(None, jpeg("mine"))
    answer = browser.get(f"/images/{image.id}.jpg?size=thumb")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8\xff")
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = browser.get(f"/images/{image.id}.jpg?size=thumb", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = browser.get(f"/images/{image.id}.jpg?size=page", headers={"if-none-match": answer.headers["etag"]})
    assert other.status_code == 200


def test_an_image_that_never_arrived_is_not_found(household: Household, browser: TestClient) -> None:
    image = household.image(None, jpeg("late"), state=WAITING, uploaded_at=None)
    assert browser.get(f"/images/{image.id}.jpg").status_code == 404


def test_a_size_that_does_not_exist_is_refused(household: Household, browser: TestClient) -> None:
    image = household.image(None, jpeg("mine"))
    assert browser.get(f"/images/{image.id}.jpg?size=huge").status_code == 422


def test_each_household_sees_its_own_even_with_the_same_letter(
    household: Household, neighbour: Household, logged_in: Login
) -> None:
    _, mine = household.delivery(BILL, BILL_FACTS)
    _, theirs = neighbour.delivery(BILL, BILL_FACTS)
    assert logged_in(neighbour).get(f"/letters/{theirs.id}").status_code == 200
    assert logged_in(neighbour).get(f"/letters/{mine.id}").status_code == 404
