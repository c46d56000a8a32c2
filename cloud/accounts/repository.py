"""All SQL about users, households, login links and sessions."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Executable, Select, bindparam, case, select, update
from sqlalchemy.dialects import mysql, sqlite

from cloud.accounts.model import (
    NO_ADDRESS,
    AccountToken,
    ApiKeyUse,
    Credentials,
    Family,
    Member,
    Person,
    User,
)
from cloud.ports.database import UnitOfWork
from cloud.tables import (
    account_tokens,
    api_keys,
    buckets,
    households,
    identities,
    login_links,
    memberships,
    refresh_tokens,
    revoked_tokens,
    sessions,
    token_families,
    users,
)


class AccountRepository:
    """Users and households of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def add_household(self, household_id: str, name: str, now: int) -> None:
        """Insert a household."""
        self._connection.execute(households.insert().values(id=household_id, name=name, created_at=now))

    def add_user(self, user: User, now: int) -> None:
        """Insert a user."""
        self._connection.execute(users.insert().values(id=user.id, email=user.email, name=user.name, created_at=now))

    def add_member(self, household_id: str, user_id: str, role: str) -> None:
        """Make a user a member of a household."""
        values = {"household_id": household_id, "user_id": user_id, "role": role, "joined_at": self._now}
        self._connection.execute(memberships.insert().values(values))

    def user_by_email(self, email: str) -> User | None:
        """Return the user with this address."""
        row = self._connection.execute(select(users).where(users.c.email == email)).first()
        return User(row.id, row.email, row.name) if row else None

    def credentials(self, email: str) -> Credentials | None:
        """Return what checks the password of the user with this address."""
        query = select(users.c.id, users.c.password_hash).where(users.c.email == email, users.c.disabled_at.is_(None))
        row = self._connection.execute(query).first()
        return Credentials(row.id, row.password_hash) if row else None

    def change_user(self, user_id: str, **values: object) -> None:
        """Update columns of a user."""
        self._connection.execute(update(users).where(users.c.id == user_id).values(**values))

    def hold_user(self, user_id: str) -> None:
        """Let nobody change a user until this transaction ends; others may hold them too."""
        self._connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update(read=True))

    def hold_password(self, known: Credentials) -> bool:
        """Return whether this is still the user's password, and let nobody change it until this transaction ends."""
        same = (users.c.id == known.user_id) & (users.c.password_hash == known.password_hash)
        query = select(users.c.id).where(same, users.c.disabled_at.is_(None)).with_for_update(read=True)
        return self._connection.execute(query).first() is not None

    def change_hash(self, known: Credentials, password_hash: str) -> None:
        """Store the same password in another way, unless it was changed meanwhile."""
        same = (users.c.id == known.user_id) & (users.c.password_hash == known.password_hash)
        self._connection.execute(update(users).where(same).values(password_hash=password_hash))

    def everybody(self) -> list[Person]:
        """Return every user in each of their households, by address: for who runs the server."""
        columns = (users.c.email, users.c.name, users.c.created_at, users.c.disabled_at)
        place = (memberships.c.household_id, households.c.name.label("household_name"), memberships.c.role)
        query = select(*columns, *place).select_from(users.outerjoin(memberships).outerjoin(households))
        rows = self._connection.execute(query.order_by(users.c.email, memberships.c.household_id))
        return [Person(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name

    def identity_is_known(self, issuer: str, subject: str) -> bool:
        """Return whether an outside issuer's user is somebody here, even if they may not come in."""
        query = select(identities.c.user_id).where(identities.c.issuer == issuer, identities.c.subject == subject)
        return self._connection.execute(query).first() is not None

    def is_verified(self, user_id: str) -> bool:
        """Return whether the user has shown that mail to their address reaches them."""
        query = select(users.c.email_verified_at).where(users.c.id == user_id)
        return self._connection.execute(query).scalar_one_or_none() is not None

    def add_identity(self, issuer: str, subject: str, user_id: str, now: int) -> None:
        """Insert who an outside issuer's user is here."""
        values = {"issuer": issuer, "subject": subject, "user_id": user_id, "created_at": now}
        self._connection.execute(identities.insert().values(values))

    def member_of(self, user_id: str, chosen: str | None = None) -> Member | None:
        """Return the user in the household ``chosen``, else in the one joined first."""
        return self._first(_BY_USER, chosen, user=user_id)

    def memberships_of(self, user_id: str) -> list[Member]:
        """Return the user in each of their households, the one joined first at first."""
        return [_member(row) for row in self._connection.execute(_BY_USER, {"user": user_id})]

    def member_of_family(self, user_id: str, family_id: str, chosen: str | None = None) -> Member | None:
        """Return the user of one of our tokens, while its login has not ended."""
        return self._first(_BY_FAMILY, chosen, user=user_id, family=family_id)

    def member_of_identity(self, issuer: str, subject: str, chosen: str | None = None) -> Member | None:
        """Return the user whom an outside issuer calls ``subject``."""
        return self._first(_BY_IDENTITY, chosen, issuer=issuer, subject=subject)

    def touch_key(self, household_id: str, key_id: str, now: int) -> None:
        """Note when an API key was used."""
        key = (api_keys.c.household_id == household_id) & (api_keys.c.id == key_id)
        self._connection.execute(update(api_keys).where(key).values(last_used_at=now))

    def owners(self, household_id: str) -> list[Member]:
        """Return the household's owners whom mail reaches: those who get its notifications."""
        reached = users.c.email.not_like(f"%{NO_ADDRESS}")
        query = _MEMBERS.where(households.c.id == household_id, memberships.c.role == "owner", reached)
        return [_member(row) for row in self._connection.execute(query.order_by(users.c.email))]

    def add_login_link(self, token_hash: str, user_id: str, expires_at: int) -> None:
        """Insert a one-time login link."""
        values = {"token_hash": token_hash, "user_id": user_id, "expires_at": expires_at}
        self._connection.execute(login_links.insert().values(values))

    def use_login_link(self, token_hash: str, now: int) -> str | None:
        """Mark a link as used and return its user; None when it is unknown, expired or used."""
        unused = (login_links.c.token_hash == token_hash) & login_links.c.used_at.is_(None)
        chosen = update(login_links).where(unused, login_links.c.expires_at > now)
        if self._connection.execute(chosen.values(used_at=now)).rowcount == 0:
            return None
        query = select(login_links.c.user_id).where(login_links.c.token_hash == token_hash)
        return str(self._connection.execute(query).scalar_one())

    def add_session(self, token_hash: str, user_id: str, expires_at: int) -> None:
        """Insert a session."""
        values = {"token_hash": token_hash, "user_id": user_id, "expires_at": expires_at}
        self._connection.execute(sessions.insert().values(values))

    def set_household(self, token_hash: str, household_id: str) -> None:
        """Let a browser's session show this household from now on, while its user is a member there."""
        chosen = update(sessions).where(sessions.c.token_hash == token_hash)
        self._connection.execute(chosen.values(household_id=household_id))

    def end_session(self, token_hash: str) -> None:
        """Delete a session."""
        self._connection.execute(sessions.delete().where(sessions.c.token_hash == token_hash))

    def _first(self, query: Select[Any], chosen: str | None, **values: str) -> Member | None:
        within = query if chosen is None else query.where(households.c.id == chosen)
        row = self._connection.execute(within, values).first()
        return _member(row) if row else None


class CallerRepository:
    """Who is behind the credentials of several requests, in one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def of_logins(self, family_ids: Collection[str]) -> dict[str, list[Member]]:
        """Return the user of each login that has not ended, in each of their households."""
        return self._members(_BY_LOGIN, family_ids)

    def of_sessions(self, token_hashes: Collection[str]) -> dict[str, list[Member]]:
        """Return the user of each session that has not expired, in each of their households, the one entered first."""
        return self._members(_BY_SESSION, token_hashes, now=self._now)

    def of_identities(self, issuer: str, subjects: Collection[str]) -> dict[str, list[Member]]:
        """Return whom an outside issuer calls by these names, in each of their households."""
        return self._members(_BY_SUBJECT, subjects, issuer=issuer)

    def of_keys(self, key_hashes: Collection[str]) -> dict[str, ApiKeyUse]:
        """Return for whom each API key acts, and when it was last used, while it is not revoked."""
        rows = self._connection.execute(_BY_KEY, {"names": list(key_hashes)})
        return {row.name_asked: ApiKeyUse(_member_by_key(row), row.last_used_at, self._now) for row in rows}

    def revoked(self, token_hashes: Collection[str]) -> set[str]:
        """Return which of an outside issuer's tokens were revoked here."""
        query = select(revoked_tokens.c.token_hash).where(revoked_tokens.c.token_hash.in_(token_hashes))
        return set(self._connection.execute(query).scalars())

    def _members(self, query: Select[Any], names: Collection[str], **values: object) -> dict[str, list[Member]]:
        found: dict[str, list[Member]] = {}
        for row in self._connection.execute(query, {"names": list(names)} | values):
            found.setdefault(row.name_asked, []).append(_member(row))
        return found


class TokenRepository:
    """The logins of programs: each a family of refresh tokens, every one used once for the next."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add_family(self, family_id: str, user_id: str, now: int, expires_at: int) -> None:
        """Insert a login."""
        values = {"id": family_id, "user_id": user_id, "created_at": now, "expires_at": expires_at}
        self._connection.execute(token_families.insert().values(values))

    def add_refresh(self, token_hash: str, family_id: str, now: int) -> None:
        """Insert the refresh token that is the family's next."""
        values = {"token_hash": token_hash, "family_id": family_id, "created_at": now}
        self._connection.execute(refresh_tokens.insert().values(values))

    def family_of(self, token_hash: str, now: int) -> Family | None:
        """Return the login of a refresh token, used or not, while it has not ended."""
        query = select(token_families.c.id, token_families.c.user_id).select_from(refresh_tokens.join(token_families))
        lives = token_families.c.revoked_at.is_(None) & (token_families.c.expires_at > now)
        row = self._connection.execute(query.where(refresh_tokens.c.token_hash == token_hash, lives)).first()
        return Family(row.id, row.user_id) if row else None

    def use_refresh(self, token_hash: str, now: int) -> bool:
        """Mark a refresh token as used; False when it was before."""
        unused = (refresh_tokens.c.token_hash == token_hash) & refresh_tokens.c.used_at.is_(None)
        return self._connection.execute(update(refresh_tokens).where(unused).values(used_at=now)).rowcount == 1

    def end_family(self, family_id: str, now: int) -> None:
        """End a login: its access and refresh tokens are valid no more."""
        self._end(token_families.c.id == family_id, now)

    def end_all_of(self, user_id: str, now: int) -> None:
        """End every login of a user, those of browsers too, and every token and login link that was not used yet."""
        self._end(token_families.c.user_id == user_id, now)
        self._connection.execute(sessions.delete().where(sessions.c.user_id == user_id))
        self.end_links_of(user_id)

    def end_links_of(self, user_id: str) -> None:
        """End every token of a mail and every login link of a user."""
        for table in (login_links, account_tokens):
            self._connection.execute(table.delete().where(table.c.user_id == user_id))

    def add_account_token(self, token_hash: str, token: AccountToken, expires_at: int) -> None:
        """Insert the token of a mail; the earlier ones for the same purpose work no more."""
        earlier = (account_tokens.c.user_id == token.user_id) & (account_tokens.c.purpose == token.purpose)
        self._connection.execute(account_tokens.delete().where(earlier))
        values = {"user_id": token.user_id, "purpose": token.purpose, "email": token.email}
        row = values | {"token_hash": token_hash, "expires_at": expires_at}
        self._connection.execute(account_tokens.insert().values(row))

    def hold_user_of(self, token_hash: str) -> None:
        """Keep the user of a mail's token from all others until this transaction ends."""
        query = select(account_tokens.c.user_id).where(account_tokens.c.token_hash == token_hash)
        user_id = self._connection.execute(query).scalar_one_or_none()
        self._connection.execute(select(users.c.id).where(users.c.id == user_id).with_for_update())

    def serves(self, token_hash: str, purpose: str, now: int) -> bool:
        """Return whether the token of a mail is known, not expired and unused; it may be used before one does so."""
        chosen = (account_tokens.c.token_hash == token_hash) & (account_tokens.c.purpose == purpose)
        lives = account_tokens.c.used_at.is_(None) & (account_tokens.c.expires_at > now)
        return self._connection.execute(select(account_tokens.c.user_id).where(chosen, lives)).first() is not None

    def use_account_token(self, token_hash: str, purpose: str, now: int) -> AccountToken | None:
        """Mark the token of a mail as used and return it; None when it is unknown, expired or used."""
        chosen = (account_tokens.c.token_hash == token_hash) & (account_tokens.c.purpose == purpose)
        lives = account_tokens.c.used_at.is_(None) & (account_tokens.c.expires_at > now)
        if self._connection.execute(update(account_tokens).where(chosen, lives).values(used_at=now)).rowcount == 0:
            return None
        row = self._connection.execute(select(account_tokens).where(chosen)).one()
        return AccountToken(row.user_id, row.purpose, row.email)

    def revoke(self, token_hash: str, expires_at: int, now: int) -> None:
        """Remember that an outside issuer's token is valid no more, until it would have expired."""
        self._connection.execute(revoked_tokens.delete().where(revoked_tokens.c.expires_at <= now))
        if not self.is_revoked(token_hash):
            self._connection.execute(revoked_tokens.insert().values(token_hash=token_hash, expires_at=expires_at))

    def is_revoked(self, token_hash: str) -> bool:
        """Return whether an outside issuer's token was revoked here."""
        query = select(revoked_tokens.c.token_hash).where(revoked_tokens.c.token_hash == token_hash)
        return self._connection.execute(query).first() is not None

    def _end(self, chosen: ColumnElement[bool], now: int) -> None:
        lives = token_families.c.revoked_at.is_(None)
        self._connection.execute(update(token_families).where(chosen, lives).values(revoked_at=now))


class BucketRepository:
    """Token buckets, shared by every process of the server."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def forget_full(self, now: int, most: int) -> None:
        """Delete up to ``most`` of the buckets that are full by now and nobody else has; they need no row."""
        full = select(buckets.c.name_hash).where(buckets.c.full_at <= now).limit(most)
        names = self._connection.execute(full.with_for_update(skip_locked=True)).scalars().all()
        self._connection.execute(buckets.delete().where(buckets.c.name_hash.in_(names)))

    def full_at(self, name_hash: str) -> int:
        """Return when the bucket is full again (Unix ms), kept from other processes until this transaction ends."""
        query = select(buckets.c.full_at).where(buckets.c.name_hash == name_hash).with_for_update()
        if (found := self._connection.execute(query).scalar_one_or_none()) is None:
            # Of two processes that meet a bucket for the first time, the second waits here for the first.
            self.add_full(name_hash)
            found = self._connection.execute(query).scalar_one()
        return int(found)

    def set_full_at(self, name_hash: str, full_at: int) -> None:
        """Store when a bucket that is kept from others is full again."""
        self._connection.execute(update(buckets).where(buckets.c.name_hash == name_hash).values(full_at=full_at))

    def add_full(self, name_hash: str) -> None:
        """Insert a full bucket unless it is there."""
        self._connection.execute(self._new_bucket(name_hash))

    def _new_bucket(self, name_hash: str) -> Executable:
        """Return the statement that inserts a full bucket unless it is there, and locks it either way."""
        full = {"name_hash": name_hash, "full_at": 0}
        if self._connection.dialect.name == "sqlite":
            return sqlite.insert(buckets).values(full).on_conflict_do_nothing()
        # Not IGNORE, whose lock is a shared one: two who then want it alone would wait for each other for ever.
        return mysql.insert(buckets).values(full).on_duplicate_key_update(full_at=buckets.c.full_at)


_MEMBERS = (
    select(
        users.c.id,
        users.c.email,
        users.c.name,
        memberships.c.household_id,
        households.c.name.label("household_name"),
        memberships.c.role,
    )
    .select_from(users.join(memberships).join(households))
    .where(users.c.disabled_at.is_(None))
)

_IN_ORDER = (memberships.c.joined_at, memberships.c.household_id)
# Built once: every request asks one of these, and building a statement takes longer than running it.
_BY_USER = _MEMBERS.where(users.c.id == bindparam("user")).order_by(*_IN_ORDER)
_BY_FAMILY = _BY_USER.join_from(users, token_families, token_families.c.user_id == users.c.id).where(
    token_families.c.id == bindparam("family"), token_families.c.revoked_at.is_(None)
)
_BY_IDENTITY = (
    _MEMBERS.join_from(users, identities, identities.c.user_id == users.c.id)
    .where(identities.c.issuer == bindparam("issuer"), identities.c.subject == bindparam("subject"))
    .order_by(*_IN_ORDER)
)


def _named(query: Select[Any], column: ColumnElement[str]) -> Select[Any]:
    """Return the query for several credentials at once; each row says which one it is about."""
    return query.add_columns(column.label("name_asked")).where(column.in_(bindparam("names", expanding=True)))


_BY_LOGIN = _named(
    _MEMBERS.join_from(users, token_families, token_families.c.user_id == users.c.id).where(
        token_families.c.revoked_at.is_(None)
    ),
    token_families.c.id,
).order_by(*_IN_ORDER)
_BY_SESSION = _named(
    _MEMBERS.join_from(users, sessions, sessions.c.user_id == users.c.id).where(
        sessions.c.expires_at > bindparam("now")
    ),
    sessions.c.token_hash,
).order_by(case((memberships.c.household_id == sessions.c.household_id, 0), else_=1), *_IN_ORDER)
_BY_SUBJECT = _named(
    _MEMBERS.join_from(users, identities, identities.c.user_id == users.c.id).where(
        identities.c.issuer == bindparam("issuer")
    ),
    identities.c.subject,
).order_by(*_IN_ORDER)
_BY_KEY = _named(
    _MEMBERS.add_columns(api_keys.c.id.label("key_id"), api_keys.c.scopes, api_keys.c.last_used_at).where(
        api_keys.c.revoked_at.is_(None),
        api_keys.c.user_id == users.c.id,
        api_keys.c.household_id == memberships.c.household_id,
    ),
    api_keys.c.key_hash,
)


def _member(row: Any) -> Member:
    return Member(User(row.id, row.email, row.name), row.household_id, row.household_name, row.role)


def _member_by_key(row: Any) -> Member:
    return replace(_member(row), scopes=frozenset(row.scopes.split()), api_key_id=row.key_id)
