"""When a device reports its health or its connection, then store it; when one is deleted, then shut it out."""

from typing import Any

from cloud.devices.battery.service import note_heartbeat
from cloud.devices.model import Device, Report, Taken, desired, reported_settings
from cloud.devices.repository import DeviceRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports


def take_heartbeat(
    unit_of_work: UnitOfWork, _ports: Ports, device: Device, message: dict[str, Any], received_at: int
) -> Taken:
    """Store a heartbeat: health, and after how many seconds of silence to worry."""
    report = Report(
        firmware=message["fw"],
        batt_mv=message.get("batt_mv"),
        rssi=message.get("rssi"),
        next_s=message["next_s"],
        reported=reported_settings(message),
    )
    DeviceRepository(unit_of_work).record(device, report, received_at)
    note_heartbeat(unit_of_work, device, message, received_at)
    return Taken()


def take_status(
    unit_of_work: UnitOfWork, _ports: Ports, device: Device, message: dict[str, Any], received_at: int
) -> Taken:
    """Store whether a gateway is connected; its last will says so too, so a lost line is noticed."""
    report = Report(online=message["online"], firmware=message.get("fw"))
    DeviceRepository(unit_of_work).record_status(device, report, received_at)
    return Taken()


def revoke(ports: Ports, event: Event) -> None:
    """Shut a deleted device out of the broker; one that was never provisioned has nothing to be shut out with."""
    with ports.database.read() as unit_of_work:
        held = DeviceRepository(unit_of_work).certificate(event.household_id, event.subject_id)
    if held and held.serial:
        ports.device_gate.revoke(held.thing, held.serial)


def tell(ports: Ports, event: Event) -> None:
    """Tell a device what it should do and what is stored, when that was changed where no devices are in reach."""
    with ports.database.read() as unit_of_work:
        device = DeviceRepository(unit_of_work).get(event.household_id, event.subject_id)
    if device:
        ports.device_gate.tell(desired(device))
