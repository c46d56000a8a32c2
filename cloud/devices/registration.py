"""Use cases of devices over HTTP: register, find, change, take out of use."""

from dataclasses import replace

from cloud.accounts.model import Member, normal_email
from cloud.devices.model import Device
from cloud.devices.profile import Registered
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.devices.service import ensure_mailbox, new_device
from cloud.errors import NotFoundError
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


def register(unit_of_work: UnitOfWork, caller: Member, name: str, kind: str, values: dict[str, object]) -> int:
    """Make a device of the mailbox of its name, without a certificate until it is provisioned; returns its number."""
    mailbox_id = ensure_mailbox(unit_of_work, caller.household_id, name)
    device = replace(new_device(unit_of_work, caller.household_id, mailbox_id, kind), name=name)
    DeviceRepository(unit_of_work).add(device, certificate_serial="")
    register, own = DeviceRegister(unit_of_work), {"clerk_id": caller.user.id, "email": caller.user.email}
    register.change(device, **_normal(own | {key: value for key, value in values.items() if value is not None}))
    return register.numbers(caller.household_id)[device.id]


def find(unit_of_work: UnitOfWork, household_id: str, number: int) -> Registered:
    """Return a device of the household; raises NotFoundError."""
    found = DeviceRegister(unit_of_work).get(household_id, number)
    if found is None:
        raise NotFoundError(f"expected a device of this household, found none with id {number}")
    return found


def change(unit_of_work: UnitOfWork, device: Device, values: dict[str, object]) -> None:
    """Change what is given; an empty name is none."""
    register, settings = DeviceRegister(unit_of_work), dict(values)
    name = settings.pop("name", None)
    if name is not None:
        register.rename(device, str(name))
    register.change(device, **_normal(settings))


def remove(unit_of_work: UnitOfWork, device: Device) -> list[Event]:
    """Take a device out of use; what it brought stays. Returns what follows: its certificate is to be revoked."""
    DeviceRegister(unit_of_work).remove(device)
    return [Event("device_deleted", device.household_id, device.id)]


def _normal(values: dict[str, object]) -> dict[str, object]:
    email = values.get("email")
    return values | ({"email": normal_email(str(email))} if email else {})
