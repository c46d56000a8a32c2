"""Users, households, one-time login links and sessions."""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

from cloud.errors import ForbiddenError, RefusedError

OWNER, MEMBER, VIEWER = "owner", "member", "viewer"
# What a role may do; an API key may do what both its scopes and the role of its maker allow.
READ, WRITE, MANAGE = "read", "write", "manage"
SCOPES_OF_ROLE = {OWNER: {READ, WRITE, MANAGE}, MEMBER: {READ, WRITE}, VIEWER: {READ}}
NEEDED_ROLE = {READ: VIEWER, WRITE: MEMBER, MANAGE: OWNER}
LOGIN_LINK_MS = 24 * 3600 * 1000
SESSION_MS = 30 * 24 * 3600 * 1000
REFRESH_MS = 30 * 24 * 3600 * 1000
# An outside issuer's token that is younger proves that its user is there: Clerk makes one every minute.
FRESH_MS = 5 * 60 * 1000
RESET, NEW_EMAIL = "reset", "email"  # what the token in a mail may do
ACCOUNT_TOKEN_MS = {RESET: 3600 * 1000, NEW_EMAIL: 24 * 3600 * 1000}
INVITATION_MS = 7 * 24 * 3600 * 1000
# Two, so that a program gets its new key before the old one is revoked.
MOST_ACTIVE_KEYS = 2
# Of a member, of whatever age: enough to see which were in use.
MOST_REVOKED_KEYS = 50
# A household is some people, and a person in some households: lists of both are short.
MOST_MEMBERS, MOST_HOUSEHOLDS, MOST_INVITATIONS = 100, 100, 100
# An API key's last use is noted to the minute: a write for every request would cost more than the request.
KEY_USE_MS = 60 * 1000
# The address of a user of whom an outside issuer tells none: mail never goes there (RFC 2606 section 2).
NO_ADDRESS = "@no-address.invalid"
LONGEST_NAME = 100  # of a person or an API key, in characters
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
    """A user acting in one household; by an API key only within its ``scopes``."""

    user: User
    household_id: str
    household_name: str
    role: str
    scopes: frozenset[str] = frozenset(NEEDED_ROLE)
    api_key_id: str | None = None


class AdmittedBy(StrEnum):
    """What a request was let in with."""

    LOGIN = "login"
    OUTSIDE_TOKEN = "outside token"  # noqa: S105 - a kind, no secret
    API_KEY = "api key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class Admission:
    """What an answer that lasts was let in with: the login's id or the credential's hash, valid until ``expires_at``.

    It counts while the login, the key or the session does, and the user is in the household and not disabled.
    """

    household_id: str
    user_id: str
    by: AdmittedBy
    name: str
    expires_at: int | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user as who runs the server sees them, once for each of their households; None where they have none."""

    email: str
    name: str
    created_at: int
    disabled_at: int | None
    household_id: str | None
    household_name: str | None
    role: str | None


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and what is stored of their password, None for one who has none."""

    user_id: str
    password_hash: str | None


@dataclass(frozen=True, slots=True)
class AccountToken:
    """What the token of a mail may do, for whom, and about which address."""

    user_id: str
    purpose: str
    email: str


@dataclass(frozen=True, slots=True)
class Family:
    """One login of a program: the tokens that follow from it."""

    id: str
    user_id: str


@dataclass(frozen=True, slots=True)
class ApiKeyUse:
    """For whom an API key acts, when it was last used, and when this was asked (Unix ms)."""

    member: Member
    last_used_at: int | None
    asked_at: int


def check_scope(member: Member, scope: str) -> None:
    """Raise ForbiddenError unless the member's role, and their API key if they use one, allow ``scope``."""
    if scope not in SCOPES_OF_ROLE[member.role]:
        raise ForbiddenError(f"expected the role {NEEDED_ROLE[scope]} in this household, you are {member.role}")
    if scope not in member.scopes:
        raise ForbiddenError(f"expected an API key with the scope {scope}, this one has {', '.join(member.scopes)}")


def allows(member: Member, scope: str) -> bool:
    """Return whether the member's role, and their API key if they use one, allow ``scope``."""
    return scope in SCOPES_OF_ROLE[member.role] and scope in member.scopes


def token_hash(token: str) -> str:
    """Return what is stored of a login or session token; the token itself is never kept."""
    return hashlib.sha256(token.encode()).hexdigest()


def unknown_address(issuer: str, subject: str) -> str:
    """Return what stands for the address of an outside issuer's user who has told none."""
    return token_hash(f"{issuer} {subject}")[:32] + NO_ADDRESS


def normal_email(email: str) -> str:
    """Return an address in the form in which it is stored; raises RefusedError for what is none."""
    address = email.strip()
    if len(address) > LONGEST_EMAIL or not _EMAIL.fullmatch(address):
        raise RefusedError(f"expected an e-mail address like name@example.org, got {email[:80]!r}")
    return address.lower()


def reachable_email(email: str) -> str:
    """Return an address as ``normal_email`` does; raises RefusedError for one that only stands for an unknown one."""
    address = normal_email(email)
    if address.endswith(NO_ADDRESS):
        raise RefusedError(f"expected an e-mail address that mail can reach, got {email[:80]!r}")
    return address


def masked(email: str) -> str:
    """Return an address as its owner knows it again, and nobody else."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}…@{domain}"
