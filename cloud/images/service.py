"""Use cases of images: grant an upload, take the upload, take the announcement, in whatever order they come."""

from dataclasses import asdict, replace
from typing import Any

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
    image = _own(images.by_image_id(image_id), device, sha256, size)
    if image is None:
        image = _new_image(unit_of_work, device, image_id, sha256, size)
        images.add(image)
    if image.state == FAILED:
        return [
            Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image_id, "refused": image.reason or "refused"})
        ]
    if image.state != WAITING:
        return [_stored(device, image)]
    grant = store.grant(_terms(image, unit_of_work.now + limits.grant_ms))
    return [Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image_id, **asdict(grant)})]


def check_upload(unit_of_work: UnitOfWork, upload_id: str, expires_at: int, signature: str, store: ImageStore) -> Image:
    """Return the image that a signed URL is for; raises SignatureError, or ConflictError when it is stored already."""
    image = ImageRepository(unit_of_work).for_upload(upload_id)
    if image is None:
        raise NotFoundError("expected the URL of a granted upload, got an unknown one")
    store.check(_terms(image, expires_at), signature, unit_of_work.now)
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
    images.change(image, uploaded_at=unit_of_work.now, width=size[0], height=size[1])
    current = replace(current, uploaded_at=unit_of_work.now)
    if current.announced_at is None:
        return [], []
    stored = Downlink(thing, topics.UPLOAD_GRANT, {"image_id": image.image_id, "stored": True})
    return _store(images, current), [stored]


def refuse_upload(unit_of_work: UnitOfWork, image: Image, reason: str) -> list[Event]:
    """End an image whose bytes can never be taken, so that its delivery does not wait for it."""
    ImageRepository(unit_of_work).change(image, state=FAILED, reason=reason[:500])
    return [Event("image_failed", image.household_id, image.id)]


def refusals(device: Device, message: dict[str, Any], reason: str) -> Taken:
    """Return the answer to a message that was refused: each image by name, so that the gateway stops offering it."""
    named = [message["image_id"]] if "image_id" in message else [item["image_id"] for item in message["images"]]
    refused = [{"image_id": image_id, "refused": reason[:500]} for image_id in named]
    downlinks = tuple(Downlink(device.thing, topics.UPLOAD_GRANT, one) for one in refused)
    return Taken(downlinks=downlinks, faults=(reason,))


def take_images(unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], received_at: int) -> Taken:
    """Store a gateway's announcement, once however often it comes, and let it photograph the next close."""
    images = ImageRepository(unit_of_work)
    announced = [read_announced(item, received_at) for item in message["images"]]
    if len(announced) > message["count"]:
        raise RefusedError(f"expected at most count = {message['count']} images, got {len(announced)}")
    known = [_own(images.by_image_id(one.image_id), device, one.sha256, one.bytes) for one in announced]
    episode_id = _episode_of(unit_of_work, device, message, known)
    following: list[Event] = []
    downlinks: list[Downlink] = []
    for one, image in zip(announced, known, strict=True):
        current = image or _add_announced(unit_of_work, device, one)
        following += _announce(images, current, one, episode_id, unit_of_work.now)
        if current.uploaded_at is not None:
            downlinks.append(_stored(device, current))
    if episode_id:
        following.append(Event("images_announced", device.household_id, episode_id))
    request_next_capture(unit_of_work, device.household_id, device.mailbox_id)
    return Taken(tuple(following), (*downlinks, *render_desired(unit_of_work, device)))


def _announce(
    images: ImageRepository, image: Image, announced: Announced, episode_id: str | None, now: int
) -> list[Event]:
    if image.announced_at is not None:
        return []
    images.change(
        image, announced_at=now, captured_at=announced.captured_at, err_ms=announced.err_ms, episode_id=episode_id
    )
    if image.uploaded_at is None:
        return []
    return _store(images, image)


def _store(images: ImageRepository, image: Image) -> list[Event]:
    letter_id = images.letter_of(image.household_id, image.sha256)
    if letter_id:
        images.change(image, state=DUPLICATE, letter_id=letter_id)
        return [Event("image_known", image.household_id, image.id)]
    images.change(image, state=STORED)
    return [Event("image_stored", image.household_id, image.id)]


def _episode_of(
    unit_of_work: UnitOfWork, device: Device, message: dict[str, Any], known: list[Image | None]
) -> str | None:
    """Return the episode that the announcement belongs to, its image count set.

    A gateway with a trigger of its own announces with no board event: that is an episode of its own,
    found again through its images when the announcement is repeated.
    """
    episodes = MailboxEventRepository(unit_of_work)
    event_id, count = message.get("event_id"), message["count"]
    if event_id is not None:
        episode = episodes.by_close_event(device.household_id, device.mailbox_id, event_id)
        if episode is None:
            raise RefusedError(f"event_id: expected a close of this mailbox, got {event_id!r}")
        if episode.image_count is None:
            episodes.set_image_count(device.household_id, episode.id, count)
        return episode.id
    earlier = next((image.episode_id for image in known if image and image.episode_id), None)
    if earlier or count == 0:
        return earlier
    episode_id = episodes.gateway_episode(device, unit_of_work.now)
    episodes.set_image_count(device.household_id, episode_id, count)
    return episode_id


def _own(image: Image | None, device: Device, sha256: str, size: int) -> Image | None:
    if image is None:
        return None
    if image.device_id != device.id:
        raise RefusedError(f"image_id: expected one of this device's own, got {image.image_id!r} of another device")
    if (image.sha256, image.bytes) != (sha256, size):
        raise RefusedError(f"{image.image_id}: expected the bytes and SHA-256 asked for before, got others")
    return image


def _new_image(unit_of_work: UnitOfWork, device: Device, image_id: str, sha256: str, size: int) -> Image:
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
    )


def _add_announced(unit_of_work: UnitOfWork, device: Device, announced: Announced) -> Image:
    image = _new_image(unit_of_work, device, announced.image_id, announced.sha256, announced.bytes)
    ImageRepository(unit_of_work).add(image)
    return image


def _terms(image: Image, expires_at: int) -> UploadTerms:
    return UploadTerms(image.id, image.sha256, image.bytes, CONTENT_TYPE, expires_at)


def _stored(device: Device, image: Image) -> Downlink:
    return Downlink(device.thing, topics.UPLOAD_GRANT, {"image_id": image.image_id, "stored": True})
