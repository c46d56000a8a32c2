"""An outside issuer of tokens, such as Clerk: any OIDC issuer, known by its published keys (JWKS)."""

from collections.abc import Sequence
from typing import Any

import jwt

from cloud.adapters.local.identity_provider_oidc_fetch import fetch_json
from cloud.adapters.local.identity_provider_oidc_keys import Fetch, PublishedKeys
from cloud.errors import ConfigurationError, UnauthorizedError
from cloud.ports.identity_provider import Claims

LEEWAY_S = 10
REQUIRED = ["iss", "sub", "exp", "iat"]
# OpenID Connect Core 1.0 section 2 allows 255 ASCII characters; no issuer that we know of uses more than 64.
LONGEST_SUBJECT = 200
YEAR_10000_S = 253_402_300_800


class OidcIdentityProvider:
    """Checks tokens of ``issuer`` meant for one of ``audiences``; its keys are fetched, kept and renewed."""

    def __init__(self, issuer: str, audiences: Sequence[str], jwks_url: str = "", fetch: Fetch = fetch_json) -> None:
        if not audiences:
            raise ConfigurationError("expected PILLARBOX_OIDC_AUDIENCE beside PILLARBOX_OIDC_ISSUER, got none")
        self._issuer = issuer
        self._audiences = tuple(audiences)
        self.keys = PublishedKeys(issuer, jwks_url, fetch)

    @property
    def issuer(self) -> str:
        """Return the issuer's name, its address."""
        return self._issuer

    def verify(self, token: str) -> Claims:
        """Return what a token says; raises UnauthorizedError, or RetryLaterError while there are no keys."""
        try:
            kid = jwt.get_unverified_header(token).get("kid")
            payload = self._payload(token, self.keys.get(kid if isinstance(kid, str) else ""))
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise UnauthorizedError(f"expected a valid access token: {error}") from None
        self._check_audience(payload)
        return Claims(
            self._issuer,
            _subject(payload["sub"]),
            _time_ms(payload, "exp"),
            issued_at=_time_ms(payload, "iat"),
            email=_text(payload.get("email")),
            email_is_verified=payload.get("email_verified") is True,
            name=_text(payload.get("name")),
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


def _subject(given: str) -> str:
    """Return whom a token names, as the database can keep it."""
    if not (0 < len(given) <= LONGEST_SUBJECT and given.isascii() and given.isprintable()):
        raise UnauthorizedError(
            f"expected a valid access token: its sub has 1 to {LONGEST_SUBJECT} printable ASCII characters, "
            f"got {len(given)}: {given[:40]!a}"
        )
    return given


def _time_ms(payload: dict[str, Any], name: str) -> int:
    """Return a time that a token says in seconds (RFC 7519 section 2), in ms."""
    given = payload[name]
    if isinstance(given, bool) or not isinstance(given, int | float) or not abs(given) < YEAR_10000_S:
        raise UnauthorizedError(f"expected a valid access token: its {name} is in seconds, before the year 10000")
    return int(given * 1000)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
