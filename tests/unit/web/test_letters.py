"""A letter's page: what it says, the words that prove it, and where they stand on the image."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from cloud.images.model import DUPLICATE
from cloud.letters.model import Fact
from cloud.notifications.findings import Finding, ReadLetter, findings
from cloud.web.pages.letters import boxes, stretches
from tests.unit.web.household import BILL, BILL_FACTS, BILL_TEXT, Household, fact, jpeg, page_of


def finding(*facts: Fact) -> Finding:
    return Finding(facts[0].kind, facts[0].value, facts)


def test_the_letter_page_shows_each_finding_with_the_line_that_proves_it(
    household: Household, browser: TestClient
) -> None:
    _, letter = household.delivery(BILL, BILL_FACTS)
    page = browser.get(f"/letters/{letter.id}").text
    assert '<h1 dir="auto">Northmoor Energy</h1>' in page
    assert "<b>Please pay by 7 December 2026</b>" in page
    assert "7 December 2026" in page
    assert "£84.20" in page
    assert "Home and utilities" in page
    assert "93 % sure" in page
    assert 'lang="en"' in page
    assert '<mark data-finding="0">' in page


def test_the_text_is_whole_and_unchanged_between_its_marks(household: Household, browser: TestClient) -> None:
    _, letter = household.delivery(BILL, BILL_FACTS)
    page = browser.get(f"/letters/{letter.id}").text
    shown = re.search(r'<div class="text"[^>]*>(.*?)</div>', page, re.DOTALL)
    assert shown
    assert re.sub(r"<[^>]+>", "", shown[1]) == BILL_TEXT


def test_a_letter_without_facts_says_so(household: Household, browser: TestClient) -> None:
    plain = replace(BILL, due_date=None, amount=None, what_to_do=None, sender=None, subject=None, reference=None)
    _, letter = household.delivery(plain)
    page = browser.get(f"/letters/{letter.id}").text
    assert "No date, amount or reference was found" in page
    assert "Sender not recognised" in page


def test_a_second_image_of_a_letter_is_on_its_page(household: Household, browser: TestClient) -> None:
    episode_id, letter = household.delivery(BILL, BILL_FACTS)
    second = household.image(episode_id, jpeg("the other side"), state=DUPLICATE, letter_id=letter.id)
    page = browser.get(f"/letters/{letter.id}").text
    assert f"/images/{second.id}.jpg?size=page" in page
    assert page.count("<figure>") == 2
    assert page.index("size=page") < page.index(f"/images/{second.id}.jpg?size=page")


def test_letters_are_listed_newest_first_with_an_image(household: Household, browser: TestClient) -> None:
    household.delivery(replace(BILL, sender="First Sender"), BILL_FACTS)
    household.delivery(replace(BILL, sender="Second Sender"), BILL_FACTS)
    page = browser.get("/letters").text
    assert page.index("Second Sender") < page.index("First Sender")
    assert page.count("size=thumb") == 2


def test_an_unknown_letter_is_not_found(browser: TestClient) -> None:
    assert browser.get("/letters/unknown").status_code == 404


def test_stretches_overlap_where_quotes_do() -> None:
    text = "Pay £84.20 by 7 December"
    wide, narrow = fact("due_date", "x", text, text=text), fact("amount", "y", "£84.20", text=text)
    cut = stretches(text, [finding(wide), finding(narrow)])
    assert [(one.text, one.findings) for one in cut] == [
        ("Pay ", (0,)), ("£84.20", (0, 1)), (" by 7 December", (0,)),
    ]  # fmt: skip
    assert [one.begins for one in cut] == [("0-0",), ("1-0",), ()]


def test_a_quote_that_is_not_in_the_text_marks_nothing() -> None:
    strange = Fact("amount", "1 EUR", "elsewhere", (0,), 3, 12, 0.9, "stated")
    assert [one.findings for one in stretches("Pay by Monday", [finding(strange)])] == [()]


@given(st.text(max_size=60), st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=5))
def test_stretches_always_add_up_to_the_text(text: str, places: list[tuple[int, int]]) -> None:
    facts = [Fact("amount", str(n), text[a:b], (0,), a, b, 0.5, "stated") for n, (a, b) in enumerate(places)]
    assert "".join(one.text for one in stretches(text, [finding(one) for one in facts])) == text


def test_a_box_covers_the_part_of_the_line_that_is_quoted() -> None:
    part = fact("amount", "84.20 GBP", "£84.20")  # the last third of "Total to pay £84.20", the third line
    (box,) = boxes(page_of(BILL_TEXT), BILL_TEXT, [finding(part)])
    corners = [tuple(map(int, point.split(","))) for point in box.points.split()]
    assert corners[0][1] == 80
    assert corners[2][1] == 104
    assert 190 < corners[0][0] < 200
    assert corners[1][0] == 280


def test_boxes_of_another_reading_cover_whole_lines_and_lines_that_are_gone_none() -> None:
    known = replace(fact("amount", "84.20 GBP", "£84.20"), line_ids=(2, 99))
    (box,) = boxes(page_of(BILL_TEXT), "another text", [finding(known)])
    assert box.points == "20,80 280,80 280,104 20,104"


def test_one_value_at_two_places_is_one_finding_with_two_proofs() -> None:
    text = "Total £84.20\nTo pay £84.20"
    first = fact("amount", "84.20 GBP", "Total £84.20", text=text, tier="possible")
    second = fact("amount", "84.20 GBP", "To pay £84.20", text=text)
    (found,) = findings(ReadLetter(BILL, (first, second)))
    assert found.proofs == (second, first)
    assert not found.is_possible
