"""Use cases of images over HTTP: take one that a person or a small camera uploads, and delete one with its object."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cloud.accounts.limits import Bucket, take_within, upload_limit
from cloud.devices.model import Device
from cloud.errors import NotFoundError, RefusedError, RetryLaterError, TooLargeError
from cloud.images import service
from cloud.images.metadata import without_metadata
from cloud.images.model import LONGEST_UPLOAD_MS, Image, NumberedImage, inspect
from cloud.images.repository import ImageRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.image_store import ImageLimits
from cloud.ports.ports import Ports

# Of an id or of a key's hash: the wire contract takes 64 signs as the name of an image.
NAME_LENGTH = 36
# Of the names of images over HTTP; gateways name theirs otherwise.
PREFIX = "http-"
# Few enough that nobody waits for the writer.
FORGOTTEN_AT_ONCE = 100
FILE = "body.file"  # the field of a form that it comes in


@dataclass(frozen=True, slots=True)
class Given:
    """What the server's settings say: images of a household a day, and how long a delivery waits to be judged."""

    most_a_day: int
    settle_ms: int


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
        expected = f"file: expected at most {limits.max_bytes:,} bytes"
        raise TooLargeError(f"{expected}, got {len(content):,}", field=FILE)
    try:
        return _bare(content, limits)
    except RefusedError as error:
        error.field = FILE
        raise


def _bare(content: bytes, limits: ImageLimits) -> Cleaned:
    inspect(content, sha256=hashlib.sha256(content).hexdigest(), max_pixels=limits.max_pixels)
    bare = without_metadata(content)
    sha256 = hashlib.sha256(bare).hexdigest()
    width, height = inspect(bare, sha256=sha256, max_pixels=limits.max_pixels)
    return Cleaned(bare, sha256, width, height)


def expect(
    unit_of_work: UnitOfWork, device: Device, one: Cleaned, given: Given, key_hash: str | None = None
) -> tuple[Image, list[Event]]:
    """Make the image's row before its object exists, so that no deletion of the same bytes takes the object away.

    It belongs to the opening of its mailbox that is not judged yet, else to an episode of its own. A request that comes
    again with its key while the first try is under way, or was cut off, expects the same image. Raises RateLimitedError
    for a household that had its images of the day.
    """
    images = ImageRepository(unit_of_work)
    known = images.named(device, _named(key_hash)) if key_hash else None
    if known and (known.household_id, known.sha256, known.uploaded_at) == (device.household_id, one.sha256, None):
        images.change(known, created_at=unit_of_work.now)
        return known, []
    image_id = _named(unit_of_work.new_id() if known or key_hash is None else key_hash)
    episodes, now = MailboxEventRepository(unit_of_work), unit_of_work.now
    episode = episodes.unsettled(device.household_id, device.mailbox_id)
    following: list[Event] = []
    if episode:
        episode_id = episode.id
        episodes.change_episode(device.household_id, episode_id, image_count=(episode.image_count or 0) + 1)
    else:
        settle_at = now + given.settle_ms
        episode_id = episodes.add_episode(device, closed_at=now, settle_at=settle_at, image_count=1)
        following.append(Event("episode_closed", device.household_id, episode_id, settle_at))
    image = service.new_image(unit_of_work, device, image_id, one.sha256, len(one.content))
    images.add(image)
    images.change(image, announced_at=now, captured_at=now, err_ms=0, episode_id=episode_id)
    # Last: who waits for the household's bucket holds up nobody who has it.
    take_within(unit_of_work, [Bucket(upload_limit(given.most_a_day), device.household_id)])
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
    return image, [_remove(unit_of_work, image)]


def forget_object(ports: Ports, household_id: str, sha256: str) -> None:
    """Delete the object unless another image of the household has the same bytes; harmless when it is gone.

    A writing transaction, so that no row with these bytes is made between the look and the deletion. Raises
    RetryLaterError while such bytes may be on their way: their object may be here before its row says so.
    """
    with ports.database.write() as unit_of_work:
        images = ImageRepository(unit_of_work)
        if images.is_used(household_id, sha256):
            return
        if images.is_expected(household_id, sha256, unit_of_work.now - ports.limits.grant_ms - LONGEST_UPLOAD_MS):
            raise RetryLaterError(f"expected nobody to upload {sha256[:12]}… now, an upload of it may be under way")
        ports.image_store.delete(household_id, sha256)


def forget_abandoned(database: Database, put: Callable[[UnitOfWork, list[Event]], None]) -> None:
    """Delete the rows of uploads over HTTP that were cut off and did not come again, and what there is of objects."""
    while True:
        with database.write() as unit_of_work:
            before = unit_of_work.now - LONGEST_UPLOAD_MS
            abandoned = ImageRepository(unit_of_work).abandoned(PREFIX, before, FORGOTTEN_AT_ONCE)
            if not abandoned:
                return
            put(unit_of_work, [_remove(unit_of_work, image) for image in abandoned])


def _remove(unit_of_work: UnitOfWork, image: Image) -> Event:
    ImageRepository(unit_of_work).remove(image)
    episodes, household_id = MailboxEventRepository(unit_of_work), image.household_id
    episode = episodes.episode(household_id, image.episode_id) if image.episode_id else None
    if episode and (episode.image_count or 0) > 1:  # nobody waits for it; the last stays counted: something came
        episodes.change_episode(household_id, episode.id, image_count=(episode.image_count or 0) - 1)
    return Event("image_deleted", household_id, image.sha256)


def _named(unique: str) -> str:
    return PREFIX + unique[:NAME_LENGTH]
