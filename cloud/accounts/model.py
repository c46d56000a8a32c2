"""Users, households, one-time login links and sessions."""

import hashlib
from dataclasses import dataclass

LOGIN_LINK_MS = 24 * 3600 * 1000
SESSION_MS = 30 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class User:
    """A person with an e-mail address."""

    id: str
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """A user acting in one household."""

    user: User
    household_id: str
    household_name: str
    role: str


def token_hash(token: str) -> str:
    """Return what is stored of a login or session token; the token itself is never kept."""
    return hashlib.sha256(token.encode()).hexdigest()
