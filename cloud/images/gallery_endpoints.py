"""HTTP of images for people and small cameras: upload, list, show, delete."""

import contextlib
import hashlib
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response

from cloud.accounts.identity import EarlyGuard, Identity, address_of
from cloud.accounts.model import READ, WRITE, Member
from cloud.accounts.sharing.audit import Actor
from cloud.api.answers import LARGEST_ID, Made, NumberPath, NumberQuery, TaggedRoute, is_known, refusals
from cloud.api.early import guarded_before_its_body
from cloud.api.paging import Page, asked_page, tell_next
from cloud.api.ranges import file_answer
from cloud.devices.registration import find
from cloud.errors import NotFoundError, RefusedError, RetryLaterError, UnauthorizedError
from cloud.images import gallery, service
from cloud.images.endpoints import CHECKED_AT_ONCE
from cloud.images.gallery import Cleaned, Given
from cloud.images.model import CONTENT_TYPE, Image
from cloud.images.previews import Previews
from cloud.images.repository import ImageRepository
from cloud.images.schemas import ImageAnswer, ImageMade, ImageState, image_answer, image_url
from cloud.images.turns import Turns
from cloud.ports.database import UnitOfWork
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports
from cloud.repeats import idempotency
from cloud.repeats.idempotency import Asked, KeyHeader

Side = Annotated[int, Query(ge=16, le=2000, description="longest side in pixels")]
OptionalNumber = Annotated[int | None, Query(ge=1, le=LARGEST_ID)]
OptionalForm = Annotated[int | None, Form(ge=1, le=LARGEST_ID)]
NEWEST = Page(limit=1)
# What docs/openapi.json says of answers that are files.
JPEG: dict[int | str, dict[str, object]] = {200: {"content": {CONTENT_TYPE: {}}, "description": "the JPEG"}}
PART: dict[int | str, dict[str, object]] = {
    206: {"content": {CONTENT_TYPE: {}}, "description": "the part asked for by Range"},
    416: {"description": "a part beyond the end"},
}


@dataclass(frozen=True, slots=True)
class _Upload:
    """One request to upload an image, its file not read yet."""

    request: Request
    device_number: int
    file: UploadFile
    key: str | None


@dataclass(frozen=True, slots=True)
class _Uploads:
    """Takes uploaded images: their row first, then their object, then their way through the pipeline."""

    ports: Ports
    outlets: Outlets
    turns: Turns

    async def take(self, caller: Member, upload: _Upload) -> dict[str, object]:
        """Keep the image once and return what is answered; until its turn comes it waits on the disk."""
        async with self.turns.taken(caller.household_id):
            content = await upload.file.read(self.ports.limits.max_bytes + 1)
            asked, one = await run_in_threadpool(self._looked_at, caller, upload, content)
            return await self._keep(caller, asked, upload.device_number, one)

    def _looked_at(self, caller: Member, upload: _Upload, content: bytes) -> tuple[Asked, Cleaned]:
        body = f"{upload.device_number} {hashlib.sha256(content).hexdigest()}"
        asked = idempotency.asked(caller.household_id, upload.key, upload.request, body)
        return asked, gallery.cleaned(content, self.ports.limits)

    async def _keep(self, caller: Member, asked: Asked, device_number: int, one: Cleaned) -> dict[str, object]:
        given = Given(self.ports.most_images, self.ports.settle_ms)

        def expect(unit_of_work: UnitOfWork) -> dict[str, object] | Image:
            known = idempotency.recalled(unit_of_work, asked)
            if known is not None:
                return known
            device = find(unit_of_work, caller.household_id, device_number).device
            image, following = gallery.expect(unit_of_work, device, one, given, asked.key_hash)
            self.outlets.put(unit_of_work, following)
            return image

        expected = await self.ports.writer.write(expect)
        if not isinstance(expected, Image):
            return expected
        await run_in_threadpool(self.ports.image_store.put, caller.household_id, one.sha256, one.content)
        return await self.ports.writer.write(
            lambda unit: idempotency.once(unit, asked, lambda: self._record(unit, expected, one))
        )

    def _record(self, unit_of_work: UnitOfWork, image: Image, one: Cleaned) -> dict[str, object]:
        events, _ = service.record_upload(unit_of_work, image, (one.width, one.height), thing="")
        self.outlets.put(unit_of_work, events)
        number = ImageRepository(unit_of_work).number_of(image)
        return {"id": number, "image_url": image_url(self.ports.public_url, number)}


def build_router(ports: Ports, outlets: Outlets, previews: Previews, identity: Identity) -> APIRouter:
    """Return the routes of images."""
    router = APIRouter(tags=["images"], route_class=TaggedRoute)
    _add_upload(router, _Uploads(ports, outlets, Turns(CHECKED_AT_ONCE)), identity.require_early(WRITE))
    _add_list(router, ports, identity)
    _add_files(router, ports, identity)
    _add_thumbnails(router, ports, previews, identity)
    _add_deletion(router, ports, outlets, identity)
    return router


def _add_upload(router: APIRouter, uploads: _Uploads, guard: EarlyGuard) -> None:
    async def upload_image(
        file: UploadFile,
        caller: Annotated[Member, Depends(guard)],
        request: Request,
        device_id: OptionalForm = None,
        device: Annotated[OptionalNumber, Query(alias="device_id", description="in place of the field")] = None,
        idempotency_key: KeyHeader = None,
    ) -> ImageMade:
        """Upload a JPEG of a device's mailbox; it is kept without metadata and read like a gateway's."""
        number = device_id or device
        if number is None:
            raise RefusedError("device_id: expected the id of a device, got none", field="body.device_id")
        answered = await uploads.take(caller, _Upload(request, number, file, idempotency_key))
        return ImageMade.model_validate(answered)

    router.add_api_route(
        "/mailbox/images",
        upload_image,
        methods=["POST"],
        route_class_override=guarded_before_its_body(guard),
        responses=refusals(404, 409, 413, 415),
    )


def _add_list(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get("/mailbox/images", responses=refusals(404))
    def list_images(
        device_id: NumberQuery,
        caller: Annotated[Member, Depends(identity.require(READ))],
        page: Annotated[Page, Depends(asked_page)],
        request: Request,
        response: Response,
        state: ImageState | None = None,
    ) -> list[ImageAnswer]:
        """List a device's images, newest first: in every state unless one is asked for."""
        with ports.database.read() as unit_of_work:
            device = find(unit_of_work, caller.household_id, device_id).device
            found = ImageRepository(unit_of_work).listed(caller.household_id, device.id, page, state)
        tell_next(request, response, page, len(found), (0, found[-1].number) if found else None)
        return [image_answer(one, device_id, ports.public_url) for one in found]


def _add_files(router: APIRouter, ports: Ports, identity: Identity) -> None:
    @router.get(
        "/mailbox/images/latest",
        response_class=Response,
        responses=refusals(404) | JPEG | PART,
    )
    def show_latest(
        device_id: NumberQuery, caller: Annotated[Member, Depends(identity.require(READ))], request: Request
    ) -> Response:
        """Return the newest image of a device."""
        with ports.database.read() as unit_of_work:
            device = find(unit_of_work, caller.household_id, device_id).device
            found = ImageRepository(unit_of_work).listed(caller.household_id, device.id, NEWEST)
        if not found:
            raise NotFoundError(f"expected an image of the device {device_id}, it has none yet")
        return _file(ports, request, found[0].image)

    @router.get(
        "/mailbox/images/{image_id}/file",
        response_class=Response,
        responses=refusals(404) | JPEG | PART,
    )
    def show_image(
        image_id: NumberPath, caller: Annotated[Member, Depends(identity.require(READ))], request: Request
    ) -> Response:
        """Return an image, or a part of its bytes."""
        return _file(ports, request, _image(ports, caller.household_id, image_id))


def _add_thumbnails(router: APIRouter, ports: Ports, previews: Previews, identity: Identity) -> None:
    @router.get(
        "/mailbox/images/{image_id}/thumbnail",
        response_class=Response,
        responses=refusals(404) | JPEG | PART,
    )
    async def show_thumbnail(
        image_id: NumberPath,
        caller: Annotated[Member, Depends(identity.require(READ))],
        request: Request,
        side: Side = 360,
    ) -> Response:
        """Return an image in small."""
        image = await run_in_threadpool(_image, ports, caller.household_id, image_id)
        etag = f'"{image.sha256[:32]}-{side}"'
        content = b"" if is_known(request, etag) else await previews.make(image, side)
        return file_answer(request, content, CONTENT_TYPE, etag)


def _add_deletion(router: APIRouter, ports: Ports, outlets: Outlets, identity: Identity) -> None:
    @router.delete("/mailbox/images/{image_id}", responses=refusals(404))
    async def delete_image(
        image_id: NumberPath, caller: Annotated[Member, Depends(identity.require(WRITE))], request: Request
    ) -> Made:
        """Delete an image and its object; the letter that was read from it stays."""
        by = Actor(caller, address_of(request))

        def work(unit_of_work: UnitOfWork) -> Image:
            image, following = gallery.remove(unit_of_work, caller.household_id, image_id)
            by.note(unit_of_work, "image deleted", str(image_id))
            outlets.put(unit_of_work, following)
            return image

        image = await ports.writer.write(work)
        with contextlib.suppress(RetryLaterError, UnauthorizedError):  # its job does it later
            await run_in_threadpool(gallery.forget_object, ports, caller.household_id, image.sha256)
        return Made(id=image_id)


def _image(ports: Ports, household_id: str, number: int) -> Image:
    with ports.database.read() as unit_of_work:
        return gallery.of_number(unit_of_work, household_id, number).image


def _file(ports: Ports, request: Request, image: Image) -> Response:
    content = ports.image_store.read(image.household_id, image.sha256)
    return file_answer(request, content, CONTENT_TYPE, f'"{image.sha256[:32]}"')
