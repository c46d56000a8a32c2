"""Whatever an outside issuer signs, its user is let in or refused with a reason: no claim is a fault of the server."""

import json

import jwt
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from cloud.accounts.model import LONGEST_EMAIL, NO_ADDRESS
from tests.unit.cloud.messages import rows

CLAIMS = ["iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti", "email", "email_verified", "name"]
TEXTS = ["", "a\0b", "\ud800", "\U0001f4ec", "a" * 300, "a" * 9000, "\u00fc@x.example", " A@B.example ", "1700000000"]
NUMBERS = [0, -1, 1.5, 10**19, -(10**19), 10**400, 1e308, float("inf"), float("-inf"), float("nan"), True, False]
OTHERS = [None, [], {}, ["a", 1], {"a": {"b": []}}]
ODD = st.sampled_from([*TEXTS, *NUMBERS, *OTHERS]) | st.text(max_size=300) | st.integers() | st.floats()
VOUCHED = {"email_verified": True}


def signed(issuer, changed):
    """Return a token with these claims, also those that a library would not sign."""
    payload = json.dumps(issuer.claims() | changed).encode()
    return jwt.PyJWS().encode(payload, issuer.keys["rsa"], "RS256", {"kid": "rsa"})


def asked(client, token):
    """Return the answers to requests that do something with what the token claims."""
    headers = {"Authorization": f"Bearer {token}"}
    yield client.get("/auth/me", headers=headers)
    yield client.post("/devices", json={"name": "Drive"}, headers=headers)
    yield client.get("/live", headers=headers | {"Accept": "application/json"})
    address = client.post("/auth/email", json={"email": "real@example.org"}, headers=headers)
    yield client.post("/auth/logout", headers=headers)
    yield address


def test_no_claim_is_a_fault(clerk, issuer):
    @given(st.dictionaries(st.sampled_from(CLAIMS), ODD, min_size=1, max_size=3))
    @settings(
        max_examples=40,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @example({"sub": "a" * 300})
    @example({"exp": 10**19})
    @example({"exp": float("inf"), "nbf": float("nan")})
    @example(VOUCHED | {"email": "\u00fc@x.example", "name": "a\0b\ud800"})
    @example(VOUCHED | {"email": "a@" + "b" * 260 + ".example"})
    def ask(changed):
        *answers, asked_for_address = [answer.status_code for answer in asked(clerk, signed(issuer, changed))]
        assert set(answers) in ({200}, {401}), changed
        assert asked_for_address in {202, 401, 429}, changed  # 401 for an old token, too

    ask()


@pytest.mark.parametrize("length", [201, 300, 1000])
def test_who_has_too_long_a_name_is_told_so(app, clerk, issuer, length):
    answer = next(asked(clerk, signed(issuer, {"sub": "a" * length})))
    assert (answer.status_code, answer.json()["error"]) == (401, "UnauthorizedError")
    assert f"its sub has 1 to 200 printable ASCII characters, got {length}" in answer.json()["message"]
    assert rows(app, "SELECT * FROM identities") == []


def test_a_token_that_would_never_expire_is_refused_before_anybody_logs_it_out(app, clerk, issuer):
    answers = list(asked(clerk, signed(issuer, {"exp": 10**19})))
    assert {answer.status_code for answer in answers} == {401}
    assert "its exp is in seconds, before the year 10000" in answers[0].json()["message"]
    assert rows(app, "SELECT * FROM revoked_tokens") == []


LONG = f"{'a' * LONGEST_EMAIL}@x.example"


@pytest.mark.parametrize("email", ["\u00fc@x.example", LONG, "nobody", f"somebody{NO_ADDRESS}", "a@b\ud800.example"])
def test_an_address_that_we_cannot_write_to_counts_as_none(clerk, issuer, email):
    for _ in range(2):
        answer = next(asked(clerk, signed(issuer, VOUCHED | {"email": email})))
        assert answer.status_code == 200
        assert answer.json()["email"].endswith(NO_ADDRESS)
        assert answer.json()["email"] != email


def test_a_name_is_one_line_of_signs(clerk, issuer):
    answer = next(asked(clerk, signed(issuer, {"name": " Ca\0rol\r\n\ud800" + "x" * 200})))
    assert answer.json()["name"] == "Ca rol " + "x" * 93


def test_nobody_registers_the_address_that_stands_for_somebody_elses(client):
    taken = f"{'0' * 32}{NO_ADDRESS}"
    body = {"name": "Mallory", "email": taken, "password": "correct horse"}
    answer = client.post("/auth/register", json=body)
    fields = [one["field"] for one in answer.json()["detail"]]
    assert (answer.status_code, answer.json()["error"], fields) == (422, "ValidationError", ["body.email"])
    assert "that mail can reach" in answer.json()["message"]
