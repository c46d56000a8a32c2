"""All SQL about the feeds of households."""

from collections.abc import Collection

from sqlalchemy import Connection, select, text, update

from cloud.http_tables import changes, feeds
from cloud.live.model import KEEP_ENTRIES, KEEP_MS, RESTORED_GAP, Entry, NotedChanges, read_changed, write_changed
from cloud.ports.database import UnitOfWork

_NEXT = "INSERT INTO feeds (household_id, position) VALUES (:household_id, :first) "
# Holds the feed until the transaction ends, so positions become visible in their order and without a gap.
_TAKE_POSITION = {
    "sqlite": text(_NEXT + "ON CONFLICT (household_id) DO UPDATE SET position = position + 1"),
    "mysql": text(_NEXT + "ON DUPLICATE KEY UPDATE position = position + 1"),
}
_POSITIONS = select(feeds.c.household_id, feeds.c.position)


def store_noted(connection: Connection, now: int, noted: NotedChanges) -> None:
    """Add an entry to the feed of each household that a transaction changed, as the last thing that it does.

    Feeds are held in the order of their households' ids, and nothing is waited for after them: no deadlock.
    """
    named = sorted(noted.households)
    if not named:
        return
    dialect = "sqlite" if connection.dialect.name == "sqlite" else "mysql"
    connection.execute(_TAKE_POSITION[dialect], [{"household_id": one, "first": 1} for one in named])
    rows = [
        {
            "household_id": row.household_id,
            "position": row.position,
            "changed_at": now,
            "changed": write_changed(noted.changed(row.household_id)),
        }
        for row in connection.execute(_POSITIONS.where(feeds.c.household_id.in_(named)))
    ]
    connection.execute(changes.insert(), rows)


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
