"""What members do to their household, by API or page: done and noted in the audit log in one transaction."""

from collections.abc import Collection
from dataclasses import replace

from cloud.accounts.mails import Post
from cloud.accounts.model import OWNER, Member, User
from cloud.accounts.sharing import service
from cloud.accounts.sharing.audit import Actor
from cloud.accounts.sharing.model import ApiKey, Invitation
from cloud.accounts.sharing.repository import ApiKeyRepository
from cloud.ports.database import UnitOfWork


def invite(unit_of_work: UnitOfWork, post: Post, by: Actor, email: str, role: str) -> Invitation:
    """Mail an invitation; raises ConflictError for who is a member already."""
    invitation = service.invite(unit_of_work, post, by.member, email, role)
    by.note(unit_of_work, "invited", f"{invitation.email} as {role}")
    return invitation


def take_back(unit_of_work: UnitOfWork, by: Actor, invitation_id: str) -> None:
    """End an invitation; raises NotFoundError."""
    service.take_back(unit_of_work, by.member, invitation_id)
    by.note(unit_of_work, "invitation taken back", invitation_id)


def join(unit_of_work: UnitOfWork, user: User, token: str, address: str) -> Member:
    """Make a user a member as they were invited; raises SignatureError, ConflictError or ForbiddenError."""
    joined = service.accept(unit_of_work, user, token)
    Actor(joined, address).note(unit_of_work, "joined", f"{joined.user.email} as {joined.role}")
    return joined


def change_role(unit_of_work: UnitOfWork, by: Actor, user_id: str, role: str) -> Member:
    """Give somebody another role; who is owner no more has invited nobody. Raises ConflictError for the last owner."""
    if role != OWNER:
        _take_back_all(unit_of_work, by, user_id, by.member.household_id)
    changed = service.change_role(unit_of_work, by.member, user_id, role)
    by.note(unit_of_work, "role changed", f"{changed.user.email} is {role}")
    return changed


def remove(unit_of_work: UnitOfWork, by: Actor, user_id: str) -> None:
    """Take somebody out of the household, or leave it; raises ForbiddenError or ConflictError."""
    _take_back_all(unit_of_work, by, user_id, by.member.household_id)
    service.remove(unit_of_work, by.member, user_id)
    by.note(unit_of_work, "member removed", user_id)


def make_key(unit_of_work: UnitOfWork, by: Actor, name: str, scopes: Collection[str]) -> tuple[ApiKey, str]:
    """Return a new API key and its secret; raises ForbiddenError, or ConflictError beyond two active ones."""
    key, secret = service.make_key(unit_of_work, by.member, name, scopes)
    by.note(unit_of_work, "API key made", f"{key.hint} {key.name}")
    return key, secret


def renew_key(unit_of_work: UnitOfWork, by: Actor, key_id: str) -> tuple[ApiKey, str]:
    """Return an API key with another secret; raises ConflictError for one that was used or revoked."""
    key, secret = service.renew_key(unit_of_work, by.member, key_id)
    by.note(unit_of_work, "API key made again", f"{key.hint} {key.name}")
    return key, secret


def revoke_key(unit_of_work: UnitOfWork, by: Actor, key_id: str) -> None:
    """Revoke a key that the member may see; raises NotFoundError."""
    service.revoke_key(unit_of_work, by.member, key_id)
    by.note(unit_of_work, "API key revoked", key_id)


def end_what_was_made(unit_of_work: UnitOfWork, by: Actor) -> None:
    """Revoke every API key and take back every invitation of the actor's, in whichever household, and note it there.

    Whoever knew the actor's password may have made them to stay.
    """
    now, user_id = unit_of_work.now, by.member.user.id
    keys = ApiKeyRepository(unit_of_work)
    for key in keys.active_keys_of(user_id):
        keys.end_key(key.household_id, key.id, now)
        _within(by, key.household_id).note(unit_of_work, "API key revoked", key.id)
    _take_back_all(unit_of_work, by, user_id)


def _take_back_all(unit_of_work: UnitOfWork, by: Actor, user_id: str, household_id: str | None = None) -> None:
    """Take back what a user has invited, into one household or into all: by it they could come back themselves.

    Before memberships change: who joins holds the invitation first, too, and so nobody waits for each other.
    """
    for invitation in service.end_invitations_by(unit_of_work, user_id, household_id):
        _within(by, invitation.household_id).note(unit_of_work, "invitation taken back", invitation.id)


def _within(by: Actor, household_id: str) -> Actor:
    return replace(by, member=replace(by.member, household_id=household_id))
