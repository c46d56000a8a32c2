"""What repositories store is what they give back, in the order that readers expect."""

from dataclasses import replace

import pytest

from cloud.images.model import FAILED, Image
from cloud.images.repository import ImageRepository
from cloud.letters.model import Fact, Letter
from cloud.letters.repository import LetterRepository
from cloud.mail.model import FAILED as MAIL_FAILED
from cloud.mail.model import SENT, Mail
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ocr.repository import OcrRepository
from cloud.ports.ocr_engine import OcrLine, OcrPage
from tests.unit.cloud.messages import event, say_events


@pytest.fixture
def unit_of_work(app, home):
    assert home is not None
    with app.database.write() as unit_of_work:
        yield unit_of_work


def image_of(home, name="image-1", **changed):
    image = Image(
        id=name,
        household_id=home.household_id,
        device_id=home.gateway.id,
        image_id=f"name of {name}",
        episode_id=None,
        letter_id=None,
        sha256="a" * 64,
        bytes=7,
        width=640,
        height=480,
        captured_at=1_795_257_700_000,
        err_ms=2**40,
        uploaded_at=1,
        announced_at=2,
        state="stored",
        reason=None,
        created_at=3,
    )
    return replace(image, **changed)


def letter_of(home, name="letter-1", **changed):
    letter = Letter(
        id=name,
        household_id=home.household_id,
        mailbox_id=home.mailbox_id,
        episode_id=None,
        arrived_at=1_795_257_700_000,
        language="de",
        category="financial-billing",
        category_confidence=0.75,
        action_status="require-action",
        sender="Stadtwerke Grünau",
        recipient=None,
        subject="Ihre Rechnung 📬",
        summary="Zeile eins\nZeile zwei",
        what_to_do=None,
        due_date="2026-12-07",
        amount="84.20",
        currency="EUR",
        reference="R-1",
        text="ß" * 70_000,
        created_at=5,
    )
    return replace(letter, **changed)


def mail_of(home, name="mail-1", **changed):
    mail = Mail(
        id=name,
        household_id=home.household_id,
        dedupe_key=f"delivery:{name}",
        recipient="owner@example.org",
        subject="Subject",
        content=bytes(range(256)) * 1000,
        created_at=1,
    )
    return replace(mail, **changed)


def test_an_image_comes_back_as_it_was(unit_of_work, home):
    images = ImageRepository(unit_of_work)
    images.add(image_of(home))
    assert images.get(home.household_id, "image-1") == image_of(home)
    assert images.named(home.gateway, "name of image-1") == images.for_upload("image-1") == image_of(home)


def test_failed_images_come_newest_first(unit_of_work, home):
    images = ImageRepository(unit_of_work)
    for number in range(5):
        images.add(image_of(home, f"image-{number}", state=FAILED if number % 2 else "stored"))
    assert [one.id for one in images.failed(home.household_id, 10)] == ["image-3", "image-1"]
    assert [one.id for one in images.failed(home.household_id, 1)] == ["image-3"]


def test_a_letter_comes_back_with_its_facts_in_the_order_of_its_text(unit_of_work, home):
    letters = LetterRepository(unit_of_work)
    facts = [
        Fact("amount", "84.20", "€ 84,20", (4, 5), 90, 97, 0.9, "stated"),
        Fact("due_date", "2026-12-07", "7.12.2026", (), 20, 29, 0.5, "possible"),
    ]
    letters.add(letter_of(home), facts, "rules/1")
    letters.add(letter_of(home, "letter-2"), [], "rules/1")
    assert letters.get(home.household_id, "letter-1") == letter_of(home)
    assert letters.facts_of(home.household_id, "letter-1") == facts[::-1]
    found = letters.facts_of_letters(home.household_id, ["letter-1", "letter-2", "nothing"])
    assert found == {"letter-1": facts[::-1], "letter-2": [], "nothing": []}


def test_lists_go_on_where_the_last_page_ended(unit_of_work, home):
    letters = LetterRepository(unit_of_work)
    for number in range(5):
        letters.add(letter_of(home, f"letter-{number}"), [], "rules/1")
    first = letters.newest(home.household_id, 2)
    assert [one.id for one in first] == ["letter-4", "letter-3"]
    assert [one.id for one in letters.newest(home.household_id, 9, before=first[-1].id)] == [
        "letter-2",
        "letter-1",
        "letter-0",
    ]


def test_a_reading_comes_back_with_its_lines_in_order(unit_of_work, home):
    ImageRepository(unit_of_work).add(image_of(home))
    readings = OcrRepository(unit_of_work)
    box = ((0.5, 1.0), (9.0, 1.0), (9.0, 3.25), (0.5, 3.25))
    page = OcrPage(640, 480, 90, (OcrLine("Grüße", 0.5, box), OcrLine("", 1.0, box)), "engine", "2", 1234)
    assert readings.newest(home.household_id, "image-1") is None
    readings.add("run-1", home.household_id, "image-1", replace(page, lines=()), 1)
    readings.add("run-2", home.household_id, "image-1", page, 2)
    assert readings.newest(home.household_id, "image-1") == page
    assert readings.rotations(home.household_id, ["image-1", "image-2"]) == {"image-1": 90}


def test_one_cause_has_one_mail(unit_of_work, home):
    outbox = MailRepository(unit_of_work)
    assert outbox.add(mail_of(home)) is True
    assert outbox.add(mail_of(home, "mail-2", dedupe_key="delivery:mail-1")) is False
    assert outbox.add(mail_of(home, "mail-2")) is True
    assert outbox.get(home.household_id, "mail-1") == mail_of(home)
    assert [one.id for one in outbox.headings(home.household_id, 9)] == ["mail-2", "mail-1"]
    assert [one.id for one in outbox.headings(home.household_id, 9, before="mail-2")] == ["mail-1"]


def test_a_mail_that_went_out_is_never_marked_as_failed(unit_of_work, home):
    outbox = MailRepository(unit_of_work)
    outbox.add(mail_of(home))
    outbox.change(mail_of(home), state=SENT)
    outbox.change(mail_of(home), state=MAIL_FAILED, reason="too late")
    assert outbox.get(home.household_id, "mail-1").state == SENT


def test_episodes_come_newest_first(app, home):
    for seq in (2, 4, 6):
        say_events(app, home.board, event("close", seq))
    with app.database.read() as reading:
        episodes = MailboxEventRepository(reading)
        newest = episodes.newest(home.household_id, 2)
        older = episodes.newest(home.household_id, 2, before=newest[-1].id)
    assert [one.close_event_id for one in (*newest, *older)] == [event("close", seq)["event_id"] for seq in (6, 4, 2)]
