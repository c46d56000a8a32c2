"""Use cases of images: grant an upload, take the upload, take the announcement, in whatever order they come."""

from dataclasses import asdict, replace
from typing import Any

from cloud import correlation
from cloud.devices.model import Device, Taken
from cloud.devices.service import render_desired
from cloud.errors import ConflictError, NotFoundError, RefusedError
from cloud.images.model import (
    CONTENT_TYPE,
    DUPLICATE,
    FAILED,
    STORED,
    WAITING,
    Announced,
    Image,
    inspect,
    read_announced,
)
from cloud.images.repository import ImageRepository
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.mailbox_events.service import request_next_capture
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event
from cloud.ports.image_store import ImageLimits, ImageStore, UploadTerms
from firmware.wire import topics


def take_upload_request(
    unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], store: ImageStore, limits: ImageLimits
) -> list[Downlink]:
    """Answer a gateway that wants to upload; raises RefusedError for an image that can never be taken."""
    images = ImageRepository(unit_of_work)
    image_id, sha256, size = message["image_id"], message["sha256"], message["bytes"]
    if size > limits.max_bytes:
        raise RefusedError(f"{image_id}: expected an image of at most {limits.max_bytes:,} bytes, got {size:,}")
    image = _own(images.named(device, image_id), device, sha256, size)
    if image is None:
        image = new_image(unit_of_work, device, image_id, sha256, size)
        images.add(image)
    elif image.state == WAITING:
        images.change(image, created_at=unit_of_work.now)
    if image.state == FAILED:
        return [_refused(device, image_id, image.reason or "refused")]
    if image.state != WAITING:
        return [_stored(device, image)]
    grant = store.grant(_terms(image, unit_of_work.now + limits.grant_ms))
    return [Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image_id, **asdict(grant)})]


def check_upload(unit_of_work: UnitOfWork, upload_id: str, expires_at: int, signature: str, store: ImageStore) -> Image:
    """Return the image that a signed URL is for.

    Raises SignatureError, ConflictError when it is stored already, RefusedError when it was refused before.
    """
    image = ImageRepository(unit_of_work).for_upload(upload_id)
    if image is None:
        raise NotFoundError("expected the URL of a granted upload, got an unknown one")
    store.check(_terms(image, expires_at), signature, unit_of_work.now)
    _refuse_failed(image)
    if image.uploaded_at is not None or image.state != WAITING:
        raise ConflictError("This image is stored already; its upload URL is used up.")
    return image


def keep_upload(image: Image, content: bytes, store: ImageStore, limits: ImageLimits) -> tuple[int, int]:
    """Inspect the uploaded bytes and keep them; returns width and height, raises RefusedError for bad content."""
    width, height = inspect(content, sha256=image.sha256, max_pixels=limits.max_pixels)
    store.put(image.household_id, image.sha256, content)
    return width, height


def record_upload(
    unit_of_work: UnitOfWork, image: Image, size: tuple[int, int], thing: str
) -> tuple[list[Event], list[Downlink]]:
    """Note that an image's bytes are kept; it is stored once it is announced too."""
    images = ImageRepository(unit_of_work)
    current = images.get(image.household_id, image.id)
    if current is None or current.uploaded_at is not None:
        return [], []
    _refuse_failed(current)
    images.change(image, uploaded_at=unit_of_work.now, width=size[0], height=size[1])
    current = replace(current, uploaded_at=unit_of_work.now)
    if current.announced_at is None:
        return [], []
    stored = Downlink(thing, topics.UPLOAD_GRANT, {"image_id": image.image_id, "stored": True})
    return _store(images, current), [stored]


def refuse_upload(unit_of_work: UnitOfWork, image: Image, reason: str) -> list[Event]:
    """End an image whose bytes can never be taken, so that its delivery does not wait for it.

    Returns no event when the image has ended, or was uploaded well, meanwhile.
    """
    images = ImageRepository(unit_of_work)
    current = images.get(image.household_id, image.id)
    if current is None or current.state != WAITING or current.uploaded_at is not None:
        return []
    images.change(image, state=FAILED, reason=reason[:500])
    return [Event("image_failed", image.household_id, image.id)]


def refusal(device: Device, image_id: str, reason: str) -> Taken:
    """Return the answer to a request that was refused, so that the gateway stops offering the image."""
    return Taken(downlinks=(_refused(device, image_id, reason),), faults=(reason,))


def take_images(
    unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], received_at: int, settle_ms: int
) -> Taken:
    """Store a gateway's announcement, once however often it comes, and let it photograph the next close.

    An image that cannot be taken is refused alone; the others of the message, and its delivery, go on.
    """
    announced = [read_announced(item, received_at) for item in message["images"]]
    episode_id, following, faults = _episode_of(unit_of_work, device, message, announced, settle_ms)
    downlinks: list[Downlink] = []
    for one in announced:
        try:
            image = _own(ImageRepository(unit_of_work).named(device, one.image_id), device, one.sha256, one.bytes)
        except RefusedError as error:
            faults.append(str(error))
            downlinks.append(_refused(device, one.image_id, str(error)))
            continue
        if image is None or image.announced_at is None:
            image = image or _add_announced(unit_of_work, device, one)
            following += _announce(unit_of_work, image, one, episode_id)
            faults += [f"{one.image_id}: {one.time_fault}"] if one.time_fault else []
        downlinks += _answer(device, image)
    if episode_id:
        following.append(Event("images_announced", device.household_id, episode_id))
    changed = request_next_capture(unit_of_work, device.household_id, device.mailbox_id)
    own = [] if any(link.thing == device.thing for link in changed) else render_desired(unit_of_work, device)
    return Taken(tuple(following), (*downlinks, *changed, *own), tuple(faults))


def new_image(unit_of_work: UnitOfWork, device: Device, image_id: str, sha256: str, size: int) -> Image:
    """Return an image that waits to be uploaded and announced."""
    return Image(
        id=unit_of_work.new_id(),
        household_id=device.household_id,
        device_id=device.id,
        image_id=image_id,
        episode_id=None,
        letter_id=None,
        sha256=sha256,
        bytes=size,
        width=None,
        height=None,
        captured_at=None,
        err_ms=None,
        uploaded_at=None,
        announced_at=None,
        state=WAITING,
        reason=None,
        created_at=unit_of_work.now,
        correlation_id=correlation.current(),
    )


def _answer(device: Device, image: Image) -> list[Downlink]:
    if image.uploaded_at is not None:
        return [_stored(device, image)]
    if image.state == FAILED:
        return [_refused(device, image.image_id, image.reason or "refused")]
    return []


def _announce(unit_of_work: UnitOfWork, image: Image, announced: Announced, episode_id: str | None) -> list[Event]:
    images, captured = ImageRepository(unit_of_work), {"captured_at": announced.captured_at, "err_ms": announced.err_ms}
    images.change(image, announced_at=unit_of_work.now, episode_id=episode_id, **captured)
    if image.uploaded_at is None:
        return []
    return _store(images, image)


def _store(images: ImageRepository, image: Image) -> list[Event]:
    # Offered by one message, announced by another: from here on it is one story.
    story = correlation.joined([image.correlation_id or "", correlation.current()])
    letter_id = images.letter_of(image.household_id, image.sha256)
    if letter_id:
        images.change(image, state=DUPLICATE, letter_id=letter_id)
        return [Event("image_known", image.household_id, image.id, correlation_id=story)]
    images.change(image, state=STORED)
    return [Event("image_stored", image.household_id, image.id, correlation_id=story)]


def _episode_of(
    unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], announced: list[Announced], settle_ms: int
) -> tuple[str | None, list[Event], list[str]]:
    """Return the episode that the announcement belongs to, its image count set, with what follows and what is wrong.

    A gateway with a trigger of its own announces with no board event: that is an episode of its own, found again
    through its images when the announcement is repeated. So is one for an event that nobody knows (any more).
    """
    episodes, images = MailboxEventRepository(unit_of_work), ImageRepository(unit_of_work)
    event_id, count = message.get("event_id"), max(message["count"], len(announced))
    episode = episodes.by_close_event(device.household_id, device.mailbox_id, event_id) if event_id else None
    if episode:
        if episode.image_count is None:
            episodes.change_episode(device.household_id, episode.id, image_count=count)
        return episode.id, [], []
    known = [images.named(device, one.image_id) for one in announced]
    earlier = next((one.episode_id for one in known if one and one.episode_id), None)
    if earlier:
        return earlier, [], []
    faults = [f"event_id: expected a close of this mailbox, got {event_id!r}"] if event_id else []
    if count == 0:
        return None, [], faults
    closed_at = min((one.captured_at for one in announced), default=unit_of_work.now)
    settle_at = unit_of_work.now + settle_ms
    episode_id = episodes.add_episode(device, closed_at=closed_at, settle_at=settle_at, image_count=count)
    return episode_id, [Event("episode_closed", device.household_id, episode_id, settle_at)], faults


def _refuse_failed(image: Image) -> None:
    if image.state == FAILED:
        raise RefusedError(image.reason or "expected another image, this one was refused")


def _own(image: Image | None, device: Device, sha256: str, size: int) -> Image | None:
    if image is None:
        return None
    if image.household_id != device.household_id:
        raise RefusedError(
            f"{image.image_id}: expected an image of this household, got one from before the device moved"
        )
    if (image.sha256, image.bytes) != (sha256, size):
        raise RefusedError(f"{image.image_id}: expected the bytes and SHA-256 asked for before, got others")
    return image


def _add_announced(unit_of_work: UnitOfWork, device: Device, announced: Announced) -> Image:
    image = new_image(unit_of_work, device, announced.image_id, announced.sha256, announced.bytes)
    ImageRepository(unit_of_work).add(image)
    return image


def _terms(image: Image, expires_at: int) -> UploadTerms:
    return UploadTerms(image.id, image.sha256, image.bytes, CONTENT_TYPE, expires_at)


def _refused(device: Device, image_id: str, reason: str) -> Downlink:
    return Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image_id, "refused": reason[:500]})


def _stored(device: Device, image: Image) -> Downlink:
    return Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image.image_id, "stored": True})
