"""Logging in with a password, and the access and refresh tokens that follow (RFC 9700 section 4.14)."""

import secrets
from dataclasses import dataclass

from cloud.accounts.model import REFRESH_MS, Member, User, normal_email, token_hash
from cloud.accounts.passwords import hash_password, is_outdated, is_password
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.service import add_user_with_household
from cloud.errors import ConflictError, RefusedError, UnauthorizedError
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.identity_provider import AccessToken, TokenIssuer

REFRESH_TOKEN_BYTES = 32
WRONG = "expected a known e-mail address and its password"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user with the tokens of their login."""

    user: User
    access: AccessToken
    refresh_token: str


def register(database: Database, issuer: TokenIssuer, name: str, email: str, password: str) -> LoggedIn:
    """Make a user with a household of their own and log them in; raises ConflictError for a known address."""
    address = normal_email(email)
    stored = hash_password(password)
    with database.write() as unit_of_work:
        if AccountRepository(unit_of_work).user_by_email(address):
            raise ConflictError("expected a new e-mail address, this one has an account; log in instead")
        user = add_user_with_household(unit_of_work, address, name).user
        AccountRepository(unit_of_work).change_user(user.id, password_hash=stored)
        return _log_in(unit_of_work, issuer, user)


def log_in(database: Database, issuer: TokenIssuer, email: str, password: str) -> LoggedIn:
    """Return new tokens; raises UnauthorizedError, the same and as late for a wrong address as for a wrong password."""
    user_id = check_password(database, email, password)
    with database.write() as unit_of_work:
        member = AccountRepository(unit_of_work).member_of(user_id)
        if member is None:
            raise UnauthorizedError(WRONG)
        return _log_in(unit_of_work, issuer, member.user)


def check_password(database: Database, email: str, password: str) -> str:
    """Return the user whose address and password these are; raises UnauthorizedError."""
    try:
        address = normal_email(email)
    except RefusedError:
        address = ""
    with database.read() as unit_of_work:
        known = AccountRepository(unit_of_work).credentials(address)
    # No transaction is open while the hash is computed: it takes a tenth of a second.
    if not is_password(password, known.password_hash if known else None) or known is None:
        raise UnauthorizedError(WRONG)
    if known.password_hash and is_outdated(known.password_hash):
        stored = hash_password(password)
        with database.write() as unit_of_work:
            AccountRepository(unit_of_work).change_user(known.user_id, password_hash=stored)
    return known.user_id


def refresh(database: Database, issuer: TokenIssuer, refresh_token: str) -> LoggedIn:
    """Use up a refresh token and return the next ones; a token that comes twice was stolen, and ends the login."""
    hashed = token_hash(refresh_token)
    with database.write() as unit_of_work:
        tokens = TokenRepository(unit_of_work)
        family = tokens.family_of(hashed, unit_of_work.now)
        if family and tokens.use_refresh(hashed, unit_of_work.now):
            member = AccountRepository(unit_of_work).member_of(family.user_id)
            if member:
                return _next_tokens(unit_of_work, issuer, member.user, family.id)
        if family:
            tokens.end_family(family.id, unit_of_work.now)
    raise UnauthorizedError("expected a refresh token that is unused and not expired; log in again")


def end_login(unit_of_work: UnitOfWork, family_id: str, member: Member) -> None:
    """End a login, if it is the member's own."""
    accounts = AccountRepository(unit_of_work)
    if accounts.member_of_family(member.user.id, family_id):
        TokenRepository(unit_of_work).end_family(family_id, unit_of_work.now)


def _log_in(unit_of_work: UnitOfWork, issuer: TokenIssuer, user: User) -> LoggedIn:
    family_id = unit_of_work.new_id()
    TokenRepository(unit_of_work).add_family(family_id, user.id, unit_of_work.now, unit_of_work.now + REFRESH_MS)
    return _next_tokens(unit_of_work, issuer, user, family_id)


def _next_tokens(unit_of_work: UnitOfWork, issuer: TokenIssuer, user: User, family_id: str) -> LoggedIn:
    refresh_token = secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
    TokenRepository(unit_of_work).add_refresh(token_hash(refresh_token), family_id, unit_of_work.now)
    return LoggedIn(user, issuer.issue(user.id, family_id), refresh_token)
