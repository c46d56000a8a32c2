"""The outbox shows each e-mail as a mail program would, shut in a frame."""

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from cloud.mail.model import Mail
from cloud.mail.repository import MailRepository
from tests.unit.web.household import BILL, BILL_FACTS, NOON, Household


@pytest.fixture
def mail_path(household: Household, browser: TestClient) -> str:
    household.delivery(BILL, BILL_FACTS)
    return str(re.findall(r"/outbox/[0-9a-f-]{36}", browser.get("/outbox").text)[0])


def add_mail(household: Household, content: bytes, **values: object) -> str:
    with household.app.database.write() as unit_of_work:
        mail_id = unit_of_work.new_id()
        mail = Mail(mail_id, household.id, f"key:{mail_id}", "priya@example.org", "Hello", content, NOON)
        MailRepository(unit_of_work).add(replace(mail, **values))  # type: ignore[arg-type]
    return f"/outbox/{mail_id}"


def test_a_mail_is_shown_with_its_headers_and_its_text(browser: TestClient, mail_path: str) -> None:
    page = browser.get(mail_path).text
    assert "Priya Hartley &lt;priya@example.org&gt;" in page
    assert "Northmoor Energy: Pay £84.20 by 7 December 2026" in page
    assert f'src="{mail_path}/body"' in page
    assert 'sandbox="allow-same-origin' in page
    assert "allow-scripts" not in page
    assert "What to do: Pay £84.20 by Monday 7 December 2026" in page


def test_the_frame_may_show_the_mails_own_images_and_nothing_else(browser: TestClient, mail_path: str) -> None:
    body = browser.get(f"{mail_path}/body")
    policy = body.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "sandbox" in policy
    assert "frame-ancestors 'self'" in policy
    assert "cid:" not in body.text
    image = browser.get(f"{mail_path}/images/0")
    assert f'src="{mail_path}/images/0"' in body.text
    assert image.headers["content-type"] == "image/jpeg"
    assert image.content.startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("number", ["1", "-1", "99"])
def test_an_image_that_the_mail_does_not_have_is_not_found(browser: TestClient, mail_path: str, number: str) -> None:
    assert browser.get(f"{mail_path}/images/{number}").status_code == 404


def test_a_plain_mail_and_a_broken_one_are_shown_too(household: Household, browser: TestClient) -> None:
    plain = add_mail(household, b"From: a@example.org\r\nSubject: Hi\r\n\r\nJust text.\r\n")
    assert "Just text." in browser.get(plain).text
    assert "plain text" in browser.get(f"{plain}/body").text
    broken = add_mail(household, b"\xff\xfe no header at all")
    assert browser.get(broken).status_code == 200
    assert browser.get(f"{broken}/body").status_code == 200


def test_a_part_that_is_no_image_is_never_sent(household: Household, browser: TestClient) -> None:
    content = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=x\r\n\r\n"
        b"--x\r\nContent-Type: text/html\r\n\r\n"
        b'<img src="cid:evil"><img src="cid:unknown">\r\n--x\r\nContent-Type: text/html\r\nContent-ID: <evil>\r\n\r\n'
        b"<script>alert(1)</script>\r\n--x--\r\n"
    )
    path = add_mail(household, content)
    assert "cid:evil" in browser.get(f"{path}/body").text
    assert browser.get(f"{path}/images/0").status_code == 404


def test_states_are_told_in_words(household: Household, browser: TestClient) -> None:
    assert "Every delivery is told by one e-mail" in browser.get("/outbox").text
    add_mail(household, b"", state="failed", reason="the mail server refused the address")
    add_mail(household, b"", state="sent", sent_at=NOON)
    page = browser.get("/outbox").text
    assert "could not be sent" in page
    assert "the mail server refused the address" in page
    assert '<span class="state sent">sent</span>' in page
