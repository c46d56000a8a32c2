"""Who may make an account, as the operator set it."""

import pytest

from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.acts import invite
from cloud.accounts.sharing.audit import Actor
from cloud.settings import Registration
from cloud.web.account_mail import build_post
from tests.unit.accounts.people import PASSWORD, client_of
from tests.unit.cloud.fakes import with_ports
from tests.unit.cloud.messages import rows

KIM = {"name": "Kim", "email": "kim@example.org", "password": PASSWORD}
AS_A_BROWSER = {"accept": "text/html"}


@pytest.fixture
def owner(app):
    """The owner of a household, whom the operator made."""
    with app.database.write() as unit_of_work:
        return ensure_household(unit_of_work, "owner@example.org", "Owner")


def set_to(app, registration):
    """Return a client of the server when it is set so."""
    return client_of(with_ports(app, registration=registration), follow_redirects=False)


def invite_kim(app, owner):
    with app.database.write() as unit_of_work:
        return invite(unit_of_work, build_post(app), Actor(owner, "::1"), "Kim@example.org", "member")


def test_where_registration_is_closed_nobody_registers_by_api_or_page(app, owner):
    client = set_to(app, Registration.CLOSED)
    invite_kim(app, owner)
    answer = client.post("/auth/register", json=KIM)
    assert (answer.status_code, answer.json()["error"]) == (403, "ForbiddenError")
    assert "registration is closed" in answer.json()["message"]
    refused = client.post("/register", data=KIM)
    assert (refused.status_code, "set-cookie" in refused.headers) == (403, False)
    assert "registration is closed" in refused.text
    assert rows(app, "SELECT email FROM users") == [("owner@example.org",)]


def test_where_registration_is_closed_no_page_offers_it(app):
    client = set_to(app, Registration.CLOSED)
    assert "/register" not in client.get("/login").text
    assert "/register" not in client.post("/login", data=KIM).text
    assert "make an account" not in client.get("/account/invitation/x").text
    shown = client.get("/register", headers=AS_A_BROWSER)
    assert shown.status_code == 403
    assert "Registration is closed" in shown.text


def test_where_registration_is_by_invitation_only_an_invited_address_registers(app, owner):
    client = set_to(app, Registration.INVITED)
    assert 'href="/register"' in client.get("/login").text
    assert client.post("/auth/register", json=KIM).status_code == 403
    invitation = invite_kim(app, owner)
    assert client.post("/auth/register", json=KIM | {"email": "lee@example.org"}).status_code == 403
    assert client.post("/auth/register", json=KIM).status_code == 201
    assert invitation.email == KIM["email"]


@pytest.mark.parametrize("column", ["ended_at", "expires_at"])
def test_an_invitation_that_has_ended_lets_nobody_register(app, owner, column):
    client = set_to(app, Registration.INVITED)
    invite_kim(app, owner)
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(f"UPDATE invitations SET {column} = 1")  # noqa: S608 - ours
    assert client.post("/auth/register", json=KIM).status_code == 403


def test_who_may_not_register_is_not_told_who_has_an_account(app, owner):
    known, unknown = KIM | {"email": owner.user.email}, KIM
    for registration in (Registration.CLOSED, Registration.INVITED):
        client = set_to(app, registration)
        answers = [client.post("/auth/register", json=body) for body in (known, unknown)]
        assert [one.status_code for one in answers] == [403, 403]
        assert answers[0].json() == answers[1].json()


def test_by_default_anybody_registers(app):
    assert app.ports.registration is Registration.OPEN
    assert client_of(app).post("/auth/register", json=KIM).status_code == 201
