"""Registering, logging in, refreshing and logging out over HTTP, on a real database."""

import jwt
import pytest

from cloud.accounts.limits import LOGIN_OF_ACCOUNT
from cloud.accounts.schemas import LoginAnswer
from cloud.adapters.local.identity_provider import ACCESS_TOKEN_S
from tests.unit.accounts.people import PASSWORD, bearer, log_in
from tests.unit.cloud.messages import rows

ALICE = {"name": "Alice", "email": "alice@example.org", "password": PASSWORD}


def test_who_registers_is_logged_in_at_once(client, alice):
    assert (alice["user"]["name"], alice["user"]["email"]) == ("Alice", "alice@example.org")
    assert client.get("/auth/me", headers=bearer(alice)).json() == alice["user"]


def test_the_answer_says_how_long_the_token_is_valid(alice):
    assert LoginAnswer.model_validate(alice).expires_in == ACCESS_TOKEN_S


def test_a_known_address_cannot_register_again(client, alice):
    answer = client.post("/auth/register", json=ALICE | {"email": " ALICE@example.org", "name": alice["user"]["name"]})
    assert (answer.status_code, answer.json()["error"]) == (409, "ConflictError")


@pytest.mark.parametrize(
    "changed",
    [
        {"name": ""},
        {"name": " \t "},
        {"name": "n" * 101},
        {"password": "short"},
        {"password": "p" * 101},
        {"email": "no address"},
    ],
)
def test_what_the_interface_does_not_allow_is_refused(client, changed):
    answer = client.post("/auth/register", json=ALICE | changed)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "message", "detail"}


def test_an_answer_with_tokens_keys_or_addresses_is_kept_by_no_cache(client, alice):
    made = client.post("/api-keys", json={"name": " heating "}, headers=bearer(alice))
    assert made.json()["name"] == "heating"
    answers = [log_in(client), made, client.get("/households/members", headers=bearer(alice))]
    assert [one.headers["cache-control"] for one in answers] == ["no-store"] * 3


def test_the_right_password_logs_in(client, alice):
    answer = log_in(client)
    assert answer.status_code == 200
    assert answer.json()["user"] == alice["user"]
    assert client.get("/auth/me", headers=bearer(answer.json())).status_code == 200


def test_a_wrong_password_and_an_unknown_address_are_answered_alike(client, alice):
    answers = [
        log_in(client, ALICE["email"], "wrong horse"),
        log_in(client, email="nobody@example.org"),
        log_in(client, email="?"),
    ]
    assert alice
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"] == "Bearer"


def test_a_user_without_a_password_cannot_log_in_with_any(client, home):
    assert home
    assert log_in(client, "owner@example.org", "the password of nobody").status_code == 401


def test_a_logged_out_token_is_refused_at_once_and_so_is_its_refresh_token(client, alice):
    other = log_in(client).json()
    assert client.post("/auth/logout", headers=bearer(alice)).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).status_code == 401
    assert client.get("/auth/me", headers=bearer(other)).status_code == 200


def test_a_refresh_token_gives_the_next_ones(client, alice):
    following = client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).json()
    assert following["refresh_token"] != alice["refresh_token"]
    assert client.get("/auth/me", headers=bearer(following)).json() == alice["user"]


def test_a_refresh_token_that_comes_twice_ends_the_login_for_thief_and_owner(client, alice):
    stolen = {"refresh_token": alice["refresh_token"]}
    following = client.post("/auth/refresh", json=stolen).json()
    assert client.post("/auth/refresh", json=stolen).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": following["refresh_token"]}).status_code == 401
    assert client.get("/auth/me", headers=bearer(following)).status_code == 401


def test_a_made_up_refresh_token_is_refused(client):
    assert client.post("/auth/refresh", json={"refresh_token": "made up"}).status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "e30.e30.e30", "null"])
def test_what_is_no_token_is_refused(client, token):
    assert client.get("/auth/me", headers={"Authorization": f"Bearer {token}".encode()}).status_code == 401


def test_without_credentials_nobody_is_known(client):
    answer = client.get("/auth/me")
    assert (answer.status_code, answer.json()["error"]) == (401, "UnauthorizedError")


def test_neither_password_nor_token_is_stored(app, alice):
    tables = ("users", "token_families", "refresh_tokens")
    stored = str([rows(app, f"SELECT * FROM {table}") for table in tables])  # noqa: S608
    assert "$argon2id$" in stored
    assert ALICE["password"] not in stored
    assert alice["refresh_token"] not in stored


def test_ten_wrong_passwords_close_an_account_for_a_while_and_no_other(client, alice, bob):
    answers = [log_in(client, secret=f"wrong {number}") for number in range(LOGIN_OF_ACCOUNT.burst + 1)]
    assert [answer.status_code for answer in answers] == [401] * LOGIN_OF_ACCOUNT.burst + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 90
    assert log_in(client, " ALICE@example.org").status_code == 429
    assert log_in(client, bob["user"]["email"]).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice)).status_code == 200


def test_right_passwords_do_not_count(client, alice):
    assert alice
    assert {log_in(client).status_code for _ in range(LOGIN_OF_ACCOUNT.burst + 2)} == {200}


def test_the_published_keys_check_our_tokens(client, alice):
    keys = client.get("/.well-known/jwks.json").json()["keys"]
    key = next(one for one in keys if one["kid"] == jwt.get_unverified_header(alice["token"])["kid"])
    payload = jwt.decode(alice["token"], jwt.PyJWK(key), ["ES256"], audience="pillarbox")
    assert payload["sub"] == alice["user"]["id"]
