"""Use cases of a household together: inviting, roles, leaving, API keys."""

import secrets
from collections.abc import Collection

from cloud.accounts.id_pages import IdPage
from cloud.accounts.limits import INVITE_OF_HOUSEHOLD, Bucket, take_within
from cloud.accounts.mails import Draft, Post, one_line, send
from cloud.accounts.model import (
    INVITATION_MS,
    LONGEST_NAME,
    MEMBER,
    MOST_ACTIVE_KEYS,
    MOST_HOUSEHOLDS,
    MOST_INVITATIONS,
    MOST_MEMBERS,
    MOST_REVOKED_KEYS,
    NO_ADDRESS,
    OWNER,
    SCOPES_OF_ROLE,
    Member,
    User,
    masked,
    normal_email,
    token_hash,
)
from cloud.accounts.repository import AccountRepository
from cloud.accounts.sharing.model import ApiKey, Invitation
from cloud.accounts.sharing.repository import ApiKeyRepository, SharingRepository
from cloud.errors import ConflictError, ForbiddenError, NotFoundError, RefusedError, SignatureError
from cloud.ports.database import UnitOfWork

INVITATION_TOKEN_BYTES = 32
API_KEY_BYTES = 32
KEY_PREFIX = "pbx_"
HINT_LENGTH = 8
NOT_OPEN = "expected an invitation that is open; ask for a new one"


def invite(unit_of_work: UnitOfWork, post: Post, member: Member, email: str, role: str) -> Invitation:
    """Mail an invitation; raises ConflictError for who is a member already, and for one more than may be open."""
    sharing, address = SharingRepository(unit_of_work), normal_email(email)
    if address in {one.user.email for one in sharing.members(member.household_id)}:
        raise ConflictError("expected somebody new, this person is a member already")
    # Who has taken of the bucket is the only one who invites until this transaction ends.
    take_within(unit_of_work, [Bucket(INVITE_OF_HOUSEHOLD, member.household_id)])
    if len(sharing.invitations(member.household_id, unit_of_work.now)) >= MOST_INVITATIONS:
        raise ConflictError(f"expected fewer than {MOST_INVITATIONS} open invitations; take one back first")
    token, now = secrets.token_urlsafe(INVITATION_TOKEN_BYTES), unit_of_work.now
    invitation = Invitation(
        unit_of_work.new_id(), member.household_id, address, role, member.user.id, now, now + INVITATION_MS, None
    )
    sharing.add_invitation(invitation, token_hash(token))
    values = {
        "inviter": one_line(member.user.name),
        "household": one_line(member.household_name),
        "role": role,
        "link": f"{post.public_url}/account/invitation/{token}",
    }
    to = User("", address, address.partition("@")[0])
    send(unit_of_work, post, Draft("invitation", to, member.household_id, values))
    return invitation


def accept(unit_of_work: UnitOfWork, user: User, token: str) -> Member:
    """Make a user a member as they were invited.

    Raises SignatureError when the invitation is unknown or has ended, ForbiddenError for whom it is not for.
    """
    sharing, accounts = SharingRepository(unit_of_work), AccountRepository(unit_of_work)
    invitation = sharing.invitation_of(token_hash(token), unit_of_work.now)
    if invitation is None:
        raise SignatureError(NOT_OPEN)
    if accounts.member_of(user.id, invitation.household_id):
        raise ConflictError("expected somebody new, you are a member of this household already")
    _check_is_for(invitation, user)
    if not sharing.end_invitation(invitation.household_id, invitation.id, unit_of_work.now):
        raise SignatureError(NOT_OPEN)  # somebody else accepted it at this instant
    # Refused, the invitation stays open: what was done is taken back.
    _check_room(unit_of_work, invitation.household_id, user)
    accounts.add_member(invitation.household_id, user.id, invitation.role)
    if user.email == invitation.email:
        accounts.change_user(user.id, email_verified_at=unit_of_work.now)
    joined = accounts.member_of(user.id, invitation.household_id)
    if joined is None:
        raise NotFoundError("expected the household of the invitation, found none")
    return joined


def _check_room(unit_of_work: UnitOfWork, household_id: str, user: User) -> None:
    """Raise ConflictError unless the household may have one member more, and the user one household."""
    sharing = SharingRepository(unit_of_work)
    if sharing.held_member_count(household_id) >= MOST_MEMBERS:
        raise ConflictError(f"expected a household with fewer than {MOST_MEMBERS} members; an owner can remove one")
    if sharing.held_household_count(user.id) >= MOST_HOUSEHOLDS:
        raise ConflictError(f"expected fewer than {MOST_HOUSEHOLDS} households of yours; leave one first")


def end_invitations_by(unit_of_work: UnitOfWork, user_id: str, household_id: str | None = None) -> list[Invitation]:
    """End the open invitations that a user sent, into one household or into all; returns them."""
    sharing = SharingRepository(unit_of_work)
    ended = [one for one in sharing.invitations_by(user_id) if household_id in {None, one.household_id}]
    for one in ended:
        sharing.end_invitation(one.household_id, one.id, unit_of_work.now)
    return ended


def take_back(unit_of_work: UnitOfWork, member: Member, invitation_id: str) -> None:
    """End an invitation of the household; raises NotFoundError."""
    if not SharingRepository(unit_of_work).end_invitation(member.household_id, invitation_id, unit_of_work.now):
        raise NotFoundError("expected an open invitation of this household, found none")


def change_role(unit_of_work: UnitOfWork, member: Member, user_id: str, role: str) -> Member:
    """Give somebody of the household another role; raises ConflictError when no owner would be left."""
    _other(unit_of_work, member, user_id)
    if role != OWNER:
        _keep_an_owner(unit_of_work, member.household_id, user_id)
    SharingRepository(unit_of_work).change_role(member.household_id, user_id, role)
    return _other(unit_of_work, member, user_id)


def remove(unit_of_work: UnitOfWork, member: Member, user_id: str) -> None:
    """Take somebody out of the household with their keys: an owner anybody, others themselves."""
    _other(unit_of_work, member, user_id)
    if member.role != OWNER and user_id != member.user.id:
        raise ForbiddenError(f"expected the role {OWNER} to remove somebody else, you are {member.role}")
    _keep_an_owner(unit_of_work, member.household_id, user_id)
    ApiKeyRepository(unit_of_work).end_keys_of(member.household_id, user_id, unit_of_work.now)
    SharingRepository(unit_of_work).end_membership(member.household_id, user_id)


def make_key(unit_of_work: UnitOfWork, member: Member, name: str, scopes: Collection[str]) -> tuple[ApiKey, str]:
    """Return a new API key and its secret, which is shown this once.

    Raises ConflictError beyond two active ones, ForbiddenError, NotFoundError for who was removed meanwhile, and
    RefusedError for a name that is too long.
    """
    if not 0 < len(name) <= LONGEST_NAME:
        raise RefusedError(f"expected a name of 1 to {LONGEST_NAME} characters for the key, got {len(name)}")
    if not set(scopes) <= SCOPES_OF_ROLE[member.role]:
        raise ForbiddenError(f"expected scopes that your role has ({', '.join(sorted(SCOPES_OF_ROLE[member.role]))})")
    keys = ApiKeyRepository(unit_of_work)
    if not keys.holds_member(member.household_id, member.user.id):
        raise NotFoundError("expected a member of this household, found none")
    if keys.active_count(member.household_id, member.user.id) >= MOST_ACTIVE_KEYS:
        raise ConflictError(f"expected at most {MOST_ACTIVE_KEYS} active API keys; revoke one first")
    keys.remove_revoked(member.household_id, member.user.id, MOST_REVOKED_KEYS)
    secret = _new_secret()
    key = ApiKey(
        id=unit_of_work.new_id(),
        household_id=member.household_id,
        user_id=member.user.id,
        name=name,
        hint=secret[:HINT_LENGTH],
        scopes=" ".join(sorted(set(scopes))),
        created_at=unit_of_work.now,
        last_used_at=None,
        revoked_at=None,
    )
    keys.add_key(key, token_hash(secret))
    return key, secret


def renew_key(unit_of_work: UnitOfWork, member: Member, key_id: str) -> tuple[ApiKey, str]:
    """Return a key with another secret, in place of one that got lost on its way; the first is worth nothing then.

    Raises ConflictError for a key that was used, for then its secret has arrived, and for one that is revoked.
    """
    keys, secret = ApiKeyRepository(unit_of_work), _new_secret()
    is_changed = keys.change_secret(member.household_id, key_id, token_hash(secret), secret[:HINT_LENGTH])
    key = keys.key(member.household_id, key_id) if is_changed else None
    if key is None:
        raise ConflictError("expected an API key that is neither used nor revoked; ask with another Idempotency-Key")
    return key, secret


def visible_keys(unit_of_work: UnitOfWork, member: Member, page: IdPage) -> list[ApiKey]:
    """Return a page of the household's keys to its owners, to others of their own; revoked ones too."""
    return ApiKeyRepository(unit_of_work).keys(member.household_id, _whose(member), page)


def active_keys(unit_of_work: UnitOfWork, member: Member) -> list[ApiKey]:
    """Return those of the same keys that are not revoked, all of them: a member has two at most."""
    return ApiKeyRepository(unit_of_work).active_keys(member.household_id, _whose(member))


def _whose(member: Member) -> str | None:
    """Return whose keys a member may see, None for everybody's of the household."""
    return None if member.role == OWNER else member.user.id


def revoke_key(unit_of_work: UnitOfWork, member: Member, key_id: str) -> None:
    """Revoke a key that the member may see; raises NotFoundError."""
    key = ApiKeyRepository(unit_of_work).key(member.household_id, key_id)
    if key is None or _whose(member) not in {None, key.user_id}:
        raise NotFoundError(f"expected an API key of yours, found none with id {key_id}")
    ApiKeyRepository(unit_of_work).end_key(member.household_id, key_id, unit_of_work.now)


def _check_is_for(invitation: Invitation, user: User) -> None:
    """Raise ForbiddenError unless an invitation is this user's: whoever else has its link was not meant.

    Of a user without an address nobody can tell; they join by the link, but never as owner.
    """
    meant = masked(invitation.email)
    if user.email.endswith(NO_ADDRESS):
        if invitation.role == OWNER:
            raise ForbiddenError(
                f"expected the account of {meant}, yours has no address; ask to be invited as {MEMBER}, and to be made "
                f"{OWNER} then"
            )
    elif user.email != invitation.email:
        raise ForbiddenError(
            f"expected the account of {meant}, you are {user.email}; log in with the address that was invited, or ask "
            "for an invitation to yours"
        )


def _new_secret() -> str:
    return KEY_PREFIX + secrets.token_urlsafe(API_KEY_BYTES)


def _other(unit_of_work: UnitOfWork, member: Member, user_id: str) -> Member:
    found = AccountRepository(unit_of_work).member_of(user_id, member.household_id)
    if found is None:
        raise NotFoundError("expected a member of this household, found none")
    return found


def _keep_an_owner(unit_of_work: UnitOfWork, household_id: str, leaving: str) -> None:
    if SharingRepository(unit_of_work).lock_owners(household_id) == [leaving]:
        raise ConflictError("expected another owner first: a household keeps at least one")
