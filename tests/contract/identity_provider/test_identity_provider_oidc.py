"""The promises of an outside issuer's tokens, over real keys and real HTTP."""

import base64
import contextlib
import hashlib
import hmac
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from cloud.adapters.local.identity_provider_oidc import LONGEST_SUBJECT, OidcIdentityProvider
from cloud.adapters.local.identity_provider_oidc_keys import FETCH_PAUSE_S, KEYS_FRESH_S, KEYS_KEPT_S, MOST_WAITING
from cloud.errors import ConfigurationError, RetryLaterError, UnauthorizedError
from tests.contract.identity_provider.jwks_issuer import AUDIENCE, running_issuer
from tests.waiting import PATIENCE_S, until


@pytest.fixture
def issuer():
    with running_issuer() as issuer:
        yield issuer


class Clock:
    """A clock that a test moves on."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def provider(issuer, clock):
    provider = OidcIdentityProvider(issuer.url, [AUDIENCE])
    provider.keys.clock = clock
    return provider


def unsigned(header, claims, sign=lambda _: b""):
    """Return a token that no library would make."""
    parts = [base64.urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (header, claims)]
    signature = base64.urlsafe_b64encode(sign(b".".join(parts))).rstrip(b"=")
    return b".".join((*parts, signature)).decode()


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_a_token_of_either_kind_of_key_is_taken(issuer, provider, kid):
    claims = provider.verify(issuer.sign(kid, email="a@example.org", email_verified=True, name="A"))
    assert (claims.issuer, claims.subject) == (issuer.url, "user_2abc")
    assert (claims.email, claims.email_is_verified, claims.name) == ("a@example.org", True, "A")
    assert claims.expires_at > time.time() * 1000


@pytest.mark.parametrize("named", [{"aud": ["other", AUDIENCE]}, {"aud": None, "azp": AUDIENCE}])
def test_the_audience_may_be_one_of_several_or_the_authorized_party(issuer, provider, named):
    assert provider.verify(issuer.sign("ec", **named)).subject == "user_2abc"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": None},
        {"aud": []},
        {"aud": "other", "azp": AUDIENCE},
        {"aud": {"a": 1}},
        {"exp": 1},
        {"exp": None},
        {"exp": "soon"},
        {"exp": "4000000000"},
        {"exp": 10**19},
        {"exp": -(10**19)},
        {"exp": 1e300},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"exp": True},
        {"exp": [4_000_000_000]},
        {"iat": "1"},
        {"iat": -(10**19)},
        {"iat": float("-inf")},
        {"iat": float("nan")},
        {"nbf": float("inf")},
        {"nbf": {}},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"nbf": 4_000_000_000},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a" * (LONGEST_SUBJECT + 1)},
        {"sub": "a\0b"},
        {"sub": "a\ud800"},
        {"sub": "zo\u00eb"},
    ],
    ids=lambda changed: ascii(changed)[:40],
)
def test_a_token_of_wrong_claims_is_refused(issuer, provider, changed):
    with pytest.raises(UnauthorizedError):
        provider.verify(issuer.sign("rsa", **changed))


def test_times_with_fractions_are_taken(issuer, provider):
    claims = provider.verify(issuer.sign("rsa", exp=4_000_000_000.5, iat=1_700_000_000.25))
    assert (claims.expires_at, claims.issued_at) == (4_000_000_000_500, 1_700_000_000_250)


def test_the_longest_name_of_a_user_is_taken(issuer, provider):
    assert provider.verify(issuer.sign("rsa", sub="a" * LONGEST_SUBJECT)).subject == "a" * LONGEST_SUBJECT


def test_the_refusal_of_a_name_says_what_was_expected(issuer, provider):
    with pytest.raises(UnauthorizedError, match=r"its sub has 1 to 200 printable ASCII characters, got 1000: 'aaa"):
        provider.verify(issuer.sign("rsa", sub="a" * 1000))


@pytest.mark.parametrize("name", ["none", "None", "HS256", "RS512", ""])
def test_a_token_without_a_signature_is_refused(issuer, provider, name):
    with pytest.raises(UnauthorizedError):
        provider.verify(unsigned({"alg": name, "kid": "rsa", "typ": "JWT"}, issuer.claims()))


@pytest.mark.parametrize("kid", ["rsa", "ec"])
def test_the_public_key_is_no_secret_to_sign_with(issuer, provider, kid):
    public = issuer.public_pem(kid)
    token = unsigned(
        {"alg": "HS256", "kid": kid}, issuer.claims(), lambda text: hmac.digest(public, text, hashlib.sha256)
    )
    with pytest.raises(UnauthorizedError):
        provider.verify(token)


def test_a_stranger_who_borrows_a_key_id_is_refused(issuer, provider):
    for key in (ec.generate_private_key(ec.SECP256R1()), issuer.keys["ec"]):
        with pytest.raises(UnauthorizedError):
            provider.verify(jwt.encode(issuer.claims(), key, "ES256", {"kid": "rsa"}))


def test_a_key_inside_the_token_is_not_looked_at(issuer, provider):
    own = ec.generate_private_key(ec.SECP256R1())
    header = {"kid": "ec", "jku": f"{issuer.url}/evil", "jwk": {"kty": "oct", "k": "AAAA"}}
    with pytest.raises(UnauthorizedError):
        provider.verify(jwt.encode(issuer.claims(), own, "ES256", header))


def test_keys_are_fetched_once_for_many_tokens(issuer, provider):
    for _ in range(5):
        provider.verify(issuer.sign("ec"))
        provider.verify(issuer.sign("rsa"))
    assert issuer.fetches == 1


def test_unknown_key_ids_make_us_ask_at_most_once_a_minute(issuer, provider, clock):
    provider.verify(issuer.sign("ec"))
    for number in range(20):
        with pytest.raises(UnauthorizedError, match="published key"):
            provider.verify(issuer.sign(f"invented {number}", issuer.keys["ec"]))
    assert issuer.fetches == 1
    clock.now += FETCH_PAUSE_S
    for number in range(20):
        with pytest.raises(UnauthorizedError):
            provider.verify(issuer.sign(f"invented {number}", issuer.keys["ec"]))
    assert issuer.fetches == 2


def test_a_key_that_the_issuer_begins_to_use_is_found(issuer, provider, clock):
    provider.verify(issuer.sign("ec"))
    issuer.add("new")
    clock.now += FETCH_PAUSE_S
    assert provider.verify(issuer.sign("new")).subject == "user_2abc"


def test_a_key_that_the_issuer_withdraws_is_forgotten(issuer, provider, clock):
    token = issuer.sign("ec")
    provider.verify(token)
    del issuer.keys["ec"]
    clock.now += KEYS_FRESH_S
    with pytest.raises(UnauthorizedError, match="published key"):
        provider.verify(token)


def test_an_issuer_that_is_away_for_an_hour_locks_nobody_out(issuer, provider, clock):
    provider.verify(issuer.sign("ec"))
    issuer.is_broken = True
    clock.now += 3600
    assert provider.verify(issuer.sign("ec")).subject == "user_2abc"
    clock.now += KEYS_KEPT_S
    with pytest.raises(RetryLaterError, match="does not answer"):
        provider.verify(issuer.sign("ec"))


def test_an_issuer_that_never_answered_is_a_passing_fault(issuer, provider, clock):
    issuer.is_broken = True
    with pytest.raises(RetryLaterError):
        provider.verify(issuer.sign("ec"))
    issuer.is_broken = False
    clock.now += FETCH_PAUSE_S
    assert provider.verify(issuer.sign("ec")).subject == "user_2abc"


class Hanging:
    """An issuer that answers once it may, and counts how often it is asked at the same time."""

    def __init__(self, keys):
        self._keys = keys
        self.asked, self.asking, self.may = 0, threading.Event(), threading.Event()

    def __call__(self, _):
        self.asked += 1
        self.asking.set()
        self.may.wait()
        return self._keys()


@pytest.fixture
def hanging(issuer):
    """The issuer behind a fetch that hangs until the test lets it go on."""
    hanging = Hanging(lambda: json.loads(issuer.answer("/keys")))
    hanging.may.set()
    yield hanging
    hanging.may.set()


@pytest.fixture
def hanging_provider(issuer, hanging, clock):
    provider = OidcIdentityProvider(issuer.url, [AUDIENCE], f"{issuer.url}/keys", hanging)
    provider.keys.clock = clock
    provider.keys.patience_s = PATIENCE_S
    return provider


@pytest.fixture
def pool():
    with ThreadPoolExecutor(MOST_WAITING + 10) as pool:
        yield pool


def test_while_the_issuer_hangs_only_one_waits_for_unknown_keys_and_known_ones_are_taken(
    issuer, hanging, hanging_provider, clock, pool
):
    hanging_provider.verify(issuer.sign("ec"))
    hanging.may.clear()
    hanging.asking.clear()
    clock.now += FETCH_PAUSE_S
    first = pool.submit(hanging_provider.verify, issuer.sign("invented", issuer.keys["ec"]))
    assert hanging.asking.wait(PATIENCE_S)
    for number in range(60):
        with pytest.raises(UnauthorizedError, match="published key"):
            hanging_provider.verify(issuer.sign(f"invented {number}", issuer.keys["ec"]))
    assert hanging_provider.verify(issuer.sign("ec")).subject == "user_2abc"
    clock.now += KEYS_FRESH_S  # old by now, but known
    assert hanging_provider.verify(issuer.sign("ec")).subject == "user_2abc"
    assert not first.done()
    assert hanging.asked == 2
    hanging.may.set()
    assert isinstance(first.exception(PATIENCE_S), UnauthorizedError)


def test_before_there_are_keys_a_few_wait_for_them_and_the_others_come_again(issuer, hanging, hanging_provider, pool):
    hanging.may.clear()
    count = MOST_WAITING + 10
    asking = [pool.submit(hanging_provider.verify, issuer.sign("ec")) for _ in range(count)]
    until(lambda: sum(one.done() for one in asking) == count - 1 - MOST_WAITING, "all but a few to be refused")
    hanging.may.set()
    faults = [one.exception(PATIENCE_S) for one in asking]
    assert faults.count(None) == MOST_WAITING + 1
    assert {type(one) for one in faults if one} == {RetryLaterError}
    assert hanging.asked == 1


def test_nobody_waits_for_ever_and_what_comes_late_counts(issuer, hanging, hanging_provider, clock):
    hanging.may.clear()
    hanging_provider.keys.patience_s = 0.01
    for _ in range(3):
        with pytest.raises(RetryLaterError, match="does not answer"):
            hanging_provider.verify(issuer.sign("ec"))
        clock.now += FETCH_PAUSE_S  # one fetch is enough, however long it takes
    assert hanging.asked == 1
    hanging.may.set()

    def taken():
        with contextlib.suppress(RetryLaterError):
            return hanging_provider.verify(issuer.sign("ec"))

    assert until(taken, "the keys").subject == "user_2abc"


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"keys": "none"},
        {"keys": [1, {"kty": "oct", "k": "AAAA", "kid": "ec"}]},
        {"keys": [{"kty": "RSA", "n": 5, "e": [], "kid": "ec"}]},
        {"keys": [{"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA", "kid": "ec"}]},
    ],
)
def test_a_key_set_of_another_form_lets_nobody_in(issuer, found):
    provider = OidcIdentityProvider(issuer.url, [AUDIENCE], f"{issuer.url}/keys", fetch=lambda _: found)
    with pytest.raises((UnauthorizedError, RetryLaterError)):
        provider.verify(issuer.sign("ec"))


def test_the_issuer_must_be_reached_securely_and_name_an_audience():
    with pytest.raises(ConfigurationError, match="https"):
        OidcIdentityProvider("http://issuer.example", [AUDIENCE])
    with pytest.raises(ConfigurationError, match="AUDIENCE"):
        OidcIdentityProvider("https://issuer.example", [])
