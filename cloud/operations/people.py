"""What who runs the server may do with its users: keep one out, let one in again, a new role, a new password."""

import secrets

from cloud.accounts.model import ACCOUNT_TOKEN_MS, OWNER, RESET, AccountToken, Member, User, normal_email, token_hash
from cloud.accounts.recovery import MAIL_TOKEN_BYTES
from cloud.accounts.repository import AccountRepository, TokenRepository
from cloud.accounts.sharing.audit import Operator
from cloud.accounts.sharing.repository import SharingRepository
from cloud.accounts.sharing.service import end_invitations_by
from cloud.errors import ConflictError, NotFoundError
from cloud.ports.database import UnitOfWork


def disable(unit_of_work: UnitOfWork, email: str, by: Operator) -> User:
    """Keep a user out, by whatever way: every login and invitation ends, keys and new logins are refused.

    Raises NotFoundError.
    """
    user = user_of(unit_of_work, email)
    _take_back_all(unit_of_work, by, user.id)
    AccountRepository(unit_of_work).change_user(user.id, disabled_at=unit_of_work.now)
    TokenRepository(unit_of_work).end_all_of(user.id, unit_of_work.now)
    return user


def enable(unit_of_work: UnitOfWork, email: str) -> User:
    """Let a user in again, who has to log in anew; their API keys work again. Raises NotFoundError."""
    user = user_of(unit_of_work, email)
    AccountRepository(unit_of_work).change_user(user.id, disabled_at=None)
    return user


def set_role(unit_of_work: UnitOfWork, email: str, role: str, by: Operator, household_id: str | None = None) -> Member:
    """Give a user another role in a household, their first one by default, which keeps at least one owner.

    Who is owner no more has invited nobody.
    """
    member = member_of(unit_of_work, email, household_id)
    sharing = SharingRepository(unit_of_work)
    if role != OWNER:
        _take_back_all(unit_of_work, by, member.user.id, member.household_id)
        if sharing.lock_owners(member.household_id) == [member.user.id]:
            raise ConflictError("expected another owner first: a household keeps at least one")
    sharing.change_role(member.household_id, member.user.id, role)
    return member_of(unit_of_work, email, member.household_id)


def reset_token(unit_of_work: UnitOfWork, email: str) -> str:
    """Return a token that sets a new password once, within the hour; raises NotFoundError."""
    member, secret = member_of(unit_of_work, email), secrets.token_urlsafe(MAIL_TOKEN_BYTES)
    token = AccountToken(member.user.id, RESET, member.user.email)
    expires_at = unit_of_work.now + ACCOUNT_TOKEN_MS[RESET]
    TokenRepository(unit_of_work).add_account_token(token_hash(secret), token, expires_at)
    return secret


def member_of(unit_of_work: UnitOfWork, email: str, household_id: str | None = None) -> Member:
    """Return a user in a household, their first one by default; raises NotFoundError for one who may not come in."""
    member = AccountRepository(unit_of_work).member_of(user_of(unit_of_work, email).id, household_id)
    if member is None:
        raise NotFoundError(f"expected {email} to be a member of the household and not disabled")
    return member


def user_of(unit_of_work: UnitOfWork, email: str) -> User:
    """Return the user of an address; raises NotFoundError."""
    user = AccountRepository(unit_of_work).user_by_email(normal_email(email))
    if user is None:
        raise NotFoundError(f"expected a known user, got {email}; pillarbox admin user create makes one")
    return user


def _take_back_all(unit_of_work: UnitOfWork, by: Operator, user_id: str, household_id: str | None = None) -> None:
    for one in end_invitations_by(unit_of_work, user_id, household_id):
        by.note(unit_of_work, "invitation taken back", one.id, [one.household_id])
