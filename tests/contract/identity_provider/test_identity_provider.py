"""The promises of our own access tokens."""

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from cloud.adapters.local.identity_provider import (
    ACCESS_TOKEN_S,
    AUDIENCE,
    KEY_LIFE_S,
    LEEWAY_S,
    LOOK_S,
    KeyFolderTokenIssuer,
)
from cloud.errors import UnauthorizedError
from tests.contract.identity_provider.test_identity_provider_oidc import Clock, unsigned

ADDRESS = "https://box.example"


@pytest.fixture
def clock():
    clock = Clock()
    clock.now = 1_800_000_000.0
    return clock


@pytest.fixture
def issuer(tmp_path, clock):
    return KeyFolderTokenIssuer(tmp_path / "keys", ADDRESS, clock)


def newest_key(tmp_path):
    return max((tmp_path / "keys").glob("*.pem"))


def forged(tmp_path, clock, algorithm="ES256", key=None, **changed):
    """Return a token signed with our own key but other claims."""
    file = newest_key(tmp_path)
    now = int(clock())
    claims = {
        "iss": ADDRESS,
        "aud": AUDIENCE,
        "sub": "u",
        "sid": "f",
        "jti": "j",
        "iat": now,
        "exp": now + 60,
    } | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(
        kept, key or load_pem_private_key(file.read_bytes(), None), algorithm, {"kid": file.stem.partition("-")[2]}
    )


def test_a_token_says_who_and_of_which_login(issuer, clock):
    access = issuer.issue("user", "family")
    claims = issuer.verify(access.token)
    assert (claims.issuer, claims.subject, claims.family_id) == (ADDRESS, "user", "family")
    assert claims.expires_at == (clock() + access.expires_in_s) * 1000


def test_a_token_carries_what_others_need_to_check_it(issuer):
    token = issuer.issue("user", "family").token
    payload = jwt.decode(token, options={"verify_signature": False})
    assert set(payload) == {"iss", "aud", "sub", "sid", "iat", "exp", "jti"}
    assert jwt.get_unverified_header(token)["alg"] == "ES256"
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = [jwt.PyJWK(one) for one in issuer.public_keys()["keys"] if one["kid"] == kid]
    options = {"verify_exp": False, "verify_iat": False}
    assert jwt.decode(token, key, ["ES256"], options, audience=AUDIENCE, issuer=ADDRESS) == payload


def test_the_public_keys_hold_no_secret(issuer):
    assert all("d" not in one for one in issuer.public_keys()["keys"])


def test_no_two_tokens_are_the_same(issuer):
    assert len({issuer.issue("user", "family").token for _ in range(20)}) == 20


def test_a_token_expires(issuer, clock):
    token = issuer.issue("user", "family").token
    issuer.verify(token)
    clock.now += ACCESS_TOKEN_S
    with pytest.raises(UnauthorizedError, match="expired"):
        issuer.verify(token)


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"aud": "other"},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"jti": None},
        {"sid": None},
        {"sub": None},
        {"sub": 7},
        {"iat": None},
    ],
    ids=str,
)
def test_a_token_of_wrong_claims_is_refused(issuer, tmp_path, clock, changed):
    issuer.issue("user", "family")
    assert issuer.verify(forged(tmp_path, clock)).subject == "u"
    with pytest.raises(UnauthorizedError):
        issuer.verify(forged(tmp_path, clock, **changed))


def test_other_algorithms_and_other_keys_are_refused(issuer, tmp_path, clock):
    issuer.issue("user", "family")
    file = newest_key(tmp_path)
    public = load_pem_private_key(file.read_bytes(), None).public_key()
    kid = file.stem.partition("-")[2]
    header = {"alg": "none", "kid": kid}
    claims = jwt.decode(forged(tmp_path, clock), options={"verify_signature": False})
    assert public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for token in (unsigned(header, claims), forged(tmp_path, clock, key=ec.generate_private_key(ec.SECP256R1()))):
        with pytest.raises(UnauthorizedError):
            issuer.verify(token)


def test_after_a_rotation_old_tokens_live_out_their_time_and_new_ones_have_a_new_key(issuer, tmp_path, clock):
    old = issuer.issue("user", "family").token
    kid = issuer.rotate()
    new = issuer.issue("user", "family").token
    assert jwt.get_unverified_header(new)["kid"] == kid != jwt.get_unverified_header(old)["kid"]
    assert issuer.verify(old).subject == issuer.verify(new).subject == "user"
    clock.now += ACCESS_TOKEN_S + LEEWAY_S + 1
    issuer.rotate()
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 2
    for token in (old, new):
        with pytest.raises(UnauthorizedError):
            issuer.verify(token)


def test_a_key_that_leaked_is_revoked_with_its_tokens(issuer, tmp_path):
    old = issuer.issue("user", "family").token
    issuer.verify(old)
    issuer.rotate(revoke=True)
    with pytest.raises(UnauthorizedError, match="key of ours"):
        issuer.verify(old)
    assert len(list((tmp_path / "keys").glob("*.pem"))) == 1


def test_another_process_takes_part_in_a_rotation_within_a_second(issuer, tmp_path, clock):
    other = KeyFolderTokenIssuer(tmp_path / "keys", ADDRESS, clock)
    old = other.issue("user", "family").token
    kid = issuer.rotate()
    assert jwt.get_unverified_header(other.issue("user", "family").token)["kid"] == kid
    assert other.verify(issuer.issue("user", "family").token).subject == "user"
    issuer.rotate(revoke=True)
    clock.now += LOOK_S
    with pytest.raises(UnauthorizedError):
        other.verify(old)


def test_an_aged_key_is_replaced_by_itself(issuer, clock):
    old = jwt.get_unverified_header(issuer.issue("user", "family").token)["kid"]
    clock.now += KEY_LIFE_S
    assert jwt.get_unverified_header(issuer.issue("user", "family").token)["kid"] != old


def test_only_their_owner_may_read_the_keys(issuer, tmp_path):
    issuer.issue("user", "family")
    assert {file.stat().st_mode & 0o777 for file in (tmp_path / "keys").glob("*.pem")} == {0o600}
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
