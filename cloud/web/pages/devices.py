"""The boards and gateways, and whether they are well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from cloud.accounts.model import MANAGE, SCOPES_OF_ROLE, Member
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.profile import Registered
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.standing import Alarm, is_late
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import Site, View

# What Wi-Fi receivers call a usable and a good signal, in dBm.
WEAK_SIGNAL, GOOD_SIGNAL = -75, -65

NEVER, WELL, ASLEEP, SILENT = "never", "well", "asleep", "silent"


@dataclass(frozen=True, slots=True)
class Health:
    """A device as its household sees it."""

    row: Row[Any]
    mailbox: str
    number: int
    state: str
    battery_low: bool
    signal: str
    alarms: tuple[Alarm, ...]


def build_router(site: Site) -> APIRouter:
    """Return the route of devices."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/devices")
    def show(request: Request, member: Annotated[Member, Depends(site.member)]) -> Response:
        """Show the household's devices."""
        may_manage = MANAGE in SCOPES_OF_ROLE[member.role]
        with site.ports.database.read() as unit_of_work:
            repository = DeviceRepository(unit_of_work)
            names = repository.mailbox_names(member.household_id)
            rows = repository.listed(member.household_id)
            registered = {one.device.id: one for one in DeviceRegister(unit_of_work).listed(member.household_id)}
            raised = AlarmRepository(unit_of_work).of_devices(member.household_id)
            waiting = OwnershipRepository(unit_of_work).waiting(member.household_id) if may_manage else []
            now = unit_of_work.now
        health = [
            health_of(row, names[row.mailbox_id], registered[row.id], raised.get(row.id, ()), now) for row in rows
        ]
        values: dict[str, object] = {"devices": health, "may_claim": may_manage, "waiting": waiting}
        return site.answer(request, View("devices.html", "Devices", values, live=True), member)

    return router


def state_of(*, online: int | None, last_seen: int | None, next_s: int | None, now: int) -> str:
    """Return how a device is: a gateway keeps its line open, a board sleeps and says when it will wake."""
    if last_seen is None:
        return NEVER
    if online is not None:
        return WELL if online else SILENT
    return SILENT if is_late(last_seen=last_seen, next_s=next_s, now=now) else ASLEEP


def signal_of(rssi: int | None) -> str:
    """Return a Wi-Fi signal in words, "" when nothing is known."""
    if rssi is None:
        return ""
    if rssi >= GOOD_SIGNAL:
        return "good"
    return "fair" if rssi >= WEAK_SIGNAL else "weak"


def health_of(row: Row[Any], mailbox: str, one: Registered, raised: Sequence[Alarm], now: int) -> Health:
    """Return how the device of a row is, and where its own page is."""
    state = state_of(online=row.online, last_seen=row.last_seen, next_s=row.next_s, now=now)
    battery_low = row.batt_mv is not None and row.batt_mv < one.low_mv
    return Health(row, mailbox, one.number, state, battery_low, signal_of(row.rssi), tuple(raised))
