"""Who somebody is: the household's own tokens, and those of an outside issuer such as Clerk."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says; times in Unix ms, ``family_id`` names the login of one of our own tokens."""

    issuer: str
    subject: str
    expires_at: int
    family_id: str = ""
    issued_at: int = 0
    email: str = ""
    email_is_verified: bool = False
    name: str = ""


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A signed token and how long it is valid."""

    token: str
    expires_in_s: int


class IdentityProvider(Protocol):
    """Promises: only a token of this issuer, for this audience, signed now valid with a pinned algorithm, is taken."""

    @property
    def issuer(self) -> str:
        """Return the ``iss`` of its tokens."""

    def verify(self, token: str) -> Claims:
        """Return what the token says; raises UnauthorizedError, or RetryLaterError when its keys cannot be had."""


class TokenIssuer(IdentityProvider, Protocol):
    """Promises besides: a token signed before a rotation stays valid until it expires, in every process."""

    def issue(self, user_id: str, family_id: str) -> AccessToken:
        """Return a short-lived token for a user, of one login."""

    def rotate(self, *, revoke: bool = False) -> str:
        """Sign with a new key from now on and return its id; ``revoke`` ends the tokens of every older key at once."""

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """Return the keys that check our tokens, as a JWK set (RFC 7517 section 5)."""
