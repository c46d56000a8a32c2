"""HTTP of overviews: everything about one device, or about all devices of one owner, in one answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import BaseModel

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Member
from cloud.api.answers import NumberPath, TaggedRoute, refusals
from cloud.api.paging import Page, asked_part, tell_next
from cloud.devices.profile import Registered
from cloud.devices.registration import find, listed
from cloud.devices.repository import DeviceRegister
from cloud.devices.schemas import OWNER, DeviceAnswer, HealthReport, device_answer
from cloud.images.model import NumberedImage
from cloud.images.repository import ImageRepository
from cloud.images.schemas import ImageAnswer, image_answer
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.schemas import EventAnswer, MissingAnswer, event_answer, missing_answer
from cloud.notifications.repository import NotificationRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.ports import Ports

_SUMMARY = "Show a device with its newest event, image and health"


class Summary(BaseModel):
    """One device and the newest of everything about it."""

    device: DeviceAnswer
    latest_event: EventAnswer | None
    latest_image: ImageAnswer | None
    notification_count: int
    health: HealthReport | None
    missing: list[MissingAnswer]


class Dashboard(BaseModel):
    """Devices of one owner: the newest five openings and closings, and the newest image, of each."""

    devices: list[DeviceAnswer]
    recent_events: list[EventAnswer]
    recent_images: list[ImageAnswer]
    notification_count: int


def build_router(ports: Ports, identity: Identity) -> APIRouter:
    """Return the routes of overviews."""
    router = APIRouter(tags=["overviews"], route_class=TaggedRoute)
    _add_summary(router, ports, identity)
    _add_dashboard(router, ports, identity)
    return router


def _add_summary(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get("/devices/{device_id}/summary", summary=_SUMMARY, responses=refusals(404))
    def summarise(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> Summary:
        """Show a device with its newest event, image and health; the openings that may be missing, too."""
        household_id = caller.household_id
        with ports.database.read() as unit_of_work:
            one = find(unit_of_work, household_id, device_id)
            health = DeviceRegister(unit_of_work).health(household_id, one.device.id)
            newest = _newest(unit_of_work, household_id, [one])
            gaps = MailboxEventRepository(unit_of_work).open_gaps_of(household_id, one.device.id)
        return Summary(
            device=device_answer(one),
            latest_event=newest.events[0] if newest.events else None,
            latest_image=newest.images_at(ports.public_url)[0] if newest.images else None,
            notification_count=newest.notifications,
            health=HealthReport.model_validate(health, from_attributes=True) if health else None,
            missing=[missing_answer(gap) for gap in gaps],
        )


def _add_dashboard(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get("/dashboard/{clerk_id}", summary="Show the devices of one owner", responses=refusals())
    def show_dashboard(
        clerk_id: Annotated[str, Path(max_length=200, description=OWNER)],
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_part)],
        request: Request,
        response: Response,
    ) -> Dashboard:
        """Return a page of the devices of the household that are this owner's; none for another household's owner.

        Events, images and the count of notifications are those of the page's devices.
        """
        with ports.database.read() as unit_of_work:
            own = listed(unit_of_work, caller.household_id, page, clerk_id)
            newest = _newest(unit_of_work, caller.household_id, own)
        tell_next(request, response, page, len(own), (0, own[-1].number) if own else None)
        return Dashboard(
            devices=[device_answer(one) for one in own],
            recent_events=newest.events,
            recent_images=newest.images_at(ports.public_url),
            notification_count=newest.notifications,
        )


@dataclass(frozen=True, slots=True)
class _Newest:
    """The newest of some devices: events and images, newest first; how many notifications they have."""

    events: list[EventAnswer]
    images: list[tuple[NumberedImage, int]]
    notifications: int

    def images_at(self, public_url: str) -> list[ImageAnswer]:
        """Return the images as they are answered."""
        return [image_answer(image, number, public_url) for image, number in self.images]


def _newest(unit_of_work: UnitOfWork, household_id: str, of: Sequence[Registered]) -> _Newest:
    """Return the newest of these devices, by a number of statements that is the same for one and for many."""
    numbers = {one.device.id: one.number for one in of}
    events = MailboxEventRepository(unit_of_work).newest_of(household_id, numbers)
    images = ImageRepository(unit_of_work).newest_of(household_id, numbers)
    return _Newest(
        [EventAnswer.model_validate(event_answer(event, numbers[device_id])) for device_id, event in events],
        [(one, numbers[one.image.device_id]) for one in images],
        NotificationRepository(unit_of_work).count(household_id, numbers),
    )
