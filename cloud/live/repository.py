"""All SQL about the feeds of households."""

from collections.abc import Collection

from sqlalchemy import Connection, select, update

from cloud.http_tables import changes, feeds
from cloud.live.model import KEEP_ENTRIES, KEEP_MS, RESTORED_GAP, Entry, NotedChanges, read_changed, write_changed
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, GivenRows

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
