"""All SQL about the members of a household, its invitations, API keys and audit log."""

from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, union_all, update

from cloud.accounts.id_pages import IdPage
from cloud.accounts.model import OWNER, Member, User
from cloud.accounts.sharing.model import ApiKey, Audited, Invitation
from cloud.ports.database import UnitOfWork
from cloud.tables import api_keys, audit_log, households, identities, invitations, memberships, users


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which entries of the audit log: from ``since`` to before ``until`` (Unix ms), and of one action."""

    since: int | None = None
    until: int | None = None
    action: str | None = None


EVERYTHING = Chosen()


class SharingRepository:
    """The household's members and invitations of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def members(self, household_id: str) -> list[Member]:
        """Return everybody in a household, by address."""
        joined = memberships.join(users).join(households)
        columns = (users.c.id, users.c.email, users.c.name, households.c.name.label("household"), memberships.c.role)
        query = select(*columns).select_from(joined).where(memberships.c.household_id == household_id)
        rows = self._connection.execute(query.order_by(users.c.email))
        return [Member(User(row.id, row.email, row.name), household_id, row.household, row.role) for row in rows]

    def names(self, household_id: str) -> dict[str, tuple[str, ...]]:
        """Return what each member is called, by their id: by outside issuers, the first at first, and by us."""
        known = memberships.outerjoin(identities, identities.c.user_id == memberships.c.user_id)
        query = select(memberships.c.user_id, identities.c.subject).select_from(known)
        mine = query.where(memberships.c.household_id == household_id).order_by(identities.c.created_at)
        subjects: dict[str, list[str]] = {}
        for row in self._connection.execute(mine):
            subjects.setdefault(row.user_id, []).extend([] if row.subject is None else [row.subject])
        return {user_id: (*named, user_id) for user_id, named in subjects.items()}

    def lock_owners(self, household_id: str) -> list[str]:
        """Return the ids of the owners, kept from other transactions so that the last one cannot go twice."""
        query = select(memberships.c.user_id).where(
            memberships.c.household_id == household_id, memberships.c.role == OWNER
        )
        return list(self._connection.execute(query.with_for_update()).scalars())

    def change_role(self, household_id: str, user_id: str, role: str) -> None:
        """Give a member another role."""
        self._connection.execute(update(memberships).where(*_membership(household_id, user_id)).values(role=role))

    def end_membership(self, household_id: str, user_id: str) -> None:
        """Take a member out of a household."""
        self._connection.execute(memberships.delete().where(*_membership(household_id, user_id)))

    def add_invitation(self, invitation: Invitation, token_hash: str) -> None:
        """Insert an invitation."""
        values = {field.name: getattr(invitation, field.name) for field in fields(Invitation)}
        self._connection.execute(invitations.insert().values(values | {"token_hash": token_hash}))

    def held_member_count(self, household_id: str) -> int:
        """Return how many members a household has, and let nobody else add one until this transaction ends."""
        held = select(households.c.id).where(households.c.id == household_id)
        return self._held_count(held, memberships.c.household_id == household_id)

    def held_household_count(self, user_id: str) -> int:
        """Return in how many households a user is, and let nobody else add another until this transaction ends."""
        return self._held_count(select(users.c.id).where(users.c.id == user_id), memberships.c.user_id == user_id)

    def invitations(self, household_id: str, now: int) -> list[Invitation]:
        """Return the invitations of a household by its owners that may still be accepted, oldest first."""
        lives = invitations.c.ended_at.is_(None) & (invitations.c.expires_at > now)
        query = select(*_INVITATION).where(invitations.c.household_id == household_id, lives, _BY_OWNER)
        return [_invitation(row) for row in self._connection.execute(query.order_by(invitations.c.id))]

    def end_invitation(self, household_id: str, invitation_id: str, now: int) -> bool:
        """End an invitation; False when there is none or it has ended."""
        chosen = (invitations.c.household_id == household_id) & (invitations.c.id == invitation_id)
        lives = chosen & invitations.c.ended_at.is_(None)
        return self._connection.execute(update(invitations).where(lives).values(ended_at=now)).rowcount == 1

    def invitations_by(self, user_id: str) -> list[Invitation]:
        """Return the invitations, into whatever household, that a user sent and that have not ended."""
        query = select(*_INVITATION).where(invitations.c.invited_by == user_id, invitations.c.ended_at.is_(None))
        return [_invitation(row) for row in self._connection.execute(query.order_by(invitations.c.id))]

    def is_invited(self, email: str, now: int) -> bool:
        """Return whether an address is invited into whatever household, while that may be accepted."""
        lives = invitations.c.ended_at.is_(None) & (invitations.c.expires_at > now)
        query = select(invitations.c.id).where(invitations.c.email == email, lives, _BY_OWNER).limit(1)
        return self._connection.execute(query).first() is not None

    def invitation_of(self, token_hash: str, now: int) -> Invitation | None:
        """Return the invitation of a token, while it may be accepted."""
        lives = invitations.c.ended_at.is_(None) & (invitations.c.expires_at > now)
        query = select(*_INVITATION).where(invitations.c.token_hash == token_hash, lives, _BY_OWNER)
        row = self._connection.execute(query).first()
        return _invitation(row) if row else None

    def _held_count(self, held: Select[Any], which: ColumnElement[bool]) -> int:
        self._connection.execute(held.with_for_update())
        return int(self._connection.execute(select(func.count()).select_from(memberships).where(which)).scalar_one())


class ApiKeyRepository:
    """The household's API keys of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add_key(self, key: ApiKey, key_hash: str) -> None:
        """Insert an API key."""
        values = {field.name: getattr(key, field.name) for field in fields(ApiKey)}
        self._connection.execute(api_keys.insert().values(values | {"key_hash": key_hash}))

    def keys(self, household_id: str, of_user: str | None, id_page: IdPage) -> list[ApiKey]:
        """Return a page of the API keys of a household, or of one of its users, oldest first."""
        query = _keys(household_id, of_user).where(api_keys.c.id > id_page.after).limit(id_page.limit)
        return [_key(row) for row in self._connection.execute(query)]

    def active_keys(self, household_id: str, of_user: str | None) -> list[ApiKey]:
        """Return the API keys of a household, or of one of its users, that are not revoked, oldest first."""
        query = _keys(household_id, of_user).where(api_keys.c.revoked_at.is_(None))
        return [_key(row) for row in self._connection.execute(query)]

    def key(self, household_id: str, key_id: str) -> ApiKey | None:
        """Return one API key of a household."""
        row = self._connection.execute(_keys(household_id, None).where(api_keys.c.id == key_id)).first()
        return _key(row) if row else None

    def remove_revoked(self, household_id: str, user_id: str, kept: int) -> None:
        """Delete the revoked API keys of a member but for the ``kept`` newest."""
        revoked = _keys(household_id, user_id).where(api_keys.c.revoked_at.is_not(None))
        older = [row.id for row in self._connection.execute(revoked)][: -kept or None]
        mine = (api_keys.c.household_id == household_id) & api_keys.c.id.in_(older)
        self._connection.execute(api_keys.delete().where(mine))

    def active_keys_of(self, user_id: str) -> list[ApiKey]:
        """Return the API keys, of whatever household, that a user made and that are not revoked."""
        query = select(*_KEY).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
        return [_key(row) for row in self._connection.execute(query.order_by(api_keys.c.id))]

    def holds_member(self, household_id: str, user_id: str) -> bool:
        """Let nobody else make a key for a member until this transaction ends; False when there is no such member."""
        query = select(memberships.c.role).where(*_membership(household_id, user_id))
        return self._connection.execute(query.with_for_update()).first() is not None

    def active_count(self, household_id: str, user_id: str) -> int:
        """Return how many keys of a member are not revoked."""
        mine = (api_keys.c.household_id == household_id) & (api_keys.c.user_id == user_id)
        query = select(func.count()).select_from(api_keys).where(mine, api_keys.c.revoked_at.is_(None))
        return int(self._connection.execute(query).scalar_one())

    def change_secret(self, household_id: str, key_id: str, key_hash: str, hint: str) -> bool:
        """Give an API key another secret; False for one that is revoked or was used, and where there is none."""
        chosen = (api_keys.c.household_id == household_id) & (api_keys.c.id == key_id)
        unused = chosen & api_keys.c.revoked_at.is_(None) & api_keys.c.last_used_at.is_(None)
        changed = update(api_keys).where(unused).values(key_hash=key_hash, hint=hint)
        return self._connection.execute(changed).rowcount == 1

    def end_key(self, household_id: str, key_id: str, now: int) -> None:
        """Revoke an API key."""
        chosen = (api_keys.c.household_id == household_id) & (api_keys.c.id == key_id)
        lives = chosen & api_keys.c.revoked_at.is_(None)
        self._connection.execute(update(api_keys).where(lives).values(revoked_at=now))

    def end_keys_of(self, household_id: str, user_id: str, now: int) -> None:
        """Revoke every API key of a member."""
        mine = (api_keys.c.household_id == household_id) & (api_keys.c.user_id == user_id)
        self._connection.execute(update(api_keys).where(mine, api_keys.c.revoked_at.is_(None)).values(revoked_at=now))


class AuditRepository:
    """What was done, of one unit of work; nothing is changed or deleted here."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add(self, entry: Audited) -> None:
        """Insert an entry."""
        values = {field.name: getattr(entry, field.name) for field in fields(Audited)}
        self._connection.execute(audit_log.insert().values(values))

    def entries(self, household_id: str, limit: int, before: str = "~", within: Chosen = EVERYTHING) -> list[Audited]:
        """Return what was done in a household, or to the whole server, newest first, from before the id ``before``."""
        of = (audit_log.c.household_id == household_id, audit_log.c.household_id.is_(None))
        # Each along the index: together they would be read whole and sorted.
        which = (audit_log.c.id < before, *_conditions(within))
        newest = select(audit_log).where(*which).order_by(audit_log.c.id.desc()).limit(limit)
        both = union_all(*(select(newest.where(one).subquery()) for one in of)).subquery()
        rows = self._connection.execute(select(both).order_by(both.c.id.desc()).limit(limit))
        return [Audited(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name


def _conditions(within: Chosen) -> list[ColumnElement[bool]]:
    column, conditions = audit_log.c, []
    if within.since is not None:
        conditions.append(column.created_at >= within.since)
    if within.until is not None:
        conditions.append(column.created_at < within.until)
    if within.action is not None:
        conditions.append(column.action == within.action)
    return conditions


_INVITATION = tuple(invitations.c[field.name] for field in fields(Invitation))
# Of who is an owner no more nobody may accept one, even where it was written at the instant when they were removed.
_BY_OWNER = (
    select(memberships.c.role)
    .join_from(memberships, users)
    .where(
        memberships.c.household_id == invitations.c.household_id,
        memberships.c.user_id == invitations.c.invited_by,
        memberships.c.role == OWNER,
        users.c.disabled_at.is_(None),
    )
    .exists()
)
_KEY = tuple(api_keys.c[field.name] for field in fields(ApiKey))


def _keys(household_id: str, of_user: str | None) -> Select[Any]:
    mine = select(*_KEY).where(api_keys.c.household_id == household_id).order_by(api_keys.c.id)
    return mine if of_user is None else mine.where(api_keys.c.user_id == of_user)


def _key(row: Row[Any]) -> ApiKey:
    return ApiKey(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping


def _invitation(row: Row[Any]) -> Invitation:
    return Invitation(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping


def _membership(household_id: str, user_id: str) -> tuple[Any, Any]:
    return memberships.c.household_id == household_id, memberships.c.user_id == user_id
