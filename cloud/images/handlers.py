"""When a gateway offers or announces images, then take them; when a stage gives an image up, then end it."""

from typing import Any

from cloud.devices.model import Device, Taken
from cloud.errors import RefusedError
from cloud.images import gallery, service
from cloud.images.model import FAILED, READ, STORED
from cloud.images.repository import ImageRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports


def take_upload_request(
    unit_of_work: UnitOfWork, ports: Ports, device: Device, message: dict[str, Any], _received_at: int
) -> Taken:
    """Answer a gateway that wants to upload an image."""
    ports.ocr_engine.prepare()
    try:
        downlinks = service.take_upload_request(unit_of_work, device, message, ports.image_store, ports.limits)
    except RefusedError as error:
        return service.refusal(device, message["image_id"], str(error))
    return Taken(downlinks=tuple(downlinks))


def take_images(
    unit_of_work: UnitOfWork, ports: Ports, device: Device, message: dict[str, Any], received_at: int
) -> Taken:
    """Store a gateway's announcement of the images of one closing."""
    return service.take_images(unit_of_work, device, message, received_at, ports.settle_ms)


def park(unit_of_work: UnitOfWork, event: Event, reason: str) -> list[Event]:
    """Mark the image as failed, with the reason."""
    images = ImageRepository(unit_of_work)
    image = images.get(event.household_id, event.subject_id)
    if image is None:
        return []
    images.change(image, state=FAILED, reason=reason[:500])
    return [Event("image_failed", event.household_id, image.id)]


def to_be_read(unit_of_work: UnitOfWork, event: Event) -> None:
    """Let a failed image be read again."""
    _revive(unit_of_work, event, STORED)


def to_be_analysed(unit_of_work: UnitOfWork, event: Event) -> None:
    """Let an image that was read and then failed be made a letter."""
    _revive(unit_of_work, event, READ)


def forget(ports: Ports, event: Event) -> None:
    """Delete the object of a deleted image, for a server that ended before it did so itself."""
    gallery.forget_object(ports, event.household_id, event.subject_id)


def _revive(unit_of_work: UnitOfWork, event: Event, state: str) -> None:
    images = ImageRepository(unit_of_work)
    image = images.get(event.household_id, event.subject_id)
    if image and image.state == FAILED:
        images.change(image, state=state, reason=None)
