"""Use cases of accounts: a first household, one-time login links, sessions."""

from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from cloud.accounts.expired.model import MOST_LOGINS
from cloud.accounts.expired.repository import ExpiredRepository
from cloud.accounts.mails import one_line
from cloud.accounts.model import (
    LOGIN_LINK_MS,
    LONGEST_NAME,
    NO_ADDRESS,
    OWNER,
    SESSION_MS,
    Member,
    User,
    normal_email,
    reachable_email,
    token_hash,
    unknown_address,
)
from cloud.accounts.repository import AccountRepository, CallerRepository
from cloud.accounts.sharing.audit import note
from cloud.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError, SignatureError
from cloud.ports.database import UnitOfWork
from cloud.ports.identity_provider import Claims


def ensure_household(unit_of_work: UnitOfWork, email: str, name: str) -> Member:
    """Return the owner with this address in their household; who runs the server makes both when they are new."""
    accounts, email = AccountRepository(unit_of_work), normal_email(email)
    user = accounts.user_by_email(email)
    if user is None:
        made = add_user_with_household(unit_of_work, email, name)
        # Who runs the server vouches for the address.
        accounts.change_user(made.user.id, email_verified_at=unit_of_work.now)
        return made
    member = accounts.member_of(user.id)
    if member is None:
        raise NotFoundError(f"expected {email} to be a member of a household, found none")
    return member


def add_new_user(unit_of_work: UnitOfWork, email: str, name: str) -> Member:
    """Return a new user as ``add_user_with_household``; raises ConflictError for an address that has an account."""
    known = "expected a new e-mail address, this one has an account; log in instead"
    if AccountRepository(unit_of_work).user_by_email(email):
        raise ConflictError(known)
    try:
        return add_user_with_household(unit_of_work, email, name)
    except IntegrityError as error:  # another process made it since
        raise ConflictError(known) from error


def add_user_with_household(unit_of_work: UnitOfWork, email: str, name: str) -> Member:
    """Return a new user, the owner of a new household; raises RefusedError for a name that is too long."""
    if len(name) > LONGEST_NAME:
        raise RefusedError(f"expected a name of at most {LONGEST_NAME} characters, got {len(name)}")
    accounts = AccountRepository(unit_of_work)
    user, household_id = User(unit_of_work.new_id(), email, name), unit_of_work.new_id()
    household_name = f"Household of {name}"
    accounts.add_user(user, unit_of_work.now)
    accounts.add_household(household_id, household_name, unit_of_work.now)
    accounts.add_member(household_id, user.id, OWNER)
    return Member(user, household_id, household_name, OWNER)


def ensure_identity(unit_of_work: UnitOfWork, claims: Claims, chosen: str | None = None) -> Member | None:
    """Return the user of an outside issuer in the household ``chosen``, making them at their first request.

    They are the local user of the same address only where both sides have proved that it is theirs: otherwise
    whoever registers another's address first would get that person's letters.
    """
    accounts = AccountRepository(unit_of_work)
    if accounts.member_of_identity(claims.issuer, claims.subject) is None:
        if accounts.identity_is_known(claims.issuer, claims.subject):
            raise ForbiddenError("expected a member of a household, this user is disabled or in none")
        accounts.add_identity(claims.issuer, claims.subject, _user_of(unit_of_work, claims).id, unit_of_work.now)
    return accounts.member_of_identity(claims.issuer, claims.subject, chosen)


def adopt_address(unit_of_work: UnitOfWork, claims: Claims) -> None:
    """Give an outside issuer's user the address that it tells by now, where they have none and nobody else has it."""
    accounts, told = AccountRepository(unit_of_work), _told_address(claims)
    member = accounts.member_of_identity(claims.issuer, claims.subject)
    if told and member and member.user.email.endswith(NO_ADDRESS) and not accounts.user_by_email(told):
        accounts.change_user(member.user.id, email=told, email_verified_at=unit_of_work.now)
        note(unit_of_work, member, "e-mail changed", f"{member.user.email} to {told}", "")


def make_login_link(unit_of_work: UnitOfWork, email: str, token: str) -> None:
    """Let ``token`` log the user in once within a day; raises NotFoundError for an unknown address."""
    accounts = AccountRepository(unit_of_work)
    user = accounts.user_by_email(normal_email(email))
    if user is None:
        raise NotFoundError(f"expected a known user, got {email}; pillarbox admin user create makes one")
    accounts.add_login_link(token_hash(token), user.id, unit_of_work.now + LOGIN_LINK_MS)


def log_in_by_link(unit_of_work: UnitOfWork, link_token: str, session_token: str) -> None:
    """Use up a login link and start a session; raises SignatureError when the link is unknown, expired or used."""
    accounts = AccountRepository(unit_of_work)
    user_id = accounts.use_login_link(token_hash(link_token), unit_of_work.now)
    if user_id is None:
        raise SignatureError("This login link has expired or was used before. Ask for a new one: pillarbox admin link")
    # The link came by mail or from whoever runs the server, who vouches for the address.
    accounts.change_user(user_id, email_verified_at=unit_of_work.now)
    start_session(unit_of_work, user_id, session_token)


def start_session(unit_of_work: UnitOfWork, user_id: str, session_token: str) -> None:
    """Let a browser with ``session_token`` act for the user."""
    AccountRepository(unit_of_work).add_session(token_hash(session_token), user_id, unit_of_work.now + SESSION_MS)
    ExpiredRepository(unit_of_work).end_older_logins(user_id, MOST_LOGINS)


def member_of_session(unit_of_work: UnitOfWork, session_token: str) -> Member | None:
    """Return who is logged in with this session, in the household that they entered last, else joined first."""
    return next(iter(memberships_of_session(unit_of_work, session_token)), None)


def memberships_of_session(unit_of_work: UnitOfWork, session_token: str) -> Sequence[Member]:
    """Return who is logged in with this session, in each of their households; the first is the one they are in."""
    hashed = token_hash(session_token)
    return CallerRepository(unit_of_work).of_sessions([hashed]).get(hashed, [])


def enter_household(unit_of_work: UnitOfWork, session_token: str, household_id: str) -> None:
    """Show another household of the same user in this browser; raises NotFoundError where they are no member."""
    if household_id not in {one.household_id for one in memberships_of_session(unit_of_work, session_token)}:
        raise NotFoundError("expected a household of yours, found none")
    AccountRepository(unit_of_work).set_household(token_hash(session_token), household_id)


def log_out(unit_of_work: UnitOfWork, session_token: str) -> None:
    """End a session."""
    AccountRepository(unit_of_work).end_session(token_hash(session_token))


def _user_of(unit_of_work: UnitOfWork, claims: Claims) -> User:
    accounts = AccountRepository(unit_of_work)
    address = unknown_address(claims.issuer, claims.subject)
    if told := _told_address(claims):
        known = accounts.user_by_email(told)
        if known and accounts.is_verified(known.id):
            return known
        address = address if known else told
    user = add_user_with_household(unit_of_work, address, one_line(claims.name)[:LONGEST_NAME].strip() or "Owner").user
    if not address.endswith(NO_ADDRESS):
        accounts.change_user(user.id, email_verified_at=unit_of_work.now)
    return user


def _told_address(claims: Claims) -> str:
    """Return the address that an outside issuer vouches for, empty where it tells none that we could write to."""
    try:
        return reachable_email(claims.email) if claims.email_is_verified else ""
    except RefusedError:
        return ""
