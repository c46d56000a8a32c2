"""Which devices are silent, and the list of every household's for who runs the server."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, func, or_, select

from cloud.devices.model import LATE_SHARE
from cloud.ports.database import UnitOfWork
from cloud.tables import devices


class Heard(NamedTuple):
    """When a device was heard of and within how many seconds of that it should be again; Unix ms, None for unknown."""

    thing: str
    household_id: str
    kind: str
    last_seen: int | None
    next_s: int | None

    @property
    def due(self) -> int | None:
        """When it said that it would be heard of again, in Unix ms."""
        return None if self.last_seen is None or self.next_s is None else self.last_seen + self.next_s * 1000


class EveryDevice:
    """The devices of every household, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now

    def heard(self, limit: int, *, silent: bool) -> list[Heard]:
        """Return so many devices, or silent ones, those that were not heard of for longest first."""
        query = select(*(devices.c[name] for name in Heard._fields)).where(self._chosen(silent=silent))
        rows = self._connection.execute(
            query.order_by(func.coalesce(devices.c.last_seen, 0), devices.c.id).limit(limit)
        )
        return [Heard(*row) for row in rows]

    def count(self, *, silent: bool) -> int:
        """Return how many there are of them."""
        return int(self._connection.execute(select(func.count()).where(self._chosen(silent=silent))).scalar_one())

    def _chosen(self, *, silent: bool) -> ColumnElement[bool]:
        there = devices.c.deleted_at.is_(None)
        return there & is_silent(self._now) if silent else there


def is_silent(now: int) -> ColumnElement[bool]:
    """Return the condition of a device that should have been heard of by now, as the page of devices judges it."""
    late = devices.c.online.is_(None) & (devices.c.last_seen + devices.c.next_s * 1000 * LATE_SHARE < now)
    return or_(late, (devices.c.online == 0) & devices.c.last_seen.is_not(None))
