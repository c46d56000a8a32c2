"""All SQL that deletes what has ended, of whichever user and household."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Select, select

from cloud.accounts.expired.model import AUDIT_KEEP_MS, ENDED_KEEP_MS
from cloud.ports.database import UnitOfWork
from cloud.tables import (
    account_tokens,
    api_keys,
    audit_log,
    invitations,
    login_links,
    refresh_tokens,
    revoked_tokens,
    sessions,
    token_families,
)


class ExpiredRepository:
    """What has ended, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def forget(self, most: int) -> bool:
        """Delete up to ``most`` rows of each kind; returns whether there may be more."""
        found = [self._forget(key, query.limit(most)) for key, query in _ended(self._now)]
        return max(found) >= most

    def end_older_logins(self, user_id: str, kept: int) -> None:
        """End the logins of a user, of programs and of browsers, but for the ``kept`` newest of each."""
        families = select(token_families.c.id).where(token_families.c.user_id == user_id)
        older = self._beyond(families.order_by(token_families.c.id.desc()), kept)
        self._connection.execute(refresh_tokens.delete().where(refresh_tokens.c.family_id.in_(older)))
        self._connection.execute(token_families.delete().where(token_families.c.id.in_(older)))
        browsers = select(sessions.c.token_hash).where(sessions.c.user_id == user_id)
        older = self._beyond(browsers.order_by(sessions.c.expires_at.desc()), kept)
        self._connection.execute(sessions.delete().where(sessions.c.token_hash.in_(older)))

    def _beyond(self, newest: Select[Any], kept: int) -> list[str]:
        return list(self._connection.execute(newest).scalars())[kept:]

    def _forget(self, key: Column[str], query: Select[Any]) -> int:
        names = list(self._connection.execute(query).scalars())
        self._connection.execute(key.table.delete().where(key.in_(names)))
        return len(names)


def _ended(now: int) -> Iterator[tuple[Column[str], Select[Any]]]:
    """Yield the key of each table with the query for the rows that have ended; tokens before their logins."""
    families = token_families.c
    for key, has_ended in (
        (sessions.c.token_hash, sessions.c.expires_at <= now),
        (login_links.c.token_hash, login_links.c.expires_at <= now),
        (account_tokens.c.token_hash, account_tokens.c.expires_at <= now),
        (revoked_tokens.c.token_hash, revoked_tokens.c.expires_at <= now),
        (invitations.c.id, invitations.c.expires_at <= now - ENDED_KEEP_MS),
        (api_keys.c.id, api_keys.c.revoked_at <= now - ENDED_KEEP_MS),
        (audit_log.c.id, audit_log.c.created_at <= now - AUDIT_KEEP_MS),
    ):
        yield key, select(key).where(has_ended)
    last_used = select(refresh_tokens.c.token_hash).join(token_families).where(families.expires_at <= now)
    yield refresh_tokens.c.token_hash, last_used
    unused = ~select(refresh_tokens.c.token_hash).where(refresh_tokens.c.family_id == families.id).exists()
    yield families.id, select(families.id).where(families.expires_at <= now, unused)
