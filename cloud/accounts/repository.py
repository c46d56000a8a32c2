"""All SQL about users, households, login links and sessions."""

from typing import Any

from sqlalchemy import select, update

from cloud.accounts.model import Member, User
from cloud.ports.database import UnitOfWork
from cloud.tables import households, login_links, memberships, sessions, users


class AccountRepository:
    """Users and households of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add_household(self, household_id: str, name: str, now: int) -> None:
        """Insert a household."""
        self._connection.execute(households.insert().values(id=household_id, name=name, created_at=now))

    def add_user(self, user: User, now: int) -> None:
        """Insert a user."""
        self._connection.execute(users.insert().values(id=user.id, email=user.email, name=user.name, created_at=now))

    def add_member(self, household_id: str, user_id: str, role: str) -> None:
        """Make a user a member of a household."""
        self._connection.execute(memberships.insert().values(household_id=household_id, user_id=user_id, role=role))

    def user_by_email(self, email: str) -> User | None:
        """Return the user with this address."""
        row = self._connection.execute(select(users).where(users.c.email == email)).first()
        return User(row.id, row.email, row.name) if row else None

    def member_of(self, user_id: str) -> Member | None:
        """Return the user in the household joined first."""
        query = _MEMBERS.where(users.c.id == user_id).order_by(households.c.created_at, households.c.id)
        row = self._connection.execute(query).first()
        return _member(row) if row else None

    def owners(self, household_id: str) -> list[Member]:
        """Return the household's owners: those who get its notifications."""
        query = _MEMBERS.where(households.c.id == household_id, memberships.c.role == "owner")
        return [_member(row) for row in self._connection.execute(query.order_by(users.c.email))]

    def add_login_link(self, token_hash: str, user_id: str, expires_at: int) -> None:
        """Insert a one-time login link."""
        self._connection.execute(
            login_links.insert().values(token_hash=token_hash, user_id=user_id, expires_at=expires_at)
        )

    def use_login_link(self, token_hash: str, now: int) -> str | None:
        """Mark a link as used and return its user; None when it is unknown, expired or used."""
        open_link = (
            (login_links.c.token_hash == token_hash)
            & login_links.c.used_at.is_(None)
            & (login_links.c.expires_at > now)
        )
        if self._connection.execute(update(login_links).where(open_link).values(used_at=now)).rowcount == 0:
            return None
        query = select(login_links.c.user_id).where(login_links.c.token_hash == token_hash)
        return str(self._connection.execute(query).scalar_one())

    def add_session(self, token_hash: str, user_id: str, expires_at: int) -> None:
        """Insert a session."""
        self._connection.execute(
            sessions.insert().values(token_hash=token_hash, user_id=user_id, expires_at=expires_at)
        )

    def session_user(self, token_hash: str, now: int) -> str | None:
        """Return the user of a session that has not expired."""
        query = select(sessions.c.user_id).where(sessions.c.token_hash == token_hash, sessions.c.expires_at > now)
        return self._connection.execute(query).scalar_one_or_none()

    def end_session(self, token_hash: str) -> None:
        """Delete a session."""
        self._connection.execute(sessions.delete().where(sessions.c.token_hash == token_hash))


_MEMBERS = select(
    users.c.id,
    users.c.email,
    users.c.name,
    memberships.c.household_id,
    households.c.name.label("household_name"),
    memberships.c.role,
).select_from(users.join(memberships).join(households))


def _member(row: Any) -> Member:
    return Member(User(row.id, row.email, row.name), row.household_id, row.household_name, row.role)
