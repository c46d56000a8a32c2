"""Users, households, one-time login links and sessions."""

import hashlib
import re
from dataclasses import dataclass

from cloud.errors import RefusedError

LOGIN_LINK_MS = 24 * 3600 * 1000
SESSION_MS = 30 * 24 * 3600 * 1000
LONGEST_EMAIL = 254  # RFC 5321 section 4.5.3.1.3, less the brackets of a path
# The addresses that every mail server takes: an unquoted local part of RFC 5321 section 4.1.2, and a domain.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_EMAIL = re.compile(rf"{_ATOM}(\.{_ATOM})*@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


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


def normal_email(email: str) -> str:
    """Return an address in the form in which it is stored; raises RefusedError for what is none."""
    address = email.strip()
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        raise RefusedError(f"expected an e-mail address like name@example.org, got {email[:80]!r}")
    return address.lower()
