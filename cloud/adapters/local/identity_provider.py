"""Our own access tokens: JWTs signed with ES256 by keys in a folder, which every process of the server shares."""

import json
import math
import os
import re
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from cloud.adapters.local.files import alone, make_folder, write_durably
from cloud.errors import UnauthorizedError
from cloud.ports.identity_provider import AccessToken, Claims

ALGORITHM = "ES256"
AUDIENCE = "pillarbox"
ACCESS_TOKEN_S = 15 * 60
KEY_LIFE_S = 90 * 24 * 3600
# How long another process may take to notice a rotation. Looking at the folder with every request costs more than all
# the rest of a check.
LOOK_S = 1
# A server may still sign with the older key in the moment in which ``pillarbox admin key rotate`` makes a newer one.
LEEWAY_S = 10
REQUIRED = ["iss", "aud", "sub", "exp", "iat", "jti", "sid"]
REMEMBERED_TOKENS = 4096
KEY_FILE = re.compile(r"[0-9]{15}-[0-9a-f]{16}\.pem")


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key of the folder; its file is named after the time of its making (Unix ms) and its id."""

    made_at: int
    kid: str
    private: ec.EllipticCurvePrivateKey


class KeyFolderTokenIssuer:
    """Signs with the newest key of ``folder``; an older one checks until the last token it signed has expired."""

    def __init__(self, folder: Path, issuer: str, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._issuer = issuer
        self._clock = clock
        # Checking a signature takes longer than all the rest; a client sends the same token many times.
        self._decoded = lru_cache(REMEMBERED_TOKENS)(self._decode)
        self._keys = lru_cache(2)(self._load)
        self._looked: tuple[float, tuple[str, ...]] = (-math.inf, ())

    @property
    def issuer(self) -> str:
        """Return the ``iss`` of our tokens: this server's address."""
        return self._issuer

    def issue(self, user_id: str, family_id: str) -> AccessToken:
        """Return a token for a user, valid for a quarter of an hour; an aged key is replaced before."""
        key = self._newest()
        now = int(self._clock())
        payload = {
            "iss": self._issuer,
            "aud": AUDIENCE,
            "sub": user_id,
            "sid": family_id,
            "iat": now,
            "exp": now + ACCESS_TOKEN_S,
            "jti": secrets.token_hex(16),
        }
        return AccessToken(jwt.encode(payload, key.private, ALGORITHM, {"kid": key.kid}), ACCESS_TOKEN_S)

    def verify(self, token: str) -> Claims:
        """Return what a token of ours says; raises UnauthorizedError."""
        try:
            claims, kid = self._decoded(token, self._known_names())
        except UnauthorizedError:  # its key may have been made since
            claims, kid = self._decoded(token, self._names())
        if not self._is_valid(kid) or claims.expires_at <= self._clock() * 1000:
            raise UnauthorizedError("expected a valid access token, this one has expired")
        return claims

    def rotate(self, *, revoke: bool = False) -> str:
        """Make the key that signs from now on; keys that check nothing any more are deleted."""
        with alone(self._folder):
            key = self._make()
            kept = set() if revoke else {one.kid for one in self._valid()}
            for name in self._names():
                if name.removesuffix(".pem").partition("-")[2] not in {*kept, key.kid}:
                    (self._folder / name).unlink()
            self._names()
        return key.kid

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """Return the keys that check our tokens as a JWK set."""
        self._newest()
        return {"keys": [_jwk(key) for key in self._valid()]}

    def _newest(self) -> SigningKey:
        """Return the key that signs, made now where there is none or only an aged one."""
        oldest = (self._clock() - KEY_LIFE_S) * 1000
        if not (keys := self._keys(self._names())) or keys[-1].made_at <= oldest:
            with alone(self._folder):
                keys = self._keys(self._names())
                if not keys or keys[-1].made_at <= oldest:
                    return self._make()
        return keys[-1]

    def _make(self) -> SigningKey:
        keys = self._keys(self._names())
        made_at = max(int(self._clock() * 1000), keys[-1].made_at + 1 if keys else 0)
        key = SigningKey(made_at, secrets.token_hex(8), ec.generate_private_key(ec.SECP256R1()))
        pem = key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_durably(self._folder / f"{key.made_at:015d}-{key.kid}.pem", pem)
        return key

    def _valid(self) -> list[SigningKey]:
        """Return the newest key, and those that were the newest when a token was signed that is valid still."""
        keys = self._keys(self._known_names())
        earliest = (self._clock() - ACCESS_TOKEN_S - LEEWAY_S) * 1000
        followed = [key for key, next_one in pairwise(keys) if next_one.made_at > earliest]
        return [*followed, *keys[-1:]]

    def _is_valid(self, kid: str) -> bool:
        return any(key.kid == kid for key in self._valid())

    def _names(self) -> tuple[str, ...]:
        """Return the keys' files, oldest first: another process may have rotated."""
        make_folder(self._folder)
        names = tuple(sorted(name for name in os.listdir(self._folder) if KEY_FILE.fullmatch(name)))  # noqa: PTH208 - names only
        self._looked = (self._clock(), names)
        return names

    def _known_names(self) -> tuple[str, ...]:
        """Return the keys' files as they were at most ``LOOK_S`` ago."""
        looked_at, names = self._looked
        return names if 0 <= self._clock() - looked_at < LOOK_S else self._names()

    def _load(self, names: tuple[str, ...]) -> tuple[SigningKey, ...]:
        keys = []
        for name in names:
            private = load_pem_private_key((self._folder / name).read_bytes(), None)
            if isinstance(private, ec.EllipticCurvePrivateKey):
                made_at, _, kid = name.removesuffix(".pem").partition("-")
                keys.append(SigningKey(int(made_at), kid, private))
        return tuple(keys)

    def _decode(self, token: str, names: tuple[str, ...]) -> tuple[Claims, str]:
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            key = next((one for one in self._keys(names) if one.kid == kid), None)
            if key is None:
                raise UnauthorizedError("expected an access token signed with a key of ours")
            claims = self._claims(token, key)
        except jwt.PyJWTError as error:
            raise UnauthorizedError(f"expected a valid access token: {error}") from None
        return claims, key.kid

    def _claims(self, token: str, key: SigningKey) -> Claims:
        options: Any = {"require": REQUIRED, "verify_exp": False, "verify_iat": False}
        payload = jwt.decode(
            token, key.private.public_key(), [ALGORITHM], options, audience=AUDIENCE, issuer=self._issuer
        )
        return Claims(self._issuer, payload["sub"], int(payload["exp"]) * 1000, family_id=str(payload["sid"]))


def _jwk(key: SigningKey) -> dict[str, str]:
    public: dict[str, str] = json.loads(ECAlgorithm.to_jwk(key.private.public_key()))
    return public | {"kid": key.kid, "alg": ALGORITHM, "use": "sig"}
