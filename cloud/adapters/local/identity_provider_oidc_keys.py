"""The keys that an outside issuer publishes (JWKS), fetched so that an issuer who hangs holds up nobody."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

import jwt

from cloud.errors import ConfigurationError, RetryLaterError, UnauthorizedError
from cloud.settings import LOOPBACK

# The algorithm follows from the type of the issuer's key, never from the token (RFC 8725 section 3.1).
ALGORITHMS = {("RSA", ""): "RS256", ("EC", "P-256"): "ES256"}
KEYS_FRESH_S = 600
KEYS_KEPT_S = 24 * 3600  # while the issuer does not answer
FETCH_PAUSE_S = 60  # an unknown key id makes us ask again, at most so often: anyone may invent ids
# Who has begun a fetch waits so long for it. Others wait only while there are no keys yet, and of them so many:
# each keeps a thread of the server's few (40) from everybody else.
PATIENCE_S = 5.0
MOST_WAITING = 4
DISCOVERY = "/.well-known/openid-configuration"  # OpenID Connect Discovery 1.0 section 4

Fetch = Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class _Known:
    """The keys by id, as they were published at ``fetched_at`` (by the clock, seconds)."""

    by_id: dict[str, jwt.PyJWK] = field(default_factory=dict)
    fetched_at: float = float("-inf")


class PublishedKeys:
    """Keeps and renews the keys of ``issuer``; one thread at a time fetches them, and known keys never wait for it."""

    def __init__(self, issuer: str, jwks_url: str, fetch: Fetch) -> None:
        for url in filter(None, (issuer, jwks_url)):
            _check_url(url)
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._fetch = fetch
        self._known = _Known()
        self._asked_at = float("-inf")
        self._fetching: threading.Thread | None = None
        self._beginning = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self.clock: Callable[[], float] = time.monotonic
        self.patience_s = PATIENCE_S

    def get(self, kid: str) -> jwt.PyJWK:
        """Return a key; raises UnauthorizedError for one that is not known, RetryLaterError while there are none."""
        now, known = self.clock(), self._known
        if kid not in known.by_id or now - known.fetched_at >= KEYS_FRESH_S:
            self._renew(now)
            known = self._known
        # An issuer that is away for an hour locks nobody out; for a day, its keys may have been withdrawn.
        if now - known.fetched_at >= KEYS_KEPT_S:
            raise RetryLaterError(f"expected the keys of {self._issuer}, it does not answer")
        if kid not in known.by_id:
            raise UnauthorizedError("expected an access token signed with a published key of its issuer")
        return known.by_id[kid]

    def _renew(self, now: float) -> None:
        """Have the keys fetched where it is time to, and wait for them where that may be."""
        if fetching := self._begun(now):
            fetching.join(self.patience_s)
        elif self._fetching and self._known.fetched_at == float("-inf") and self._waiting.acquire(blocking=False):
            try:
                self._fetching.join(self.patience_s)
            finally:
                self._waiting.release()

    def _begun(self, now: float) -> threading.Thread | None:
        """Begin to fetch; returns None where that is under way, or was begun less than a pause ago."""
        with self._beginning:
            if now - self._asked_at < FETCH_PAUSE_S or (self._fetching and self._fetching.is_alive()):
                return None
            fetching = threading.Thread(target=self._load, args=(now,), name="issuer's keys", daemon=True)
            fetching.start()
            self._asked_at, self._fetching = now, fetching
        return fetching

    def _load(self, now: float) -> None:
        try:
            self._known = _Known(_by_id(self._fetch(self._jwks_url or self._discovered())), now)
        except (OSError, ValueError, RecursionError, HTTPException, ConfigurationError):
            return  # what is known stays so until it is too old

    def _discovered(self) -> str:
        found = self._fetch(self._issuer.rstrip("/") + DISCOVERY)
        url = found.get("jwks_uri")
        if not isinstance(url, str) or found.get("issuer") != self._issuer:
            raise ValueError("expected the issuer's own name and its jwks_uri")
        _check_url(url)
        return url


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
            except (jwt.PyJWTError, TypeError, ValueError):
                continue
    return keys


def _check_url(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ConfigurationError(f"expected an https address of the token issuer, got {url[:100]!r}")
