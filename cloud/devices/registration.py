"""Use cases of devices over HTTP: register, find, change, delete."""

from dataclasses import dataclass
from typing import Any

from cloud.accounts.model import Member, normal_email
from cloud.accounts.sharing.audit import Actor
from cloud.accounts.sharing.repository import SharingRepository
from cloud.api.paging import Page
from cloud.devices import wishes
from cloud.devices.lists.repository import Chosen, DeviceLists
from cloud.devices.model import Device
from cloud.devices.profile import Registered
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.devices.service import check_room, ensure_mailbox, new_device, render_desired
from cloud.errors import NotFoundError, RefusedError
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event

BOARD = "board"


@dataclass(frozen=True, slots=True)
class NewOne:
    """A device to be made: its name, its kind, and what else its owner says of it."""

    name: str
    kind: str
    values: dict[str, object]


def register(unit_of_work: UnitOfWork, by: Actor, new: NewOne, most: int) -> int:
    """Make a device of the mailbox of its name, without a certificate until it is provisioned; returns its number.

    Raises ConflictError where the household has ``most`` devices.
    """
    household_id = by.member.household_id
    check_room(unit_of_work, household_id, most)
    mailbox_id = ensure_mailbox(unit_of_work, household_id, new.name)
    device = new_device(unit_of_work, household_id, mailbox_id, new.kind)._replace(name=new.name)
    DeviceRepository(unit_of_work).add(device, certificate_serial="")
    register = DeviceRegister(unit_of_work)
    given = {key: value for key, value in new.values.items() if value is not None}
    register.change(device, **_normal(owner(unit_of_work, by.member) | given))
    by.note(unit_of_work, "device registered", f"{device.thing}, {device.name}")
    return register.number(device)


def owner(unit_of_work: UnitOfWork, member: Member) -> dict[str, object]:
    """Return whose the member's devices are; ``clerk_id`` is what Clerk, or another outside issuer, calls them."""
    names = SharingRepository(unit_of_work).names(member.household_id)
    return {"clerk_id": names[member.user.id][0], "email": member.user.email}


def listed(
    unit_of_work: UnitOfWork, household_id: str, page: Page, clerk_id: str | None = None, name: str | None = None
) -> list[Registered]:
    """Return a page of the household's devices, newest first; with ``clerk_id`` those of who is called so, by anybody.

    A device that was provisioned is of nobody in particular, and so of every member.
    """
    owners = None if clerk_id is None else _owners(unit_of_work, household_id, clerk_id)
    return DeviceLists(unit_of_work).page(household_id, page, Chosen(owners, name))


def find(unit_of_work: UnitOfWork, household_id: str, number: int, *, held: bool = False) -> Registered:
    """Return a device of the household, ``held`` for this transaction if asked for; raises NotFoundError."""
    found = DeviceRegister(unit_of_work).get(household_id, number, held=held)
    if found is None:
        raise unknown_device(number)
    return found


def unknown_device(number: int) -> NotFoundError:
    """Return the refusal of a number that is no device of the household."""
    return NotFoundError(f"expected a device of this household, found none with id {number}")


def change(unit_of_work: UnitOfWork, by: Actor, number: int, values: dict[str, Any]) -> list[Downlink]:
    """Change what is given, ``board`` by the board's own names; an empty name is none. Returns what to tell it."""
    one = find(unit_of_work, by.member.household_id, number)
    given = dict(values)
    name, board = given.pop("name", None), given.pop("board", None) or {}
    if name is not None and name != one.device.name:
        DeviceRegister(unit_of_work).rename(one.device, str(name))
        by.note(unit_of_work, "device renamed", f"{one.device.thing} is {name}")
    if given or board:
        DeviceRegister(unit_of_work).change(one.device, **_normal(given))
        by.note(unit_of_work, "device set", f"{one.device.thing}: {', '.join(sorted([*given, *board]))}")
    if one.device.kind == BOARD:
        return _wish(unit_of_work, one, wishes.together(given, board))
    if board:
        came = f"{one.device.thing} is a {one.device.kind}"
        raise RefusedError(f"board: expected settings of a board, {came}", field="body.board")
    return _forget_capture(unit_of_work, one.device)


def remove(unit_of_work: UnitOfWork, by: Actor, number: int) -> list[Event]:
    """Delete a device; what it brought stays. Returns what follows.

    Its certificate is to be revoked, and what a board left open is ended.
    """
    device = find(unit_of_work, by.member.household_id, number).device
    DeviceRegister(unit_of_work).remove(device)
    by.note(unit_of_work, "device deleted", f"{device.thing}, {device.name}")
    return [Event("device_deleted", device.household_id, device.id), *left(device)]


def left(device: Device) -> list[Event]:
    """Return what follows for the household that a device has left."""
    return [Event("board_left", device.household_id, device.id)] if device.kind == BOARD else []


def _wish(unit_of_work: UnitOfWork, one: Registered, asked: wishes.Settings) -> list[Downlink]:
    wanted = wishes.changed(one.wishes, asked)
    if wanted == one.wishes:
        return []
    DeviceRepository(unit_of_work).set_wishes(one.device, wanted)
    return render_desired(unit_of_work, one.device)


def _forget_capture(unit_of_work: UnitOfWork, gateway: Device) -> list[Downlink]:
    """Take back what a gateway was to photograph, where its household wants no images of it any more."""
    if gateway.capture is None or DeviceRegister(unit_of_work).photographs(gateway):
        return []
    DeviceRepository(unit_of_work).set_capture(gateway, None)
    return render_desired(unit_of_work, gateway)


def _owners(unit_of_work: UnitOfWork, household_id: str, clerk_id: str) -> frozenset[str | None]:
    """Return what the devices of who is called so may have as their owner; None is nobody in particular."""
    named = SharingRepository(unit_of_work).names(household_id).values()
    return next((frozenset({*one, None}) for one in named if clerk_id in one), frozenset({clerk_id}))


def _normal(values: dict[str, object]) -> dict[str, object]:
    email = values.get("email")
    return values | ({"email": normal_email(str(email))} if email else {})
