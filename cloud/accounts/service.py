"""Use cases of accounts: a first household, one-time login links, sessions."""

from cloud.accounts.model import LOGIN_LINK_MS, SESSION_MS, Member, User, normal_email, token_hash
from cloud.accounts.repository import AccountRepository
from cloud.errors import NotFoundError, SignatureError
from cloud.ports.database import UnitOfWork


def ensure_household(unit_of_work: UnitOfWork, email: str, name: str) -> Member:
    """Return the owner with this address in their household, making both when they are new."""
    accounts, email = AccountRepository(unit_of_work), normal_email(email)
    user = accounts.user_by_email(email)
    if user is None:
        user = User(unit_of_work.new_id(), email, name)
        household_id = unit_of_work.new_id()
        accounts.add_user(user, unit_of_work.now)
        accounts.add_household(household_id, f"{name}'s household", unit_of_work.now)
        accounts.add_member(household_id, user.id, "owner")
    member = accounts.member_of(user.id)
    if member is None:
        raise NotFoundError(f"expected {email} to be a member of a household, found none")
    return member


def make_login_link(unit_of_work: UnitOfWork, email: str, token: str) -> None:
    """Let ``token`` log the user in once within a day; raises NotFoundError for an unknown address."""
    accounts = AccountRepository(unit_of_work)
    user = accounts.user_by_email(normal_email(email))
    if user is None:
        raise NotFoundError(f"expected a known user, got {email}")
    accounts.add_login_link(token_hash(token), user.id, unit_of_work.now + LOGIN_LINK_MS)


def log_in_by_link(unit_of_work: UnitOfWork, link_token: str, session_token: str) -> None:
    """Use up a login link and start a session; raises SignatureError when the link is unknown, expired or used."""
    accounts = AccountRepository(unit_of_work)
    user_id = accounts.use_login_link(token_hash(link_token), unit_of_work.now)
    if user_id is None:
        raise SignatureError("This login link has expired or was used before. Ask for a new one: pillarbox admin link")
    accounts.add_session(token_hash(session_token), user_id, unit_of_work.now + SESSION_MS)


def member_of_session(unit_of_work: UnitOfWork, session_token: str) -> Member | None:
    """Return who is logged in with this session."""
    accounts = AccountRepository(unit_of_work)
    user_id = accounts.session_user(token_hash(session_token), unit_of_work.now)
    return accounts.member_of(user_id) if user_id else None


def log_out(unit_of_work: UnitOfWork, session_token: str) -> None:
    """End a session."""
    AccountRepository(unit_of_work).end_session(token_hash(session_token))
