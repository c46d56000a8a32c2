"""Who asks: tokens of ours and of an outside issuer, API keys, and the pages' cookie."""

import dataclasses
import secrets
import time
from typing import Annotated

import pytest
from fastapi import Depends, FastAPI
from starlette.testclient import TestClient

from cloud.accounts.allowances import Allowances
from cloud.accounts.identity import SessionCookie, build_identity
from cloud.accounts.limits import api_limit
from cloud.accounts.model import MANAGE, NO_ADDRESS, READ, WRITE, Member, check_scope, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.errors import ForbiddenError
from cloud.web.errors import add_error_answers
from cloud.web.pages.headers import is_own_request
from cloud.web.pages.site import SESSION_COOKIE
from tests.unit.accounts.people import bearer, mails_of, token_in
from tests.unit.cloud.messages import rows


@pytest.fixture
def guarded(app):
    """A client of three routes, one for each scope."""
    web = FastAPI()
    add_error_answers(web)
    allowances = Allowances(app.database, api_limit(per_minute=3000, burst=1000))
    identity = build_identity(app.ports, SessionCookie(SESSION_COOKIE, is_own_request), allowances)

    def add(path, scope):
        @web.api_route(path, methods=["GET", "POST"])
        def show(member: Annotated[Member, Depends(identity.require(scope))]) -> dict[str, str]:
            return {"email": member.user.email, "role": member.role}

    for scope in (READ, WRITE, MANAGE):
        add(f"/{scope}", scope)
    return TestClient(web, base_url="http://localhost")


def session(app, user_id):
    token = secrets.token_urlsafe()
    with app.database.write() as unit_of_work:
        AccountRepository(unit_of_work).add_session(token_hash(token), user_id, unit_of_work.now + 60_000)
    return token


def me(client, token, **headers):
    return client.get("/auth/me", headers={"Authorization": f"Bearer {token}"} | headers)


@pytest.mark.parametrize(
    ("role", "allowed"), [("owner", [200, 200, 200]), ("member", [200, 200, 403]), ("viewer", [200, 403, 403])]
)
def test_a_role_allows_what_it_allows(app, guarded, alice, role, allowed):
    with app.database.write() as unit_of_work:
        unit_of_work.connection.exec_driver_sql(f"UPDATE memberships SET role = '{role}'")  # noqa: S608
    answers = [guarded.post(f"/{scope}", headers=bearer(alice)) for scope in (READ, WRITE, MANAGE)]
    assert [answer.status_code for answer in answers] == allowed
    assert {answer.json()["error"] for answer in answers if answer.status_code == 403} <= {"ForbiddenError"}


def test_a_key_allows_no_more_than_its_scopes(client, guarded, alice):
    key = client.post("/api-keys", json={"name": "k", "scopes": ["read"]}, headers=bearer(alice)).json()["key"]
    answers = [guarded.get(f"/{scope}", headers={"x-api-key": key}).status_code for scope in (READ, WRITE, MANAGE)]
    assert answers == [200, 403, 403]


def test_the_refusal_names_what_is_missing(alice, app):
    with app.database.read() as unit_of_work:
        member = AccountRepository(unit_of_work).member_of(alice["user"]["id"])
    with pytest.raises(ForbiddenError, match="expected the role owner in this household, you are viewer"):
        check_scope(dataclasses.replace(member, role="viewer"), MANAGE)


def test_the_pages_cookie_is_taken_from_our_own_pages_only(app, guarded, alice):
    guarded.cookies.set(SESSION_COOKIE, session(app, alice["user"]["id"]))
    assert guarded.get("/read", headers={"sec-fetch-site": "cross-site"}).status_code == 200
    assert guarded.post("/write", headers={"sec-fetch-site": "same-origin"}).status_code == 200
    assert guarded.post("/write", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert guarded.post("/write", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_bad_token_is_not_made_good_by_a_cookie_beside_it(app, guarded, alice):
    guarded.cookies.set(SESSION_COOKIE, session(app, alice["user"]["id"]))
    assert guarded.get("/read", headers={"Authorization": "Bearer x"}).status_code == 401
    assert guarded.get("/read", headers={"x-api-key": "x"}).status_code == 401


def test_a_session_that_is_not_known_is_nobodys(guarded):
    guarded.cookies.set(SESSION_COOKIE, "made up")
    assert guarded.get("/read").status_code == 401


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_an_outside_issuers_user_gets_a_household_at_the_first_request(clerk, issuer, kid):
    first = me(clerk, issuer.sign(kid))
    assert first.status_code == 200
    assert first.json()["email"].endswith(NO_ADDRESS)
    assert me(clerk, issuer.sign(kid)).json() == first.json()
    assert me(clerk, issuer.sign(kid, sub="user_other")).json()["id"] != first.json()["id"]


def test_a_verified_address_comes_along(clerk, issuer):
    token = issuer.sign("ec", email="Carol@example.org", email_verified=True, name="Carol")
    assert {"name": "Carol", "email": "carol@example.org"}.items() <= me(clerk, token).json().items()


def test_the_devices_of_an_outside_issuers_user_are_found_by_the_issuers_name_of_them(clerk, issuer):
    headers = {"Authorization": f"Bearer {issuer.sign('ec')}"}
    number = clerk.post("/devices", json={"name": "Drive"}, headers=headers).json()["id"]
    assert clerk.get(f"/devices/{number}", headers=headers).json()["clerk_id"] == "user_2abc"
    ours = clerk.get("/auth/me", headers=headers).json()["id"]
    for name in ("user_2abc", ours):
        assert [one["id"] for one in clerk.get(f"/devices?clerk_id={name}", headers=headers).json()] == [number]
        assert len(clerk.get(f"/dashboard/{name}", headers=headers).json()["devices"]) == 1
    other = {"Authorization": f"Bearer {issuer.sign('ec', sub='user_other')}"}
    assert clerk.get("/devices?clerk_id=user_2abc", headers=other).json() == []


def test_who_registers_anothers_address_first_does_not_get_their_account(clerk, issuer, alice):
    token = issuer.sign("ec", email="alice@example.org", email_verified=True)
    answer = me(clerk, token).json()
    assert answer["id"] != alice["user"]["id"]
    assert answer["email"].endswith(NO_ADDRESS)


def test_local_and_outside_account_are_one_where_both_have_proved_the_address(app, clerk, client, issuer, alice):
    client.post("/auth/password/forgot", json={"email": "alice@example.org"})
    (mail,) = mails_of(app)
    body = {"token": token_in(mail, "reset"), "password": "another horse"}
    client.post("/auth/password/reset", json=body)
    unproved = issuer.sign("ec", sub="liar", email="alice@example.org", email_verified=False)
    assert me(clerk, unproved).json()["id"] != alice["user"]["id"]
    proved = issuer.sign("ec", email="alice@example.org", email_verified=True)
    assert me(clerk, proved).json()["id"] == alice["user"]["id"]


def test_an_outside_token_that_was_logged_out_is_refused_and_others_are_not(app, clerk, issuer):
    token, other = issuer.sign("ec"), issuer.sign("ec", jti="other")
    for _ in range(2):
        clerk.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
    assert me(clerk, token).status_code == 401
    assert me(clerk, other).status_code == 200
    assert token not in str(rows(app, "SELECT * FROM revoked_tokens"))


@pytest.mark.parametrize(
    "changed", [{"exp": int(time.time()) - 60}, {"aud": "other"}, {"iss": "https://unknown.example"}, {"sub": None}]
)
def test_a_token_that_its_issuer_would_not_own_is_refused(app, clerk, issuer, changed):
    assert me(clerk, issuer.sign("rsa", **changed)).status_code == 401
    assert rows(app, "SELECT * FROM identities") == []


def test_an_issuer_cannot_speak_for_us(clerk, issuer, alice):
    claims = {"iss": "http://localhost:8000", "aud": "pillarbox", "sub": alice["user"]["id"], "sid": "x", "jti": "x"}
    assert me(clerk, issuer.sign("ec", **claims)).status_code == 401


def test_without_a_configured_issuer_its_tokens_are_nobodys(client, issuer):
    assert me(client, issuer.sign("ec")).status_code == 401


def test_a_token_of_deep_nesting_is_refused(client):
    assert me(client, f"{'W1tb' * 8000}.{'W1tb' * 8000}.x").status_code == 401
