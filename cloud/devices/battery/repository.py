"""All SQL about what boards say of their batteries."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import select

from cloud.devices.battery.model import PHASES, Drawn, Reading
from cloud.devices.model import Device
from cloud.devices.wishes import percent_of
from cloud.http_tables import device_health
from cloud.ports.database import UnitOfWork

# A board that reports every minute fills no table, and a heartbeat that comes twice is there once.
LEAST_APART_MS = 3_600_000

_column = device_health.c


class BatteryRepository:
    """The health history of boards, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def add(self, device: Device, reading: Reading, *, rssi: int | None, firmware: str) -> None:
        """Insert a reading, unless one of the hour before is there."""
        if self.readings(device.household_id, device.id, reading.at - LEAST_APART_MS + 1):
            return
        values = asdict(reading.drawn) | {
            "household_id": device.household_id,
            "device_id": device.id,
            "reported_at": reading.at,
            "batt_mv": reading.batt_mv,
            "battery_level": None if reading.batt_mv is None else percent_of(reading.batt_mv),
            "signal_strength": rssi,
            "firmware_version": firmware,
        }
        self._connection.execute(device_health.insert().values(values))

    def readings(self, household_id: str, device_id: str, since: int) -> Sequence[Reading]:
        """Return what a board said, from ``since`` on (Unix ms), oldest first."""
        columns = (_column.reported_at, _column.batt_mv, *(_column[name] for name in PHASES))
        mine = (_column.household_id == household_id) & (_column.device_id == device_id)
        said = _column.batt_mv.is_not(None) | _column.charge_mc.is_not(None)
        query = select(*columns).where(mine, _column.reported_at >= since, said).order_by(_column.reported_at)
        return [Reading(row[0], row[1], Drawn(*row[2:])) for row in self._connection.execute(query)]
