"""Registering, logging in, refreshing and logging out over HTTP, on a real database."""

import pytest
from starlette.testclient import TestClient

from cloud.web.app import create_app
from tests.unit.cloud.messages import rows

ALICE = {"name": "Alice", "email": "alice@example.org", "password": "correct horse"}


@pytest.fixture
def client(app):
    return TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000")


@pytest.fixture
def alice(client):
    return client.post("/auth/register", json=ALICE).json()


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def log_in(client, email=ALICE["email"], secret=ALICE["password"]):
    return client.post("/auth/login", json={"email": email, "password": secret})


def test_who_registers_is_logged_in_at_once(client, alice):
    assert (alice["user"]["name"], alice["user"]["email"]) == ("Alice", "alice@example.org")
    assert client.get("/auth/me", headers=bearer(alice["token"])).json() == alice["user"]


def test_a_known_address_cannot_register_again(client, alice):
    answer = client.post("/auth/register", json=ALICE | {"email": " ALICE@example.org", "name": alice["user"]["name"]})
    assert (answer.status_code, answer.json()["error"]) == (409, "ConflictError")


@pytest.mark.parametrize(
    "changed",
    [{"name": ""}, {"name": "n" * 101}, {"password": "short"}, {"password": "p" * 101}, {"email": "no address"}],
)
def test_what_the_interface_does_not_allow_is_refused(client, changed):
    answer = client.post("/auth/register", json=ALICE | changed)
    assert answer.status_code == 422
    assert set(answer.json()) == {"error", "message", "detail"}


def test_the_right_password_logs_in(client, alice):
    answer = log_in(client)
    assert answer.status_code == 200
    assert answer.json()["user"] == alice["user"]
    assert client.get("/auth/me", headers=bearer(answer.json()["token"])).status_code == 200


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
    assert client.post("/auth/logout", headers=bearer(alice["token"])).status_code == 200
    assert client.get("/auth/me", headers=bearer(alice["token"])).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).status_code == 401
    assert client.get("/auth/me", headers=bearer(other["token"])).status_code == 200


def test_a_refresh_token_gives_the_next_ones(client, alice):
    following = client.post("/auth/refresh", json={"refresh_token": alice["refresh_token"]}).json()
    assert following["refresh_token"] != alice["refresh_token"]
    assert client.get("/auth/me", headers=bearer(following["token"])).json() == alice["user"]


def test_a_refresh_token_that_comes_twice_ends_the_login_for_thief_and_owner(client, alice):
    stolen = {"refresh_token": alice["refresh_token"]}
    following = client.post("/auth/refresh", json=stolen).json()
    assert client.post("/auth/refresh", json=stolen).status_code == 401
    assert client.post("/auth/refresh", json={"refresh_token": following["refresh_token"]}).status_code == 401
    assert client.get("/auth/me", headers=bearer(following["token"])).status_code == 401


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
