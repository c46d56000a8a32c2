"""HTTP of overviews: everything about one device, or about all devices of one owner, in one answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Member
from cloud.api.answers import NumberPath, TaggedRoute, refusals
from cloud.api.paging import Page
from cloud.devices.profile import Registered
from cloud.devices.registration import find, listed
from cloud.devices.repository import DeviceRegister
from cloud.devices.schemas import DeviceAnswer, HealthReport, device_answer
from cloud.images.repository import ImageRepository
from cloud.images.schemas import ImageAnswer, image_answer
from cloud.mailbox_events.model import CLOSE, OPEN
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.schemas import EventAnswer, MissingAnswer, event_answer, missing_answer
from cloud.notifications.repository import NotificationRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.ports import Ports

EVENTS_OF_A_DEVICE = 5


class Summary(BaseModel):
    """One device and the newest of everything about it."""

    device: DeviceAnswer
    latest_event: EventAnswer | None
    latest_image: ImageAnswer | None
    notification_count: int
    health: HealthReport | None
    missing: list[MissingAnswer]


class Dashboard(BaseModel):
    """All devices of one owner: the newest five events and the newest image of each."""

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
    @router.get("/devices/{device_id}/summary", responses=refusals(404))
    def summarise(device_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))]) -> Summary:
        """Return one device and the newest of everything about it."""
        with ports.database.read() as unit_of_work:
            one = find(unit_of_work, caller.household_id, device_id)
            health = DeviceRegister(unit_of_work).health(caller.household_id, one.device.id)
            events, images = _events(unit_of_work, one, 1), _images(unit_of_work, ports, one)
            count = NotificationRepository(unit_of_work).count(caller.household_id, one.device.id)
            gaps = MailboxEventRepository(unit_of_work).open_gaps(caller.household_id, 0, unit_of_work.now + 1)
        return Summary(
            device=device_answer(one),
            latest_event=events[0] if events else None,
            latest_image=images[0] if images else None,
            notification_count=count,
            health=HealthReport.model_validate(health, from_attributes=True) if health else None,
            missing=[missing_answer(gap) for gap in gaps if gap.device_id == one.device.id],
        )


def _add_dashboard(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get("/dashboard/{clerk_id}", responses=refusals())
    def show_dashboard(
        clerk_id: Annotated[str, Path(max_length=200)], caller: Annotated[Member, Depends(identity.require(READ))]
    ) -> Dashboard:
        """Return all devices of the household that are this owner's; none for an owner of another household."""
        with ports.database.read() as unit_of_work:
            own = listed(unit_of_work, caller.household_id, clerk_id)
            events = [event for one in own for event in _events(unit_of_work, one, EVENTS_OF_A_DEVICE)]
            images = [image for one in own for image in _images(unit_of_work, ports, one)]
            notifications = NotificationRepository(unit_of_work)
            count = sum(notifications.count(caller.household_id, one.device.id) for one in own)
        return Dashboard(
            devices=[device_answer(one) for one in own],
            recent_events=sorted(events, key=lambda event: (event.occurred_at, event.id), reverse=True),
            recent_images=images,
            notification_count=count,
        )


def _events(unit_of_work: UnitOfWork, one: Registered, limit: int) -> list[EventAnswer]:
    repository, device = MailboxEventRepository(unit_of_work), one.device
    events = repository.listed(device.household_id, device.id, (OPEN, CLOSE), Page(limit=limit))
    return [EventAnswer.model_validate(event_answer(event, one.number)) for event in events]


def _images(unit_of_work: UnitOfWork, ports: Ports, one: Registered) -> list[ImageAnswer]:
    images = ImageRepository(unit_of_work).listed(one.device.household_id, one.device.id, Page(limit=1))
    return [image_answer(image, one.number, ports.public_url) for image in images]
