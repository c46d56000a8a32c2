"""Logging in with a password, and the access and refresh tokens that follow (RFC 9700 section 4.14)."""

import contextlib
import secrets
from dataclasses import dataclass, replace

from cloud.accounts import limits
from cloud.accounts.expired.model import MOST_LOGINS
from cloud.accounts.expired.repository import ExpiredRepository
from cloud.accounts.limits import Bucket, network_of
from cloud.accounts.mails import Post
from cloud.accounts.model import (
    FRESH_MS,
    REFRESH_MS,
    Credentials,
    Family,
    Member,
    User,
    normal_email,
    reachable_email,
    token_hash,
)
from cloud.accounts.passwords import hash_password, is_outdated, is_password
from cloud.accounts.recovery import ask_for_new_email
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.service import add_new_user
from cloud.accounts.sharing.audit import note
from cloud.accounts.sharing.repository import SharingRepository
from cloud.errors import ForbiddenError, RateLimitedError, RefusedError, UnauthorizedError
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.identity_provider import AccessToken, Claims, TokenIssuer
from cloud.ports.ports import Ports
from cloud.settings import Registration

REFRESH_TOKEN_BYTES = 32
WRONG = "expected a known e-mail address and its password"


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A user with the tokens of their login."""

    user: User
    access: AccessToken
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Login:
    """What somebody logs in with, and the address that their request came from."""

    email: str
    password: str
    address: str


def register(ports: Ports, post: Post, name: str, login: Login) -> LoggedIn:
    """Make a user with a household of their own, log them in and mail them a link that confirms their address.

    Raises ForbiddenError for whom registration is closed, ConflictError for a known address.
    """
    address = reachable_email(login.email)
    limits.take(ports.database, [Bucket(limits.REGISTER_FROM_ADDRESS, network_of(login.address))])
    with ports.database.read() as unit_of_work:
        _check_may_register(unit_of_work, ports.registration, address)
    stored = hash_password(login.password)
    with ports.database.write() as unit_of_work:
        member = add_new_user(unit_of_work, address, name)
        AccountRepository(unit_of_work).change_user(member.user.id, password_hash=stored)
        note(unit_of_work, member, "registered", address, login.address)
        with contextlib.suppress(RateLimitedError):  # they may ask for the link again tomorrow
            ask_for_new_email(unit_of_work, post, member, address)
        return _log_in(unit_of_work, ports.token_issuer, member.user)


def log_in(database: Database, issuer: TokenIssuer, login: Login) -> LoggedIn:
    """Return new tokens; raises UnauthorizedError, the same and as late for a wrong address as for a wrong password."""
    known = check_password(database, login)
    with database.write() as unit_of_work:
        return _log_in(unit_of_work, issuer, welcome(unit_of_work, known, login).user)


def check_password(database: Database, login: Login) -> Credentials:
    """Return whose address and password these are; raises UnauthorizedError or RateLimitedError.

    An unknown address costs what a wrong password does, to the last statement: the time tells nothing of it.
    """
    try:
        email = normal_email(login.email)
    except RefusedError:
        email = ""
    limits.take(database, _buckets(login))
    with database.read() as unit_of_work:
        known = AccountRepository(unit_of_work).credentials(email)
    # No transaction is open while the hash is computed: it takes a tenth of a second.
    if is_password(login.password, known.password_hash if known else None) and known:
        if known.password_hash and is_outdated(known.password_hash):
            return _store(database, known, hash_password(login.password))
        return known
    _note_failure(database, known.user_id if known else "", login)
    raise UnauthorizedError(WRONG)


def prove_password(database: Database, login: Login) -> None:
    """Check the password of who is logged in already; a right one does not count. Raises as ``check_password``."""
    check_password(database, login)
    # Committed whatever follows: what is refused for another reason was no wrong try.
    with database.write() as unit_of_work:
        limits.give_back(unit_of_work, _buckets(login))


def check_owner(database: Database, member: Member, login: Login, outside: Claims | None) -> None:
    """Raise UnauthorizedError unless who asks has just proved whose account it is, RateLimitedError for many tries.

    A password proves it; where the account has none, a fresh token of the ``outside`` issuer that the request came by.
    """
    with database.read() as unit_of_work:
        known, now = AccountRepository(unit_of_work).credentials(member.user.email), unit_of_work.now
    if outside is None or (known and known.password_hash):
        if not login.password:
            raise UnauthorizedError("expected the password of this account, got none")
        prove_password(database, login)
    elif outside.issued_at < now - FRESH_MS:
        raise UnauthorizedError("expected a token of the last five minutes (iat), this one is older; get a new one")


def welcome(unit_of_work: UnitOfWork, known: Credentials, login: Login) -> Member:
    """Note that somebody has logged in with their password; their tries no longer count.

    Raises UnauthorizedError where they may not come in, or the password was changed since it was checked.
    """
    accounts = AccountRepository(unit_of_work)
    member = accounts.member_of(known.user_id) if accounts.hold_password(known) else None
    if member is None:
        raise UnauthorizedError(WRONG)
    limits.give_back(unit_of_work, _buckets(login))
    note(unit_of_work, member, "logged in", member.user.email, login.address)
    return member


def refresh(database: Database, issuer: TokenIssuer, refresh_token: str, address: str) -> LoggedIn:
    """Use up a refresh token and return the next ones; a token that comes twice was stolen, and ends the login.

    Raises UnauthorizedError, and RateLimitedError, after which the token is as good as before.
    """
    hashed = token_hash(refresh_token)
    with database.write() as unit_of_work:
        tokens = TokenRepository(unit_of_work)
        family = tokens.family_of(hashed, unit_of_work.now)
        if family and tokens.use_refresh(hashed, unit_of_work.now):
            limits.take_within(unit_of_work, [Bucket(limits.REFRESH_OF_LOGIN, family.id)])
            member = AccountRepository(unit_of_work).member_of(family.user_id)
            if member:
                return _next_tokens(unit_of_work, issuer, member.user, family.id)
        if family:
            _end_stolen(unit_of_work, family, address)
    raise UnauthorizedError("expected a refresh token that is unused and not expired; log in again")


def end_login(unit_of_work: UnitOfWork, family_id: str, member: Member) -> None:
    """End a login, if it is the member's own."""
    accounts = AccountRepository(unit_of_work)
    if accounts.member_of_family(member.user.id, family_id):
        TokenRepository(unit_of_work).end_family(family_id, unit_of_work.now)


def _check_may_register(unit_of_work: UnitOfWork, registration: Registration, address: str) -> None:
    """Raise ForbiddenError unless the server takes this address; before anything tells whether it has an account."""
    if registration is Registration.CLOSED:
        raise ForbiddenError("expected an account, registration is closed; ask whoever runs this server for one")
    is_invited = SharingRepository(unit_of_work).is_invited(address, unit_of_work.now)
    if registration is Registration.INVITED and not is_invited:
        raise ForbiddenError("expected an address with an open invitation; ask a member of a household for one")


def _buckets(login: Login) -> list[Bucket]:
    account = Bucket(limits.LOGIN_OF_ACCOUNT, login.email.strip().lower())
    return [account, Bucket(limits.LOGIN_FROM_ADDRESS, network_of(login.address))]


def _store(database: Database, known: Credentials, stored: str) -> Credentials:
    with database.write() as unit_of_work:
        AccountRepository(unit_of_work).change_hash(known, stored)
    return replace(known, password_hash=stored)


def _note_failure(database: Database, user_id: str, login: Login) -> None:
    """Note a wrong password for who may come in; of nobody a row is written as well, which says nothing and goes."""
    with database.write() as unit_of_work:
        member = AccountRepository(unit_of_work).member_of(user_id)
        if member:
            note(unit_of_work, member, "login failed", member.user.email, login.address)
        else:
            limits.write_nothing(unit_of_work)


def _end_stolen(unit_of_work: UnitOfWork, family: Family, address: str) -> None:
    TokenRepository(unit_of_work).end_family(family.id, unit_of_work.now)
    member = AccountRepository(unit_of_work).member_of(family.user_id)
    if member:
        note(unit_of_work, member, "refresh token reused", member.user.email, address)


def _log_in(unit_of_work: UnitOfWork, issuer: TokenIssuer, user: User) -> LoggedIn:
    family_id = unit_of_work.new_id()
    TokenRepository(unit_of_work).add_family(family_id, user.id, unit_of_work.now, unit_of_work.now + REFRESH_MS)
    ExpiredRepository(unit_of_work).end_older_logins(user.id, MOST_LOGINS)
    return _next_tokens(unit_of_work, issuer, user, family_id)


def _next_tokens(unit_of_work: UnitOfWork, issuer: TokenIssuer, user: User, family_id: str) -> LoggedIn:
    refresh_token = secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
    TokenRepository(unit_of_work).add_refresh(token_hash(refresh_token), family_id, unit_of_work.now)
    return LoggedIn(user, issuer.issue(user.id, family_id), refresh_token)
