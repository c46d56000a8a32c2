"""The deliveries, newest first: what came when, what it asks for, and how far it has come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from cloud.accounts.model import Member
from cloud.devices.repository import DeviceRepository
from cloud.images.model import DUPLICATE, STORED, Image
from cloud.images.repository import ImageRepository
from cloud.letters.repository import LetterRepository
from cloud.mail.model import FAILED, SENT, MailHeading
from cloud.mail.repository import MailRepository
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications.findings import ReadLetter
from cloud.notifications.model import COLLECTION, Delivery, Picture
from cloud.notifications.wording import counted, local
from cloud.ports.database import UnitOfWork
from cloud.web.pages.headers import PageRoute
from cloud.web.pages.site import PAGE_LENGTH, Site, View, day_name

# A door that has been open for longer is not about to be closed.
OPEN_FOR_LONG_MS = 3600 * 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """One episode on the page."""

    delivery: Delivery
    at: int
    busy: str
    mails: tuple[MailHeading, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """The episodes of one day; ``iso`` tells it from other days when the page is refreshed."""

    iso: str
    name: str
    shown: tuple[Shown, ...]


def build_router(site: Site) -> APIRouter:
    """Return the route of the deliveries."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/")
    def show(request: Request, member: Annotated[Member, Depends(site.member)], before: str = "~") -> Response:
        """Show one page of deliveries, those before the id ``before``."""
        with site.ports.database.read() as unit_of_work:
            found = MailboxEventRepository(unit_of_work).newest(member.household_id, PAGE_LENGTH + 1, before)
            episodes, more = found[:PAGE_LENGTH], len(found) > PAGE_LENGTH
            shown = _shown(unit_of_work, member.household_id, episodes)
            devices = DeviceRepository(unit_of_work).listed(member.household_id)
            today = local(unit_of_work.now, site.ports.time_zone).date()
        older = episodes[-1].id if more else ""
        values = {
            "days": _by_day(shown, site.ports.time_zone, today),
            "older": older,
            "first_page": before == "~",
            "has_devices": bool(devices),
        }
        return site.answer(request, View("deliveries.html", "Deliveries", values, live=True), member)

    return router


def progress(delivery: Delivery, images: Sequence[Image], mails: Sequence[MailHeading], now: int) -> str:
    """Return what is being done about an episode right now, "" when nothing is."""
    episode = delivery.episode
    if episode.closed_at is None:
        return "The door is open." if now - (episode.opened_at or 0) < OPEN_FOR_LONG_MS else ""
    if episode.settled_at is None:
        return _reading(delivery, images)
    if episode.kind == COLLECTION:
        return ""
    if not mails:
        return "Writing the e-mail."
    return "" if all(mail.state in {SENT, FAILED} for mail in mails) else "Sending the e-mail."


def _reading(delivery: Delivery, images: Sequence[Image]) -> str:
    count = delivery.episode.image_count
    if count is None:
        return "The door is closed. Waiting for the camera." if delivery.has_gateway else "The door is closed."
    arrived = sum(1 for image in images if image.uploaded_at)
    if arrived < count:
        return f"Receiving {counted(count, 'picture')}: {arrived} of {count} here."
    if any(image.state == STORED for image in images):
        return "Reading the picture." if count == 1 else "Reading the pictures."
    return "Working out what the letter says."


def _by_day(shown: Sequence[Shown], time_zone: str, today: date) -> list[Day]:
    days: dict[date, list[Shown]] = {}
    for one in shown:
        days.setdefault(local(one.at, time_zone).date(), []).append(one)
    return [Day(day.isoformat(), day_name(day, today), tuple(group)) for day, group in days.items()]


def _shown(unit_of_work: UnitOfWork, household_id: str, episodes: Sequence[Episode]) -> list[Shown]:
    ids = [episode.id for episode in episodes]
    images = ImageRepository(unit_of_work).of_episodes(household_id, ids)
    letters = _read_letters(unit_of_work, household_id, [image.letter_id for image in images if image.letter_id])
    mails = MailRepository(unit_of_work).headings_of_episodes(household_id, ids)
    devices = DeviceRepository(unit_of_work)
    names = devices.mailbox_names(household_id)
    with_camera = {row.mailbox_id for row in devices.listed(household_id) if row.kind == "gateway"}
    shown = []
    for episode in episodes:
        own = [image for image in images if image.episode_id == episode.id]
        missing = max((episode.image_count or 0) - len(own), 0)
        pictures = tuple(_picture(image, letters) for image in own)
        has_camera = episode.mailbox_id in with_camera
        delivery = Delivery(episode, names[episode.mailbox_id], pictures, missing, has_camera)
        told = tuple(mail for mail in mails if mail.episode_id == episode.id)
        at = episode.closed_at or episode.opened_at or 0
        shown.append(Shown(delivery, at, progress(delivery, own, told, unit_of_work.now), told))
    return shown


def _read_letters(unit_of_work: UnitOfWork, household_id: str, letter_ids: Sequence[str]) -> dict[str, ReadLetter]:
    repository = LetterRepository(unit_of_work)
    letters = repository.by_ids(household_id, letter_ids)
    facts = repository.facts_of_letters(household_id, list(letters))
    return {letter.id: ReadLetter(letter, tuple(facts[letter.id])) for letter in letters.values()}


def _picture(image: Image, letters: dict[str, ReadLetter]) -> Picture:
    return Picture(
        image_row_id=image.id,
        content_id="",
        jpeg=None,
        read=letters.get(image.letter_id or ""),
        seen_before=image.state == DUPLICATE,
        reason=image.reason,
    )
