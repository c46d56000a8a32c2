"""When an image is stored, then read its words."""

from cloud.images.model import READ, STORED
from cloud.images.repository import ImageRepository
from cloud.ocr.repository import OcrRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ocr_engine import OcrPage
from cloud.ports.ports import Ports


def perform(ports: Ports, event: Event) -> OcrPage | None:
    """Return the words of the image, None when they are known or its owner deleted it meanwhile.

    Raises RetryLaterError or RefusedError as the engine.
    """
    with ports.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).get(event.household_id, event.subject_id)
    if image is None or image.state != STORED:
        return None
    return ports.ocr_engine.read(ports.image_store.read(event.household_id, image.sha256))


def handle(unit_of_work: UnitOfWork, event: Event, page: OcrPage | None) -> list[Event]:
    """Store what was read."""
    images = ImageRepository(unit_of_work)
    image = images.get(event.household_id, event.subject_id)
    if image is None or page is None or image.state != STORED:
        return []
    OcrRepository(unit_of_work).add(unit_of_work.new_id(), event.household_id, image.id, page, unit_of_work.now)
    images.change(image, state=READ)
    return [Event("image_read", event.household_id, image.id)]
