"""Use cases of images over HTTP: take one that a person or a small camera uploads, and delete one with its object."""

import hashlib
from dataclasses import dataclass

from cloud.devices.model import Device
from cloud.errors import NotFoundError, TooLargeError
from cloud.images import service
from cloud.images.metadata import without_metadata
from cloud.images.model import Image, NumberedImage, inspect
from cloud.images.repository import ImageRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.image_store import ImageLimits
from cloud.ports.ports import Ports

# Of an id or of a key's hash: the wire contract takes 64 signs as the name of an image.
NAME_LENGTH = 36


@dataclass(frozen=True, slots=True)
class Cleaned:
    """An uploaded image as it is kept: without metadata, inspected."""

    content: bytes
    sha256: str
    width: int
    height: int


def cleaned(content: bytes, limits: ImageLimits) -> Cleaned:
    """Return the image as it will be kept; raises RefusedError for what is no JPEG, too large, cut or a bomb."""
    if len(content) > limits.max_bytes:
        raise TooLargeError(f"file: expected at most {limits.max_bytes:,} bytes, got {len(content):,}")
    inspect(content, sha256=hashlib.sha256(content).hexdigest(), max_pixels=limits.max_pixels)
    bare = without_metadata(content)
    sha256 = hashlib.sha256(bare).hexdigest()
    width, height = inspect(bare, sha256=sha256, max_pixels=limits.max_pixels)
    return Cleaned(bare, sha256, width, height)


def expect(
    unit_of_work: UnitOfWork, device: Device, one: Cleaned, settle_ms: int, key_hash: str | None = None
) -> tuple[Image, list[Event]]:
    """Make the image's row before its object exists, so that no deletion of the same bytes takes the object away.

    It belongs to the opening of its mailbox that is not judged yet, else to an episode of its own. A request that comes
    again with its key while the first try is under way, or was cut off, expects the same image.
    """
    images = ImageRepository(unit_of_work)
    known = images.named(device, _named(key_hash)) if key_hash else None
    if known and (known.household_id, known.sha256, known.uploaded_at) == (device.household_id, one.sha256, None):
        return known, []
    image_id = _named(unit_of_work.new_id() if known or key_hash is None else key_hash)
    episodes, now = MailboxEventRepository(unit_of_work), unit_of_work.now
    episode = episodes.unsettled(device.household_id, device.mailbox_id)
    following: list[Event] = []
    if episode:
        episode_id = episode.id
        episodes.change_episode(device.household_id, episode_id, image_count=(episode.image_count or 0) + 1)
    else:
        settle_at = now + settle_ms
        episode_id = episodes.add_episode(device, closed_at=now, settle_at=settle_at, image_count=1)
        following.append(Event("episode_closed", device.household_id, episode_id, settle_at))
    image = service.new_image(unit_of_work, device, image_id, one.sha256, len(one.content))
    images.add(image)
    images.change(image, announced_at=now, captured_at=now, err_ms=0, episode_id=episode_id)
    return image, following


def of_number(unit_of_work: UnitOfWork, household_id: str, number: int) -> NumberedImage:
    """Return an image of the household by its number; raises NotFoundError, also while its bytes are not here."""
    found = ImageRepository(unit_of_work).of_number(household_id, number)
    if found is None:
        raise NotFoundError(f"expected an image of this household, found none with id {number}")
    if found.image.uploaded_at is None:
        raise NotFoundError(f"expected an image that is here, that with id {number} was announced and never uploaded")
    return found


def remove(unit_of_work: UnitOfWork, household_id: str, number: int) -> tuple[Image, list[Event]]:
    """Delete an image's row and what was read from it; its object goes after the commit."""
    image = of_number(unit_of_work, household_id, number).image
    ImageRepository(unit_of_work).remove(image)
    episodes = MailboxEventRepository(unit_of_work)
    episode = episodes.episode(household_id, image.episode_id) if image.episode_id else None
    if episode and (episode.image_count or 0) > 1:  # nobody waits for it; the last stays counted: something came
        episodes.change_episode(household_id, episode.id, image_count=(episode.image_count or 0) - 1)
    return image, [Event("image_deleted", household_id, image.sha256)]


def forget_object(ports: Ports, household_id: str, sha256: str) -> None:
    """Delete the object unless another image of the household has the same bytes; harmless when it is gone.

    A writing transaction, so that no row with these bytes is made between the look and the deletion.
    """
    with ports.database.write() as unit_of_work:
        if not ImageRepository(unit_of_work).is_used(household_id, sha256):
            ports.image_store.delete(household_id, sha256)


def _named(unique: str) -> str:
    return f"http-{unique[:NAME_LENGTH]}"
