"""What is known of a board's battery."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cloud.api.paging import Page
from cloud.devices.battery.model import (
    DAY_MS,
    MOST_DAYS,
    PHASES,
    Drawn,
    Outlook,
    Reading,
    daily_mc,
    outlook,
    typical,
)
from cloud.devices.battery.repository import BatteryRepository, Report
from cloud.devices.model import Device, Said
from cloud.devices.wishes import EMPTY_MV
from cloud.ports.database import Database, UnitOfWork

# Few enough that nobody waits for the writer.
FORGOTTEN_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Battery:
    """The readings of the last months, what a wake draws as a rule and all of them a day, in mC, and when it ends."""

    readings: Sequence[Reading]
    typical: Drawn
    daily_mc: float | None
    outlook: Outlook


def battery_of(unit_of_work: UnitOfWork, device: Device) -> Battery:
    """Return what is known of a device's battery; of a gateway that is nothing."""
    since = unit_of_work.now - MOST_DAYS * DAY_MS
    readings = BatteryRepository(unit_of_work).readings(device.household_id, device.id, since)
    return Battery(readings, typical(readings), daily_mc(readings), outlook(readings, EMPTY_MV, unit_of_work.now))


def history_of(unit_of_work: UnitOfWork, device: Device, page: Page) -> list[tuple[int, Reading]]:
    """Return a page of what a board said in the last months, each with its id, newest first."""
    since = max(page.since, unit_of_work.now - MOST_DAYS * DAY_MS)
    return BatteryRepository(unit_of_work).page(device.household_id, device.id, replace(page, since=since))


def note_heartbeat(unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], received_at: int) -> None:
    """Keep what a heartbeat says of the battery and of the wake before it, where it says anything."""
    report = _report(Said(device, message, received_at))
    if report:
        BatteryRepository(unit_of_work).add(device, report.reading, rssi=report.rssi, firmware=report.firmware)


def note_reports(unit_of_work: UnitOfWork, said: Sequence[Said]) -> None:
    """Keep the same of reports of events, once a wake, in however many messages and however often they come.

    A board that does not name its wakes is known by its heartbeats.
    """
    named = [one for one in said if "wake" in one.message.get("perf", ())]
    reports = [report for one in named if (report := _report(one))]
    BatteryRepository(unit_of_work).add_wakes({(one.device.id, one.reading.wake): one for one in reports}.values())


def forget_old_health(database: Database, at_once: int = FORGOTTEN_AT_ONCE) -> None:
    """Delete the health history that no expectation looks at any more; what each device said last stays."""
    looked_at: int | None = 0
    while looked_at is not None:
        with database.write() as unit_of_work:
            oldest = unit_of_work.now - MOST_DAYS * DAY_MS
            looked_at = BatteryRepository(unit_of_work).forget_before(oldest, looked_at, at_once)


def _report(said: Said) -> Report | None:
    """Return what a message says of the battery, None where that is nothing."""
    message, perf = said.message, said.message.get("perf", {})
    drawn = Drawn(**{name: perf.get(name) for name in PHASES})
    reading = Reading(said.received_at, message.get("batt_mv"), drawn, perf.get("total_mc"), perf.get("wake"))
    if reading.batt_mv is None and drawn.charge_mc is None:
        return None
    return Report(said.device, reading, message.get("rssi"), message["fw"])
