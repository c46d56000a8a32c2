"""What is known of a board's battery."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cloud.devices.battery.model import DAY_MS, MOST_DAYS, PHASES, Drawn, Outlook, Reading, outlook, typical
from cloud.devices.battery.repository import BatteryRepository
from cloud.devices.model import Device
from cloud.devices.wishes import EMPTY_MV
from cloud.ports.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Battery:
    """The readings of the last months, what a wake draws as a rule, and when it ends."""

    readings: Sequence[Reading]
    typical: Drawn
    outlook: Outlook


def battery_of(unit_of_work: UnitOfWork, device: Device) -> Battery:
    """Return what is known of a device's battery; of a gateway that is nothing."""
    since = unit_of_work.now - MOST_DAYS * DAY_MS
    readings = BatteryRepository(unit_of_work).readings(device.household_id, device.id, since)
    return Battery(readings, typical(readings), outlook(readings, EMPTY_MV, unit_of_work.now))


def note_heartbeat(unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], received_at: int) -> None:
    """Keep what a heartbeat says of the battery and of the wake before it, where it says anything."""
    perf = message.get("perf", {})
    drawn = Drawn(**{name: perf.get(name) for name in PHASES})
    reading = Reading(received_at, message.get("batt_mv"), drawn)
    if reading.batt_mv is not None or drawn.charge_mc is not None:
        repository = BatteryRepository(unit_of_work)
        repository.add(device, reading, rssi=message.get("rssi"), firmware=message["fw"])
