"""Tokens that strangers make up are not read beyond a length, and little of them is remembered."""

import jwt

from cloud.accounts import identity
from cloud.accounts.identity import LONGEST_REMEMBERED, LONGEST_TOKEN
from tests.unit.accounts.people import bearer


def made_up(length):
    """Return a token of about so many characters, by an issuer that nobody knows."""
    return jwt.encode({"iss": "x" * (length * 3 // 4)}, "a secret that nobody needs to know", "HS256")


def ask(client, token):
    return client.get("/auth/me", headers=bearer({"token": token}))


def test_a_token_that_is_too_long_is_refused_unread(client):
    answer = ask(client, made_up(LONGEST_TOKEN))
    assert answer.status_code == 401
    assert f"at most {LONGEST_TOKEN} characters" in answer.json()["message"]


def test_what_strangers_make_up_stays_in_memory_only_while_it_is_short(client):
    remembered = identity._remembered_issuer  # noqa: SLF001 - what it keeps is what is asked
    remembered.cache_clear()
    for length in (LONGEST_TOKEN, LONGEST_REMEMBERED):
        assert ask(client, made_up(length)).status_code == 401
        assert remembered.cache_info().currsize == 0
    assert ask(client, made_up(100)).status_code == 401
    assert remembered.cache_info().currsize == 1


def test_a_long_token_of_a_known_issuer_is_taken(clerk, issuer):
    token = issuer.sign("ec", told="x" * LONGEST_REMEMBERED)
    assert LONGEST_REMEMBERED < len(token) < LONGEST_TOKEN
    assert ask(clerk, token).status_code == 200
