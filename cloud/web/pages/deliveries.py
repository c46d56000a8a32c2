"""The deliveries, newest first: what came when, what it asks for, and how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.model import Member
from cloud.devices.lists.repository import DeviceLists
from cloud.images.model import STORED
from cloud.mail.model import FAILED, SENT, MailHeading
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.gaps import Gap
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.deliveries import deliveries_of
from cloud.notifications.model import COLLECTION, LEFT_OPEN, VIBRATION, Delivery
from cloud.notifications.service import door
from cloud.notifications.wording import counted, local
from cloud.ports.database import UnitOfWork
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import PAGE_LENGTH, Site, View, day_name

# A door that has been open for longer is not about to be closed.
OPEN_FOR_LONG_MS = 3600 * 1000
# What was settled so long ago without an e-mail gets none: its owner wanted none then.
WRITING_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """One episode on the page."""

    delivery: Delivery
    at: int
    door: str
    busy: str
    mails: tuple[MailHeading, ...]
    err_ms: int


@dataclass(frozen=True, slots=True)
class Day:
    """The episodes of one day, and what may be missing; ``iso`` tells it from other days when the page is refreshed."""

    iso: str
    name: str
    shown: tuple[Shown, ...]
    gaps: tuple[Gap, ...]


def build_router(site: Site) -> APIRouter:
    """Return the route of the deliveries."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/")
    def show(request: Request, member: Annotated[Member, Depends(site.member)], before: str = "~") -> Response:
        """Show one page of deliveries, those before the id ``before``."""
        with site.ports.database.read() as unit_of_work:
            found = MailboxEventRepository(unit_of_work).newest(member.household_id, PAGE_LENGTH + 1, before)
            episodes, more = found[:PAGE_LENGTH], len(found) > PAGE_LENGTH
            shown = _shown(unit_of_work, member.household_id, episodes, site.ports.time_zone)
            until = unit_of_work.now + 1 if before == "~" or not shown else max(one.at for one in shown)
            since = min(one.at for one in shown) if more else 0
            gaps = MailboxEventRepository(unit_of_work).open_gaps(member.household_id, since, until)
            has_devices = DeviceLists(unit_of_work).has_any(member.household_id)
            today = local(unit_of_work.now, site.ports.time_zone).date()
        older = episodes[-1].id if more else ""
        values = {
            "days": _by_day(shown, gaps, site.ports.time_zone, today),
            "older": older,
            "first_page": before == "~",
            "has_devices": has_devices,
        }
        return site.answer(request, View("deliveries.html", "Deliveries", values, live=True), member)

    return router


def progress(delivery: Delivery, mails: Sequence[MailHeading], now: int) -> str:
    """Return what is being done about an episode right now, "" when nothing is."""
    episode = delivery.episode
    if episode.closed_at is None:
        return "The door is open." if now - (episode.opened_at or 0) < OPEN_FOR_LONG_MS else ""
    if episode.settled_at is None:
        return _reading(delivery)
    if episode.kind in {COLLECTION, VIBRATION, LEFT_OPEN}:
        return ""
    if not mails:
        is_writing = delivery.is_mailed and now - episode.settled_at < WRITING_MS
        return "Writing the e-mail." if is_writing else ""
    return "" if all(mail.state in {SENT, FAILED} for mail in mails) else "Sending the e-mail."


def _reading(delivery: Delivery) -> str:
    count, images = delivery.episode.image_count, [one.image for one in delivery.images]
    if count is None:
        return "The door is closed. Waiting for the camera." if delivery.has_gateway else "The door is closed."
    arrived = sum(1 for image in images if image.uploaded_at)
    if arrived < count:
        return f"Receiving {counted(count, 'image')}: {arrived} of {count} here."
    if any(image.state == STORED for image in images):
        return "Reading the image." if count == 1 else "Reading the images."
    return "Working out what the letter says."


def _by_day(shown: Sequence[Shown], gaps: Sequence[Gap], time_zone: str, today: date) -> list[Day]:
    days: dict[date, tuple[list[Shown], list[Gap]]] = {}
    for one in shown:
        days.setdefault(local(one.at, time_zone).date(), ([], []))[0].append(one)
    for gap in gaps:
        days.setdefault(local(gap.until, time_zone).date(), ([], []))[1].append(gap)
    return [
        Day(day.isoformat(), day_name(day, today), tuple(its), tuple(missing))
        for day, (its, missing) in sorted(days.items(), reverse=True)
    ]


def _shown(unit_of_work: UnitOfWork, household_id: str, episodes: Sequence[Episode], time_zone: str) -> list[Shown]:
    ids = [episode.id for episode in episodes]
    mails = MailRepository(unit_of_work).headings_of_episodes(household_id, ids)
    errors = MailboxEventRepository(unit_of_work).close_errors(household_id, episodes)
    shown = []
    for delivery in deliveries_of(unit_of_work, household_id, episodes):
        episode = delivery.episode
        told = tuple(mail for mail in mails if mail.episode_id == episode.id)
        busy = progress(delivery, told, unit_of_work.now)
        opened = door(episode, time_zone)
        shown.append(Shown(delivery, episode.shown_at, opened, busy, told, errors.get(episode.id, 0)))
    return shown
