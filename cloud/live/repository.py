"""All SQL about the feeds of households, and about who may go on following them."""

from collections.abc import Collection

from sqlalchemy import Connection, select, true, update

from cloud.accounts.model import Admission, AdmittedBy
from cloud.http_tables import changes, feeds
from cloud.live.model import KEEP_ENTRIES, KEEP_MS, RESTORED_GAP, Entry, NotedChanges, read_changed, write_changed
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, GivenRows
from cloud.tables import api_keys, memberships, revoked_tokens, sessions, token_families, users

# All households at once: the cost hardly grows with their number. The first statement holds each feed until the
# transaction ends, so positions become visible in their order and without a gap.
_TAKE_POSITIONS = GivenRows(
    lambda dialect, given, _: (
        f"INSERT INTO feeds (household_id, position) SELECT given.household_id, 1 FROM {given} "  # noqa: S608 - our own names
        f"WHERE true ORDER BY given.household_id {_at_conflict(dialect)}"
    ),
    household_id=ID,
)
_ADD_ENTRIES = GivenRows(
    lambda _, given, joined: (
        "INSERT INTO changes (household_id, position, changed_at, changed) "  # noqa: S608 - our own names
        "SELECT feeds.household_id, feeds.position, :now, given.changed "
        f"FROM {given} {joined} feeds ON feeds.household_id = given.household_id"
    ),
    household_id=ID,
    changed="TEXT",
)
_POSITIONS = select(feeds.c.household_id, feeds.c.position)


def store_noted(connection: Connection, now: int, noted: NotedChanges) -> None:
    """Add an entry to the feed of each household that a transaction changed, as the last thing that it does.

    Feeds are held in the order of their households' ids, and nothing is waited for after them: no deadlock.
    """
    if not noted.households:
        return
    _TAKE_POSITIONS.run(connection, [(one,) for one in noted.households])
    _ADD_ENTRIES.run(connection, [(one, write_changed(noted.changed(one))) for one in noted.households], now=now)


def _at_conflict(dialect: str) -> str:
    if dialect == "sqlite":
        return "ON CONFLICT (household_id) DO UPDATE SET position = position + 1"
    return "ON DUPLICATE KEY UPDATE position = feeds.position + 1"


class FeedRepository:
    """The feeds of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def positions(self, household_ids: Collection[str]) -> dict[str, int]:
        """Return where the feeds of several households end, 0 for one to which nothing has happened."""
        rows = self._connection.execute(_POSITIONS.where(feeds.c.household_id.in_(sorted(household_ids))))
        return dict.fromkeys(household_ids, 0) | {row.household_id: row.position for row in rows}

    def entries(self, household_id: str, after: int, limit: int) -> list[Entry]:
        """Return the entries after a position, oldest first."""
        query = select(changes).where(changes.c.household_id == household_id, changes.c.position > after)
        rows = self._connection.execute(query.order_by(changes.c.position).limit(limit))
        return [Entry(row.position, row.changed_at, read_changed(row.changed)) for row in rows]

    def leave_gap(self) -> None:
        """Let nobody go on from where they are, in any household: they load everything anew."""
        self._connection.execute(update(feeds).values(position=feeds.c.position + RESTORED_GAP))

    def forget_old(self) -> None:
        """Delete what no follower can go on from any more, of every household."""
        last = select(feeds.c.position).where(feeds.c.household_id == changes.c.household_id).scalar_subquery()
        old = changes.c.changed_at < self._now - KEEP_MS
        self._connection.execute(changes.delete().where(old))
        self._connection.execute(changes.delete().where(changes.c.position <= last - KEEP_ENTRIES))


class AdmissionRepository:
    """What lasting answers were let in with, in one unit of work; asked about many at once, for they wait together."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def standing(self, admissions: Collection[Admission]) -> set[Admission]:
        """Return those that still count; nobody's does who is disabled."""
        members = self._members({one.household_id for one in admissions})
        valid = {by: self._valid(by, {one.name for one in admissions if one.by == by}) for by in AdmittedBy}
        return {
            one
            for one in admissions
            if (one.household_id, one.user_id) in members
            and one.name in valid[one.by]
            and (one.expires_at is None or one.expires_at > self._now)
        }

    def _members(self, household_ids: set[str]) -> set[tuple[str, str]]:
        chosen = memberships.c.household_id.in_(household_ids) & users.c.disabled_at.is_(None)
        query = select(memberships.c.household_id, memberships.c.user_id).join_from(memberships, users).where(chosen)
        return {(row.household_id, row.user_id) for row in self._connection.execute(query)}

    def _valid(self, by: AdmittedBy, names: set[str]) -> set[str]:
        if not names:
            return set()
        column, valid = {
            AdmittedBy.LOGIN: (token_families.c.id, token_families.c.revoked_at.is_(None)),
            AdmittedBy.OUTSIDE_TOKEN: (revoked_tokens.c.token_hash, true()),
            AdmittedBy.API_KEY: (api_keys.c.key_hash, api_keys.c.revoked_at.is_(None)),
            AdmittedBy.SESSION: (sessions.c.token_hash, sessions.c.expires_at > self._now),
        }[by]
        found = set(self._connection.execute(select(column).where(column.in_(names), valid)).scalars())
        return names - found if by is AdmittedBy.OUTSIDE_TOKEN else found
