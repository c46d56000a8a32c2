"""An outside issuer of tokens, such as Clerk: any OIDC issuer, known by its published keys (JWKS)."""

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import jwt

from cloud.errors import ConfigurationError, RetryLaterError, UnauthorizedError
from cloud.ports.identity_provider import Claims
from cloud.settings import LOOPBACK

# The algorithm follows from the type of the issuer's key, never from the token (RFC 8725 section 3.1).
ALGORITHMS = {("RSA", ""): "RS256", ("EC", "P-256"): "ES256"}
KEYS_FRESH_S = 600
KEYS_KEPT_S = 24 * 3600  # while the issuer does not answer
FETCH_PAUSE_S = 60  # an unknown key id makes us ask again, at most so often: anyone may invent ids
FETCH_TIMEOUT_S = 5
MOST_BYTES = 1 << 20
LEEWAY_S = 10
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0 section 4
REQUIRED = ["iss", "sub", "exp", "iat"]

Fetch = Callable[[str], dict[str, Any]]


class OidcIdentityProvider:
    """Checks tokens of ``issuer`` meant for one of ``audiences``; its keys are fetched, kept and renewed."""

    def __init__(self, issuer: str, audiences: Sequence[str], jwks_url: str = "", fetch: Fetch | None = None) -> None:
        if not audiences:
            raise ConfigurationError("expected PILLARBOX_OIDC_AUDIENCE beside PILLARBOX_OIDC_ISSUER, got none")
        for url in filter(None, (issuer, jwks_url)):
            _check_url(url)
        self._issuer = issuer
        self._audiences = tuple(audiences)
        self._jwks_url = jwks_url
        self._fetch = fetch or fetch_json
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._asked_at = float("-inf")
        self._asking = threading.Lock()
        self.clock: Callable[[], float] = time.monotonic

    @property
    def issuer(self) -> str:
        """Return the issuer's name, its address."""
        return self._issuer

    def verify(self, token: str) -> Claims:
        """Return what a token says; raises UnauthorizedError, or RetryLaterError while there are no keys."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            payload = self._payload(token, self._key(kid if isinstance(kid, str) else ""))
        except jwt.PyJWTError as error:
            raise UnauthorizedError(f"expected a valid access token: {error}") from None
        self._check_audience(payload)
        return Claims(
            self._issuer,
            payload["sub"],
            int(payload["exp"]) * 1000,
            email=_text(payload.get("email")),
            email_is_verified=payload.get("email_verified") is True,
            name=_text(payload.get("name"))[:100],
        )

    def _payload(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        options: Any = {"require": REQUIRED, "verify_aud": False}
        payload: dict[str, Any] = jwt.decode(
            token, key.key, [key.algorithm_name], options, issuer=self._issuer, leeway=LEEWAY_S
        )
        return payload

    def _check_audience(self, payload: dict[str, Any]) -> None:
        """Insist on our audience; Clerk's session tokens name the authorized party (``azp``) in its place."""
        named = payload.get("aud", payload.get("azp"))
        audiences = named if isinstance(named, list) else [named]
        if not set(self._audiences) & {one for one in audiences if isinstance(one, str)}:
            raise UnauthorizedError("expected a valid access token: it is meant for another audience")

    def _key(self, kid: str) -> jwt.PyJWK:
        with self._asking:
            if kid not in self._keys or self.clock() - self._fetched_at >= KEYS_FRESH_S:
                self._renew()
            if kid in self._keys:
                return self._keys[kid]
            if self._fetched_at == float("-inf"):
                raise RetryLaterError(f"expected the keys of {self._issuer}, it does not answer")
        raise UnauthorizedError("expected an access token signed with a published key of its issuer")

    def _renew(self) -> None:
        now = self.clock()
        if now - self._asked_at < FETCH_PAUSE_S:
            return
        self._asked_at = now
        try:
            self._keys = _by_id(self._fetch(self._jwks_url or self._discovered()))
            self._fetched_at = now
        except (OSError, ValueError, HTTPException):
            # An issuer that is away for an hour locks nobody out; for a day, its keys may have been withdrawn.
            if now - self._fetched_at >= KEYS_KEPT_S:
                self._keys, self._fetched_at = {}, float("-inf")

    def _discovered(self) -> str:
        found = self._fetch(self._issuer.rstrip("/") + DISCOVERY)
        url = found.get("jwks_uri")
        if not isinstance(url, str) or found.get("issuer") != self._issuer:
            raise ValueError("expected the issuer's own name and its jwks_uri")
        _check_url(url)
        return url


def fetch_json(url: str) -> dict[str, Any]:
    """Return the JSON object at an address; raises OSError or ValueError."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - checked before
    with urllib.request.urlopen(request, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310 - checked before
        content = answer.read(MOST_BYTES + 1)
    found = json.loads(content) if len(content) <= MOST_BYTES else None
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object of at most {MOST_BYTES:,} bytes at {url}")  # noqa: TRY004 - data
    return found


def _by_id(found: dict[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the signature keys of a JWK set by id, without those of unknown sorts (RFC 7517 section 5)."""
    listed = found.get("keys")
    if not isinstance(listed, list):
        raise ValueError("expected a JWK set with keys")  # noqa: TRY004 - data of others, not an argument
    keys = {}
    for one in listed:
        algorithm = ALGORITHMS.get((str(one.get("kty")), str(one.get("crv", "")))) if isinstance(one, dict) else None
        if algorithm and one.get("use", "sig") == "sig" and one.get("alg", algorithm) == algorithm:
            try:
                keys[str(one.get("kid", ""))] = jwt.PyJWK(one, algorithm)
            except jwt.PyJWTError:
                continue
    return keys


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigurationError(f"expected an https address of the token issuer, got {url[:100]!r}")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
