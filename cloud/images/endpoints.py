"""HTTP of images: the signed uploads of gateways."""

import asyncio
import logging
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from cloud.devices.repository import DeviceRepository
from cloud.errors import NotFoundError, RefusedError, RetryLaterError, TooLargeError, UnsupportedTypeError
from cloud.images import service
from cloud.images.model import CONTENT_TYPE, Image
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Parked
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports

log = logging.getLogger(__name__)

Expires = Annotated[int, Query(description="Unix milliseconds, as granted")]

# A gateway's line may be slow, but a line that brings nothing for so long is dead.
STALL_S = 30.0
# Decoding takes memory; the others wait their turn with what they have sent.
CHECKED_AT_ONCE = 2


def build_router(ports: Ports, outlets: Outlets) -> APIRouter:
    """Return the routes of uploads."""
    router = APIRouter(tags=["uploads"])
    checking = asyncio.Semaphore(CHECKED_AT_ONCE)

    @router.put("/uploads/{upload_id}", status_code=201, summary="Upload one granted image")
    async def upload(upload_id: str, expires: Expires, signature: str, request: Request) -> Response:
        """Take exactly the image that the signed URL was granted for."""
        image = await run_in_threadpool(_check, ports, upload_id, expires, signature)
        try:
            _check_type(request.headers.get("content-type", ""))
            content = await _body(request, image.bytes)
            async with checking:
                size = await run_in_threadpool(service.keep_upload, image, content, ports.image_store, ports.limits)
        except RefusedError as error:
            await _refuse(ports, outlets, image, str(error))
            raise
        await _record(ports, outlets, image, size)
        log.info("image %s is uploaded", image.id, extra={"image_id": image.image_id})
        return Response(status_code=201)

    return router


def _check(ports: Ports, upload_id: str, expires_at: int, signature: str) -> Image:
    with ports.database.read() as unit_of_work:
        return service.check_upload(unit_of_work, upload_id, expires_at, signature, ports.image_store)


def _check_type(content_type: str) -> None:
    if content_type.split(";", maxsplit=1)[0].strip().lower() != CONTENT_TYPE:
        raise UnsupportedTypeError(f"expected Content-Type {CONTENT_TYPE}, got {content_type[:60]!r}")


async def _body(request: Request, size: int) -> bytes:
    """Return the whole body; stops reading at the first byte too many, or when nothing comes for long.

    A body that a broken connection cut may come again: that is no refusal.
    """
    content, chunks = bytearray(), request.stream()
    try:
        while chunk := await asyncio.wait_for(anext(chunks, b""), STALL_S):
            content += chunk
            if len(content) > size:
                raise TooLargeError(f"expected the {size:,} bytes asked for, got more")
    except (ClientDisconnect, TimeoutError) as error:
        raise RetryLaterError(f"expected {size:,} bytes, the connection stalled after {len(content):,}") from error
    if len(content) < size:
        raise RefusedError(f"expected the {size:,} bytes asked for, got {len(content):,}")
    return bytes(content)


async def _record(ports: Ports, outlets: Outlets, image: Image, size: tuple[int, int]) -> None:
    def record(unit_of_work: UnitOfWork) -> list[Downlink]:
        thing = _thing(unit_of_work, image)
        events, downlinks = service.record_upload(unit_of_work, image, size, thing)
        outlets.put(unit_of_work, events)
        return downlinks

    for downlink in await ports.writer.write(record):
        outlets.publish(downlink)


async def _refuse(ports: Ports, outlets: Outlets, image: Image, reason: str) -> None:
    def refuse(unit_of_work: UnitOfWork) -> None:
        events = service.refuse_upload(unit_of_work, image, reason)
        if events:
            outlets.park(unit_of_work, Parked("uploads", reason, image.household_id, image.image_id))
        outlets.put(unit_of_work, events)

    await ports.writer.write(refuse)


def _thing(unit_of_work: UnitOfWork, image: Image) -> str:
    device = DeviceRepository(unit_of_work).get(image.household_id, image.device_id)
    if device is None:
        raise NotFoundError("expected the gateway of this upload, found none")
    return device.thing
