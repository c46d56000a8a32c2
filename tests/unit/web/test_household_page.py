"""The page of a household: who is in it, invitations, API keys, another household, another address."""

import re

import pytest
from starlette.testclient import TestClient

from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.repository import ApiKeyRepository, AuditRepository, SharingRepository
from cloud.bootstrap import Application
from cloud.mail.repository import MailRepository
from tests.unit.accounts.people import PASSWORD, mails_of, token_in
from tests.unit.web.conftest import Login
from tests.unit.web.household import Household

KEY = re.compile(r"<code>(pbx_[\w-]+)</code>")


@pytest.fixture
def guest(app: Application) -> Household:
    """Somebody else, with a household of their own that is younger."""
    return Household(app, "sam@example.org", "Sam Okafor")


@pytest.fixture
def shared(household: Household, guest: Household) -> Household:
    """The household with the guest as its member."""
    with household.app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_member(household.id, guest.member.user.id, "member")
    return household


def roles(household: Household) -> dict[str, str]:
    with household.app.database.read() as unit_of_work:
        members = SharingRepository(unit_of_work).members(household.id)
    return {one.user.name: one.role for one in members}


def done(household: Household) -> list[str]:
    with household.app.database.read() as unit_of_work:
        return [one.action for one in AuditRepository(unit_of_work).entries(household.id, 100)]


def of(member: Household, what: str) -> str:
    return f"/household/members/{member.member.user.id}/{what}"


def test_every_page_leads_to_the_household_and_a_stranger_is_asked_to_log_in(
    browser: TestClient, stranger: TestClient
) -> None:
    assert 'href="/household"' in browser.get("/devices").text
    assert "Priya Hartley</b> (you)" in browser.get("/household").text
    assert stranger.get("/household").status_code == 401
    assert stranger.post("/household/invitations", data={"email": "x@example.org", "role": "owner"}).status_code == 401


def test_an_invitation_is_mailed_accepted_and_shows_the_new_household(
    app: Application, household: Household, guest: Household, browser: TestClient, logged_in: Login
) -> None:
    form = {"email": "sam@example.org", "role": "viewer"}
    assert browser.post("/household/invitations", data=form).headers["location"] == "/household"
    assert "sam@example.org <span" in browser.get("/household").text
    (mail,) = mails_of(app)
    sam = logged_in(guest)
    assert "Household of Sam Okafor</h1>" in sam.get("/household").text
    assert "You are its viewer now." in sam.post(f"/account/invitation/{token_in(mail, 'invitation')}").text
    assert "Household of Priya Hartley</h1>" in sam.get("/household").text
    assert roles(household) == {"Priya Hartley": "owner", "Sam Okafor": "viewer"}
    assert done(household) == ["joined", "invited"]
    assert "<b>joined</b> sam@example.org as viewer" in browser.get("/household").text
    assert "<b>invited</b>" not in sam.get("/household").text


def test_an_invitation_can_be_taken_back(household: Household, browser: TestClient) -> None:
    browser.post("/household/invitations", data={"email": "sam@example.org", "role": "viewer"})
    (path,) = re.findall(r'action="(/household/invitations/[^"]+/end)"', browser.get("/household").text)
    assert browser.post(path).status_code == 303
    assert "/end" not in browser.get("/household").text
    assert browser.post(path).status_code == 404
    assert done(household) == ["invitation taken back", "invited"]


@pytest.mark.parametrize(
    ("form", "status", "words"),
    [
        ({"email": "nobody", "role": "viewer"}, 422, "expected an e-mail address like"),
        ({"email": "x@example.org", "role": "king"}, 422, "expected a role of owner, member, viewer, got"),
        ({}, 422, "expected a role"),
        ({"email": "priya@example.org", "role": "viewer"}, 409, "a member already"),
    ],
)
def test_a_wrong_invitation_is_refused_with_the_reason(
    browser: TestClient, form: dict[str, str], status: int, words: str
) -> None:
    answer = browser.post("/household/invitations", data=form)
    assert (answer.status_code, words in answer.text) == (status, True)


def test_an_owner_gives_roles_and_removes_people(shared: Household, guest: Household, browser: TestClient) -> None:
    assert browser.post(of(guest, "role"), data={"role": "viewer"}).status_code == 303
    assert roles(shared)["Sam Okafor"] == "viewer"
    assert browser.post(of(guest, "remove")).status_code == 303
    assert list(roles(shared)) == ["Priya Hartley"]
    assert done(shared) == ["member removed", "role changed"]


def test_the_last_owner_stays_one(shared: Household, browser: TestClient) -> None:
    assert "another owner first" in browser.post(of(shared, "role"), data={"role": "viewer"}).text
    assert browser.post(of(shared, "remove")).status_code == 409
    assert roles(shared)["Priya Hartley"] == "owner"


def test_a_member_may_neither_invite_nor_give_roles_but_leave(
    shared: Household, guest: Household, logged_in: Login
) -> None:
    sam = logged_in(guest)
    sam.post("/household/enter", data={"household_id": shared.id})
    page = sam.get("/household").text
    assert "Mail an invitation" not in page
    assert "Change the role" not in page
    assert sam.post("/household/invitations", data={"email": "x@example.org", "role": "owner"}).status_code == 403
    assert sam.post(of(guest, "role"), data={"role": "owner"}).status_code == 403
    assert sam.post(of(shared, "remove")).status_code == 403
    assert sam.post(of(guest, "remove")).status_code == 303
    assert "Household of Sam Okafor</h1>" in sam.get("/household").text
    assert list(roles(shared)) == ["Priya Hartley"]


def test_a_browser_stays_in_the_household_that_was_chosen_and_others_do_not_follow(
    shared: Household, guest: Household, logged_in: Login
) -> None:
    first, second = logged_in(guest), logged_in(guest)
    assert first.post("/household/enter", data={"household_id": shared.id}).status_code == 303
    assert "Front gate" in first.get("/devices").text
    assert [one["thing"] for one in first.get("/devices", headers={"accept": "*/*"}).json()] == [
        shared.gateway.thing,
        shared.board.thing,
    ]
    assert "Household of Sam Okafor</h1>" in second.get("/household").text


def test_nobody_enters_a_household_that_is_not_theirs(household: Household, guest: Household, logged_in: Login) -> None:
    sam = logged_in(guest)
    assert sam.post("/household/enter", data={"household_id": household.id}).status_code == 404
    assert "Household of Sam Okafor</h1>" in sam.get("/household").text


def test_a_key_is_shown_once_works_and_is_revoked(household: Household, browser: TestClient) -> None:
    (key,) = KEY.findall(browser.post("/household/keys", data={"name": "Heating", "scope": ["read"]}).text)
    headers = {"x-api-key": key, "accept": "*/*"}
    with TestClient(browser.app, base_url="http://localhost") as program:
        assert program.get("/devices", headers=headers).status_code == 200
        assert program.post("/devices", json={"name": "x"}, headers=headers).status_code == 403
        page = browser.get("/household").text
        assert key not in page
        (path,) = re.findall(r'action="(/household/keys/[^"]+/revoke)"', page)
        assert browser.post(path).status_code == 303
        assert program.get("/devices", headers=headers).status_code == 401
    assert done(household) == ["API key revoked", "API key made"]


@pytest.mark.parametrize(
    "form", [{"name": "", "scope": ["read"]}, {"name": "x"}, {"name": "x", "scope": ["fly"]}, {"name": "x" * 101}]
)
def test_a_key_without_name_or_with_a_made_up_scope_is_refused(
    household: Household, browser: TestClient, form: dict[str, str]
) -> None:
    assert browser.post("/household/keys", data=form).status_code == 422
    with household.app.database.read() as unit_of_work:
        assert ApiKeyRepository(unit_of_work).active_keys(household.id, None) == []


def test_another_address_needs_the_password_and_a_link(
    app: Application, household: Household, stranger: TestClient
) -> None:
    stranger.post("/register", data={"name": "Kim", "email": "kim@example.org", "password": PASSWORD})
    new = {"email": "kim@example.net", "password": PASSWORD}
    assert stranger.post("/household/email", data=new | {"password": "wrong"}).status_code == 401
    assert stranger.post("/household/email", data=new | {"email": "nobody"}).status_code == 422
    assert "Nobody has confirmed this address" in stranger.get("/household").text
    assert "on its way to kim@example.net" in stranger.post("/household/email", data=new).text
    _, mail = mails_of(app)
    assert mail["To"] == "Kim <kim@example.net>"
    stranger.post(f"/account/email/{token_in(mail, 'email')}")
    shown = stranger.get("/household").text
    assert "kim@example.net" in shown
    assert "Nobody has confirmed" not in shown
    with app.database.read() as unit_of_work:
        assert MailRepository(unit_of_work).headings(household.id, 10) == []


@pytest.mark.parametrize("path", ["enter", "invitations", "keys", "email", "members/x/role", "members/x/remove"])
def test_a_form_of_another_website_does_nothing(household: Household, browser: TestClient, path: str) -> None:
    answer = browser.post(f"/household/{path}", headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403
    assert done(household) == []
