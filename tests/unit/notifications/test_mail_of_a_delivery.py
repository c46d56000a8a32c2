"""The e-mail of a delivery: what it says in each case, and that every mail program can read it."""

import os
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.accounts.model import Member, User
from cloud.images.model import DUPLICATE, NO_LETTER
from cloud.notifications.findings import ReadLetter
from cloud.notifications.model import Delivery
from tests.unit.notifications.deliveries import (
    APPOINTMENT_READ,
    BILL,
    BILL_READ,
    CLOSED_AT,
    EPISODE,
    JPEG,
    OWNER,
    SILENT_READ,
    SNAPSHOTS,
    brought,
    delivery,
    fact,
    part,
    unreadable,
    written,
)

EARLIER = replace(BILL_READ, letter=replace(BILL, episode_id="e-0", arrived_at=CLOSED_AT - 48 * 3600 * 1000))
MINUTE = 60_000
CASES = {
    "one-letter": delivery(brought(read=BILL_READ)),
    "two-letters": delivery(brought(1, BILL_READ), brought(2, APPOINTMENT_READ)),
    "two-images-of-one-letter": delivery(brought(1, BILL_READ, state=DUPLICATE), brought(2, BILL_READ)),
    "no-facts": delivery(brought(read=SILENT_READ)),
    "unreadable": delivery(unreadable(1, "a blank page: no text found")),
    "no-letter": delivery(brought(state=NO_LETTER, reason="no text found: a blank page")),
    "seen-before": delivery(brought(read=EARLIER, state=DUPLICATE)),
    "no-image": delivery(),
    "no-camera": delivery(has_gateway=False),
    "on-the-way": delivery(missing=2),
    "open-for-long": delivery(episode=EPISODE._replace(opened_at=CLOSED_AT - 53 * MINUTE)),
    "open-over-night": delivery(episode=EPISODE._replace(opened_at=CLOSED_AT - 15 * 60 * MINUTE), missing=1),
    "close-not-reported": delivery(
        episode=EPISODE._replace(opened_at=CLOSED_AT - 10 * MINUTE, close_event_id=None), has_gateway=False
    ),
    "close-not-reported-to-a-camera": delivery(
        episode=EPISODE._replace(opened_at=CLOSED_AT - 10 * MINUTE, close_event_id=None)
    ),
    "opening-not-reported": delivery(episode=EPISODE._replace(opened_at=None)),
    "nothing-reported": delivery(episode=EPISODE._replace(opened_at=None, close_event_id=None), missing=1),
    "partly-read": delivery(brought(1, BILL_READ), brought(2), missing=1),
}


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_delivery_is_told_as_before(name: str) -> None:
    message = written(CASES[name])
    shown = f"Subject: {message['Subject']}\n\n{part(message, 'plain')}"
    # To accept a changed wording: PILLARBOX_ACCEPT=1 pytest tests/unit/notifications, then read the difference.
    for file, text in ((f"{name}.txt", shown), (f"{name}.html", part(message, "html"))):
        if os.environ.get("PILLARBOX_ACCEPT"):
            (SNAPSHOTS / file).write_text(text, encoding="utf-8")
        assert text == (SNAPSHOTS / file).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("no-image", "Opened at 14:04, closed at 14:05. No image has come. The camera may be off"),
        ("open-for-long", "Opened at 13:12, closed at 14:05. No image has come. The camera may be off"),
        (
            "open-over-night",
            "Opened on Friday 20 November 2026 at 23:05, closed on Saturday 21 November 2026 at 14:05. 1 image",
        ),
        (
            "close-not-reported",
            "Opened at 13:55; no closing was reported. No image has come, for this mailbox has no camera.",
        ),
        (
            "close-not-reported-to-a-camera",
            "Opened at 13:55; no closing was reported. The camera takes an image once the door is closed, so none",
        ),
        ("opening-not-reported", "Closed at 14:05; no opening was reported. No image has come."),
        ("nothing-reported", "Noticed at 14:05. 1 image was taken but had not arrived"),
    ],
)
def test_no_mail_tells_a_time_that_nobody_reported(name: str, words: str) -> None:
    message = written(CASES[name])
    assert words in " ".join(part(message, "plain").split())
    assert words.partition(". ")[0] in part(message, "html")


def test_a_door_that_was_opened_and_closed_within_a_minute_is_told_once() -> None:
    text = part(written(delivery(episode=EPISODE._replace(opened_at=CLOSED_AT))), "plain")
    assert "Opened and closed at 14:05. No image" in text


def test_the_headers_say_who_when_and_that_no_robot_should_answer() -> None:
    message = written(CASES["one-letter"])
    assert message["Subject"] == "Northmoor Energy: Pay £84.20 by 7 December 2026"
    assert message["To"] == "Priya Hartley <priya@example.org>"
    assert message["From"] == "Pillarbox <post@pillarbox.example>"
    assert message["Date"].datetime.timestamp() * 1000 == EPISODE.settled_at
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"] == "<delivery.e-1.u-1@pillarbox.example>"
    assert message["X-Pillarbox-Delivery"] == "e-1"


def test_two_owners_get_two_different_messages() -> None:
    other = Member(User("u-2", "sam@example.org", "Sam"), "h-1", "x", "owner")
    assert written(delivery(), other)["Message-ID"] != written(delivery())["Message-ID"]


def test_sender_due_date_and_amount_are_plain_to_people_and_findable_by_programs_in_both_parts() -> None:
    message = written(CASES["one-letter"])
    for kind in ("plain", "html"):
        shown = part(message, kind)
        for words in ("Northmoor Energy", "Monday 7 December 2026", "2026-12-07", "£84.20", "/letters/l-1"):
            assert words in shown, (kind, words)
    assert ITEM.findall(part(message, "html")) == [
        ("due_date", "2026-12-07"),
        ("amount", "84.20 GBP"),
        ("reference", "8504 2217 936"),
    ]


def test_the_text_part_has_no_value_that_only_a_machine_would_write() -> None:
    assert not re.search(r"\[|\]|GBP|None", part(written(CASES["one-letter"]), "plain"))


def test_a_large_amount_is_also_written_without_a_separator_that_other_countries_read_as_a_point() -> None:
    letter = replace(BILL, amount="1318.00", currency="EUR", what_to_do=None, text="Summe 1.318,00 €")
    read = ReadLetter(letter, (fact(letter, "amount", "1318.00 EUR", "1.318,00 €"),))
    text = part(written(delivery(brought(read=read))), "plain")
    assert "Amount: €1,318.00 (1318.00 EUR)\n    “Summe 1.318,00 €”" in text


def test_what_a_letter_does_not_say_is_not_in_its_mail() -> None:
    message = written(CASES["no-facts"])
    assert message["Subject"] == "A letter has come"
    for kind in ("plain", "html"):
        shown = part(message, kind)
        assert "No date, amount or reference was found" in shown
        assert "None" not in shown
        assert "Amount" not in shown
        assert "By " not in shown


def test_possible_values_ask_to_be_confirmed() -> None:
    message = written(delivery(brought(read=APPOINTMENT_READ)))
    assert message["Subject"] == "Zahnärzte am Schloß: Keep the appointment (please confirm)"
    text = part(message, "plain")
    assert "On: Tuesday 12 January 2027 (please confirm)" in text
    assert "Due date: Tuesday 12 January 2027 (2027-01-12) (please confirm)" in text
    assert "Time: 10:20\n" in text
    assert part(message, "html").count("please confirm</span>") == 2


def test_the_images_are_inside_the_mail_where_the_html_names_them() -> None:
    message = written(CASES["two-letters"])
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "multipart/related"]
    images = [one for one in message.walk() if one.get_content_type() == "image/jpeg"]
    assert [one["Content-ID"] for one in images] == ["<i-1@pillarbox>", "<i-2@pillarbox>"]
    assert all(one.get_content_disposition() == "inline" for one in images)
    assert all(one.get_content() == JPEG for one in images)
    for number in (1, 2):
        assert f'src="cid:i-{number}@pillarbox"' in part(message, "html")


def test_a_mail_without_an_image_has_none() -> None:
    message = written(delivery(brought(read=BILL_READ, jpeg=None)))
    assert [one.get_content_type() for one in message.iter_parts()] == ["text/plain", "text/html"]
    assert "cid:" not in part(message, "html")


ITEM = re.compile(r'<(?:time|data) itemprop="(\w+)" (?:datetime|value)="([^"]*)"')
TAG = re.compile(r"<(/?)([a-z0-9]+)([^<>]*)>")
ATTRIBUTE = re.compile(r'([a-z-]+)="([^"]*)"')
VOID = ("meta", "img", "br")


@pytest.mark.parametrize("name", CASES)
def test_the_html_is_well_formed_and_loads_nothing_from_elsewhere(name: str) -> None:
    html = part(written(CASES[name]), "html")
    assert html.lstrip().startswith("<!doctype html>")
    still_open: list[str] = []
    for closing, tag, rest in TAG.findall(html):
        attributes = dict(ATTRIBUTE.findall(rest))
        if closing:
            assert still_open.pop() == tag
        elif tag not in VOID:
            still_open.append(tag)
        for address in (attributes.get("src"), attributes.get("href")):
            assert address is None or address.startswith(("cid:", "http://localhost:8000/"))
        assert tag != "img" or attributes["alt"]
    assert still_open == []
    for word in ("<script", "<link", "<base", "url(", "@import", "background="):
        assert word not in html


@pytest.mark.parametrize("name", CASES)
def test_no_line_on_the_wire_is_longer_than_mail_allows(name: str) -> None:
    raw = written(CASES[name]).as_bytes()
    assert max(map(len, raw.split(b"\n"))) <= 998
    assert raw.isascii()


def test_words_of_letters_cannot_add_headers_or_act_in_html() -> None:
    attack = 'Bank\r\nBcc: victim@example.org\r\n\r\n<script>alert(1)</script>"><img src=http://evil.example/x>'
    hostile = replace(BILL, sender=attack, subject=attack, summary=attack, what_to_do=attack)
    message = written(delivery(brought(read=replace(BILL_READ, letter=hostile)), unreadable(2, attack)))
    assert message["Bcc"] is None
    assert "Bcc: victim" in message["Subject"]
    html = part(message, "html")
    assert "<script" not in html
    assert "<img src=http" not in html
    assert "&lt;script&gt;" in html


def test_an_owners_name_cannot_add_headers_either() -> None:
    owner = Member(User("u", "priya@example.org", 'Pri"ya\r\nBcc: x@example.org'), "h", "x", "owner")
    message = written(delivery(), owner)
    assert message["Bcc"] is None
    assert message["To"].addresses[0].addr_spec == "priya@example.org"


def test_marks_that_turn_the_reading_direction_are_taken_out_of_subject_and_text() -> None:
    turned = replace(BILL, sender="Bank \u202egpj.exe\u202c", subject="a\u2066b", what_to_do=None, summary="c\u202dd")
    message = written(delivery(brought(read=replace(BILL_READ, letter=turned))))
    assert message["Subject"] == "Bank gpj.exe: ab"
    assert not {"\u202e", "\u202c", "\u202d", "\u2066"} & set(part(message, "plain"))


@given(sender=st.text(max_size=200), subject=st.text(max_size=600), name=st.text(max_size=80))
def test_any_words_give_one_readable_mail_with_one_subject(sender: str, subject: str, name: str) -> None:
    letter = replace(BILL, sender=sender, subject=subject, what_to_do=None)
    owner = Member(User("u", "priya@example.org", name), "h", "x", "owner")
    message = written(delivery(brought(read=replace(BILL_READ, letter=letter))), owner)
    assert len(message.get_all("Subject", [])) == 1
    assert len(str(message["Subject"])) <= 120
    assert message["To"].addresses[0].addr_spec == "priya@example.org"
    assert max(map(len, message.as_bytes().split(b"\n"))) <= 998


@pytest.mark.parametrize(
    ("told", "subject"),
    [
        (CASES["two-letters"], "2 letters: Northmoor Energy and Zahnärzte am Schloß"),
        (CASES["unreadable"], "Something came, but it could not be read"),
        (CASES["seen-before"], "Nothing new: this image came before"),
        (CASES["no-image"], "Your mailbox was opened at 14:04"),
        (CASES["open-for-long"], "Your mailbox was opened at 13:12"),
        (CASES["close-not-reported"], "Your mailbox was opened at 13:55"),
        (CASES["opening-not-reported"], "Your mailbox was closed at 14:05"),
        (CASES["nothing-reported"], "Something came at 14:05"),
        (
            delivery(brought(read=replace(SILENT_READ, letter=replace(SILENT_READ.letter, sender="Ben")))),
            "A letter from Ben",
        ),
    ],
)
def test_the_subject_says_what_is_worth_knowing(told: Delivery, subject: str) -> None:
    assert written(told)["Subject"] == subject


@pytest.mark.parametrize(
    ("what_to_do", "subject"),
    [
        (
            "Pay £84.20 to Northmoor Energy by 7 December 2026 (reference 8504).",
            "Northmoor Energy: Pay £84.20 by 7 December 2026",
        ),
        ("Be at Northmoor Energy on 7 December 2026 at 09:40.", "Be at Northmoor Energy on 7 December 2026 at 09:40"),
        ("Reply by 7 December 2026.", "Northmoor Energy: Reply by 7 December 2026"),
        (None, "Your electricity bill from Northmoor Energy"),
    ],
)
def test_the_subject_names_the_sender_once(what_to_do: str | None, subject: str) -> None:
    letter = replace(BILL, what_to_do=what_to_do, subject="Your electricity bill from Northmoor Energy")
    assert written(delivery(brought(read=replace(BILL_READ, letter=letter))))["Subject"] == subject


def test_the_time_is_the_households_own() -> None:
    summer = EPISODE._replace(closed_at=1_784_000_000_000)  # 14 July 2026, 03:33 UTC: an hour later in London
    assert "Tuesday 14 July 2026, 04:33" in part(written(delivery(episode=summer)), "plain")


def test_a_server_that_sends_as_a_bare_address_is_fine() -> None:
    assert written(delivery(), OWNER, "post@pillarbox.example")["Message-ID"].endswith("@pillarbox.example>")
