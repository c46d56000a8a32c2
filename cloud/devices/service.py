"""Use cases of devices: provisioning, and the reports they send of themselves."""

from cloud.devices.lists.repository import DeviceLists
from cloud.devices.model import LONGEST_NAME, Device, desired, unheard_device
from cloud.devices.repository import DeviceRepository
from cloud.errors import ConflictError, RefusedError
from cloud.ports.certificate_authority import CertificateAuthority, Credentials
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink

KINDS = ("board", "gateway")


def check_room(unit_of_work: UnitOfWork, household_id: str, most: int) -> None:
    """Let nobody else add a device to the household until this transaction ends; raises ConflictError if it is full.

    Asked before anything of the household is written: who writes first and then holds it may meet another who did so.
    """
    if DeviceLists(unit_of_work).held_count(household_id) >= most:
        raise ConflictError(
            f"expected a household with fewer than {most} devices, this one is full: delete a device that is not used, "
            "or ask whoever runs this server for a larger PILLARBOX_HOUSEHOLD_DEVICES"
        )


def ensure_mailbox(unit_of_work: UnitOfWork, household_id: str, name: str) -> str:
    """Return the id of the household's mailbox of this name, making it when it is new; raises RefusedError."""
    if not 0 < len(name) <= LONGEST_NAME:
        raise RefusedError(f"expected a name of 1 to {LONGEST_NAME} characters for the mailbox, got {len(name)}")
    devices = DeviceRepository(unit_of_work)
    mailbox_id = devices.mailbox_by_name(household_id, name)
    if mailbox_id is None:
        mailbox_id = unit_of_work.new_id()
        devices.add_mailbox(mailbox_id, household_id, name)
    return mailbox_id


def provision(
    unit_of_work: UnitOfWork,
    authority: CertificateAuthority,
    household_id: str,
    mailbox_id: str,
    kind: str,
    chip: str | None = None,
) -> tuple[Device, Credentials]:
    """Make a device with an identity of its own; the private key is in the answer and nowhere else.

    ``chip`` is what a board has: only then can it be offered updates.
    """
    device = new_device(unit_of_work, household_id, mailbox_id, kind)
    credentials = authority.issue_device(device.thing)
    DeviceRepository(unit_of_work).add(device, credentials.serial, chip)
    return device, credentials


def new_device(unit_of_work: UnitOfWork, household_id: str, mailbox_id: str, kind: str) -> Device:
    """Return a device that is nowhere yet, with a name of its own at the broker; raises RefusedError."""
    if kind not in KINDS:
        raise RefusedError(f"expected a device kind of {', '.join(KINDS)}, got {kind!r}")
    device_id = unit_of_work.new_id()
    thing = f"{kind}-{device_id.replace('-', '')[-12:]}"
    return unheard_device(device_id, household_id, mailbox_id, thing, kind)


def render_desired(unit_of_work: UnitOfWork, device: Device) -> list[Downlink]:
    """Return the device's ``desired`` message as its row is now."""
    current = DeviceRepository(unit_of_work).get(device.household_id, device.id)
    return [desired(current)] if current else []
