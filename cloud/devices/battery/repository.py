"""All SQL about what boards say of their batteries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any

from sqlalchemy import case, func, select

from cloud.api.paging import Page
from cloud.devices.battery.model import PHASES, Drawn, Reading
from cloud.devices.model import Device
from cloud.devices.profile import Health
from cloud.devices.wishes import percent_of
from cloud.http_tables import device_health
from cloud.ports.database import UnitOfWork
from cloud.ports.insert_many import insert_many
from cloud.ports.own_rows import expect_own
from cloud.tables import devices

# A board that reports every minute fills no table, and a heartbeat that comes twice is there once.
LEAST_APART_MS = 3_600_000
# In 90 days of a board that uses up its radio time every day, 300 s by its settings, with wakes of 2 s.
MOST_READINGS = 13_500

_column = device_health.c
_drawn = attrgetter(*PHASES)
# What is shown of a device as its newest report tells it that tells it at all.
_SHOWN = tuple(_column[field.name] for field in fields(Health))
_READING = tuple(_column[name] for name in ("reported_at", "batt_mv", "total_mc", "wake", *PHASES))

# What a board itself said has a voltage or a charge.
_SAID = _column.batt_mv.is_not(None) | _column.charge_mc.is_not(None)


@dataclass(frozen=True, slots=True)
class Report:
    """A reading and what else its message said."""

    device: Device
    reading: Reading
    rssi: int | None
    firmware: str


class BatteryRepository:
    """The health history of boards, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add(self, device: Device, reading: Reading, *, rssi: int | None, firmware: str) -> None:
        """Insert a reading, unless one of the hour before is there; raises NotFoundError for another household's."""
        if self.readings(device.household_id, device.id, reading.at - LEAST_APART_MS + 1):
            return
        expect_own(self._connection, device.household_id, (devices, device.id))
        self.add_wakes([Report(device, reading, rssi, firmware)])

    def add_wakes(self, reports: Iterable[Report]) -> None:
        """Insert readings, except of wakes that are there: what comes again counts once."""
        rows = [_row(one) for one in reports]
        insert_many(self._connection, device_health, rows, unless_there=True)

    def readings(self, household_id: str, device_id: str, since: int) -> Sequence[Reading]:
        """Return what a board said, from ``since`` on (Unix ms), oldest first; of very many the newest."""
        mine = (_column.household_id == household_id) & (_column.device_id == device_id)
        query = select(*_READING).where(mine, _column.reported_at >= since, _SAID)
        query = query.order_by(_column.reported_at.desc(), _column.id.desc()).limit(MOST_READINGS)
        newest = [_reading(row) for row in self._connection.execute(query)]
        return newest[::-1]

    def page(self, household_id: str, device_id: str, page: Page) -> list[tuple[int, Reading]]:
        """Return a page of what a board said, each with its id, newest first."""
        at, number = page.before
        mine = (_column.household_id == household_id) & (_column.device_id == device_id)
        within = (_column.reported_at >= page.since) & (_column.reported_at < page.until) & (_column.reported_at <= at)
        unseen = (_column.reported_at < at) | (_column.id < number)
        query = select(_column.id, *_READING).where(mine, within, unseen, _SAID)
        query = query.order_by(_column.reported_at.desc(), _column.id.desc()).limit(page.limit)
        return [(row[0], _reading(row[1:])) for row in self._connection.execute(query)]

    def forget_before(self, at: int, after_id: int, most: int) -> int | None:
        """Delete what boards of any household said before ``at`` (Unix ms), but what each said last of each value.

        Looks at the ``most`` rows after ``after_id``; returns the last of them, None when nothing old comes after it.
        """
        query = select(_column.id, _column.device_id, _column.reported_at).where(_column.id > after_id)
        # In the order of their ids, which is that of time: no index needs to be kept for this.
        looked_at = self._connection.execute(query.order_by(_column.id).limit(most)).all()
        old = [row for row in looked_at if row.reported_at < at]
        if not old:
            return None
        newest = (func.max(_column.id), *(func.max(case((one.is_not(None), _column.id))) for one in _SHOWN))
        of = select(*newest).where(_column.device_id.in_({row.device_id for row in old}))
        last = {number for row in self._connection.execute(of.group_by(_column.device_id)) for number in row}
        gone = [row.id for row in old if row.id not in last]
        self._connection.execute(device_health.delete().where(_column.id.in_(gone)))
        return int(looked_at[-1].id) if len(old) == most else None


def _reading(row: Sequence[Any]) -> Reading:
    return Reading(row[0], row[1], Drawn(*row[4:]), row[2], row[3])


def _row(report: Report) -> dict[str, object]:
    device, reading = report.device, report.reading
    return dict(zip(PHASES, _drawn(reading.drawn), strict=True)) | {
        "household_id": device.household_id,
        "device_id": device.id,
        "reported_at": reading.at,
        "batt_mv": reading.batt_mv,
        "battery_level": None if reading.batt_mv is None else percent_of(reading.batt_mv),
        "signal_strength": report.rssi,
        "firmware_version": report.firmware,
        "wake": reading.wake,
        "total_mc": reading.total_mc,
    }
