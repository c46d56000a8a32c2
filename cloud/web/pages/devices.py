"""The boards and gateways, and whether they are well."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Row

from cloud.accounts.id_pages import IdPage
from cloud.accounts.model import MANAGE, SCOPES_OF_ROLE, Member
from cloud.api.answers import LARGEST_ID
from cloud.api.paging import LAST_MS, Page
from cloud.devices.lists.repository import DeviceLists
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.profile import Registered
from cloud.devices.repository import DeviceRepository
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.standing import Alarm, is_late
from cloud.ports.database import UnitOfWork
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import PAGE_LENGTH, Site, View, not_found

# What Wi-Fi receivers call a usable and a good signal, in dBm.
WEAK_SIGNAL, GOOD_SIGNAL = -75, -65

MOST_DIGITS = 18  # of a number that both databases can hold
# One more than are shown tells whether there are more.
FIRST = IdPage(PAGE_LENGTH + 1)

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
    def show(request: Request, member: Annotated[Member, Depends(site.member)], before: str = "") -> Response:
        """Show one page of the household's devices, those before the number ``before``, newest first."""
        may_manage = MANAGE in SCOPES_OF_ROLE[member.role]
        with site.ports.database.read() as unit_of_work:
            found = _health(unit_of_work, member.household_id, device_number(before) if before else LARGEST_ID)
            waiting = OwnershipRepository(unit_of_work).waiting(member.household_id, FIRST) if may_manage else []
        devices, more = found[:PAGE_LENGTH], len(found) > PAGE_LENGTH
        values: dict[str, object] = {
            "devices": devices,
            "older": devices[-1].number if more else "",
            "first_page": not before,
            "may_claim": may_manage,
            "waiting": waiting[:PAGE_LENGTH],
            "more_wait": len(waiting) > PAGE_LENGTH,
        }
        return site.answer(request, View("devices.html", "Devices", values, live=True), member)

    return router


def device_number(text: str) -> int:
    """Return the number of a device in an address; raises PageError for what is no number."""
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise not_found("device")
    return int(text)


def _health(unit_of_work: UnitOfWork, household_id: str, before: int) -> list[Health]:
    """Return how the next devices are, one more than are shown on a page."""
    rows = DeviceLists(unit_of_work).rows(household_id, Page(PAGE_LENGTH + 1, before=(LAST_MS, before)))
    names = DeviceRepository(unit_of_work).mailbox_names(household_id, {row.mailbox_id for row, _ in rows})
    raised = AlarmRepository(unit_of_work).of_devices(household_id, {row.id for row, _ in rows})
    now = unit_of_work.now
    return [health_of(row, names[row.mailbox_id], one, raised.get(row.id, ()), now) for row, one in rows]


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
