"""Logging in with a password, registering, and the links of account mails, as people see them."""

import re

import pytest
from starlette.testclient import TestClient

from cloud.bootstrap import Application
from cloud.web.pages.passwords import LOGIN, REGISTER, FormPage
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.accounts.people import mails_of
from tests.unit.web.household import Household

ALICE = {"name": "Alice", "email": "alice@example.org", "password": "correct horse"}
LINK = re.compile(r"(/account/\w+/[\w-]+)")
FORMS = ("/login", "/register", "/account/forgot", "/account/reset/x", "/account/email/x")


@pytest.fixture
def alice(app: Application, stranger: TestClient) -> TestClient:
    """A browser of Alice, who has just registered and laid the mail that asked her to confirm aside."""
    assert stranger.post("/register", data=ALICE).status_code == 303
    mails_of(app)
    return stranger


def link_in(app: Application) -> str:
    (mail,) = mails_of(app)
    found = LINK.search(mail.get_body(("plain",)).get_content())
    assert found
    return found[1]


def test_who_registers_is_logged_in_and_can_come_back(alice: TestClient) -> None:
    assert alice.get("/").status_code == 200
    alice.post("/logout")
    assert alice.get("/").status_code == 401
    answer = alice.post("/login", data=ALICE)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert alice.get("/").status_code == 200


@pytest.mark.parametrize("changed", [{"password": "wrong horse"}, {"email": "nobody@example.org"}, {"email": ""}])
def test_a_wrong_password_shows_the_form_again_and_says_so(alice: TestClient, changed: dict[str, str]) -> None:
    alice.cookies.clear()
    answer = alice.post("/login", data=ALICE | changed)
    assert answer.status_code == 401
    assert "do not belong together" in answer.text
    assert "set-cookie" not in answer.headers
    assert ALICE["password"] not in answer.text


def test_what_was_entered_is_there_when_a_form_is_refused_but_for_the_password(stranger: TestClient) -> None:
    wrong = {"name": 'Ann "<b>', "email": "nobody", "password": "correct horse"}
    shown = stranger.post("/register", data=wrong).text
    assert 'value="Ann &#34;&lt;b&gt;"' in shown
    assert 'value="nobody"' in shown
    assert wrong["password"] not in shown
    assert 'value="ann@example.org"' in stranger.post("/login", data=wrong | {"email": "ann@example.org"}).text
    assert "value=" not in stranger.get("/login").text


def test_too_many_tries_are_told_to_wait(alice: TestClient) -> None:
    answers = [alice.post("/login", data=ALICE | {"password": f"wrong {number}"}) for number in range(11)]
    assert answers[-1].status_code == 429
    assert "Too many tries" in answers[-1].text
    assert answers[-1].headers["retry-after"].isdigit()


@pytest.mark.parametrize(
    "changed", [{"name": ""}, {"password": "short"}, {"email": "no address"}, {"password": "p" * 101}]
)
def test_what_cannot_be_registered_is_said(stranger: TestClient, changed: dict[str, str]) -> None:
    answer = stranger.post("/register", data=ALICE | changed)
    assert answer.status_code == 422
    assert "expected" in answer.text
    assert "set-cookie" not in answer.headers


def test_a_forgotten_password_is_set_by_the_link_and_every_browser_is_logged_out(
    app: Application, alice: TestClient
) -> None:
    session = alice.cookies[SESSION_COOKIE]
    assert "on its way" in alice.post("/account/forgot", data=ALICE).text
    link = link_in(app)
    for _ in range(2):  # a scanner, then the person
        assert f'action="{link}"' in alice.get(link).text
    assert "The password is set" in alice.post(link, data={"password": "another horse"}).text
    alice.cookies.clear()
    alice.cookies.set(SESSION_COOKIE, session)
    assert alice.get("/").status_code == 401
    assert alice.post("/login", data=ALICE | {"password": "another horse"}).status_code == 303
    again = alice.post(link, data={"password": "third horse"})
    assert again.status_code == 403
    assert "no longer works" in again.text


def test_an_unknown_address_is_told_the_same(app: Application, alice: TestClient) -> None:
    alice.cookies.clear()
    known, unknown = (
        alice.post("/account/forgot", data={"email": one}).text for one in (ALICE["email"], "x@example.org")
    )
    assert known == unknown
    assert len(mails_of(app)) == 1


def test_an_invitation_is_joined_by_its_button(app: Application, household: Household, alice: TestClient) -> None:
    headers = {"sec-fetch-site": "same-origin"}
    alice.cookies.clear()
    alice.cookies.set(SESSION_COOKIE, household.session())
    body = {"email": ALICE["email"], "role": "viewer"}
    assert alice.post("/households/invitations", json=body, headers=headers).status_code == 201
    link = link_in(app)
    alice.cookies.clear()
    assert "Log in or make an account" in alice.get(link).text
    assert alice.post(link).status_code == 401
    alice.post("/login", data=ALICE)
    assert "Join the household" in alice.get(link).text
    assert f"Welcome to {household.member.household_name}" in alice.post(link).text.replace("&#39;", "'")
    assert alice.post(link).status_code == 403


def test_a_new_address_is_confirmed_by_its_button(app: Application, alice: TestClient) -> None:
    body = {"email": "new@example.org", "password": ALICE["password"]}
    assert alice.post("/auth/email", json=body).status_code == 202
    assert "is yours" in alice.post(link_in(app)).text
    assert alice.post("/login", data=ALICE).status_code == 401
    assert alice.post("/login", data=ALICE | {"email": "new@example.org"}).status_code == 303


@pytest.mark.parametrize("path", FORMS)
def test_another_website_cannot_send_these_forms(stranger: TestClient, path: str) -> None:
    answer = stranger.post(path, data=ALICE, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", FORMS)
def test_every_form_has_the_headers_of_pages_and_labelled_inputs(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 200
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert answer.text.count("<input") == answer.text.count("<label")
    assert answer.text.count("<input") == answer.text.count("autocomplete=")


@pytest.mark.parametrize("page", [LOGIN, REGISTER])
def test_password_keepers_are_told_what_each_input_is(stranger: TestClient, page: FormPage) -> None:
    shown = stranger.get("/login" if page is LOGIN else "/register").text
    assert all(f'name="{field.name}"' in shown for field in page.fields)
    assert all(f'autocomplete="{field.autocomplete}"' in shown for field in page.fields)
    assert f">{page.button}</button>" in shown


def test_the_page_of_strangers_leads_to_the_login(stranger: TestClient) -> None:
    assert 'href="/login"' in stranger.get("/").text


def test_the_api_logs_a_browser_out_too(alice: TestClient) -> None:
    session = alice.cookies[SESSION_COOKIE]
    assert alice.post("/auth/logout").status_code == 200
    alice.cookies.set(SESSION_COOKIE, session)
    assert alice.get("/").status_code == 401
