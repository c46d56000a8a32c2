"""Images for members of the household: small, for a page, or large."""

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool

from cloud.accounts.model import Member
from cloud.images.model import CONTENT_TYPE, Image
from cloud.images.previews import Previews
from cloud.images.repository import ImageRepository
from cloud.ocr.repository import OcrRepository
from cloud.web.pages.headers import PageRoute, is_unchanged
from cloud.web.pages.site import Site, not_found


class Size(StrEnum):
    """How large an image is asked for."""

    THUMB = "thumb"
    PAGE = "page"
    FULL = "full"


# The longest side in pixels and the JPEG quality; a full image of up to 16 megapixels keeps its own size.
RENDERED = {Size.THUMB: (360, 70), Size.PAGE: (1600, 78), Size.FULL: (20_000, 90)}


def build_router(site: Site, previews: Previews) -> APIRouter:
    """Return the route of images."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/images/{image_id}.jpg")
    async def show(
        image_id: str, request: Request, member: Annotated[Member, Depends(site.member)], size: Size = Size.PAGE
    ) -> Response:
        """Send an image with its text upright."""
        image, rotation = await run_in_threadpool(_found, site, member, image_id)
        etag = f'"{image.sha256[:32]}-{size}-{rotation}"'
        # Asked for again every time, so that nothing is shown after logging out; unchanged costs a few bytes.
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if is_unchanged(request, etag):
            return Response(status_code=304, headers=headers)
        side, quality = RENDERED[size]
        content = await previews.make(image, side, rotation=rotation, quality=quality)
        return Response(content, media_type=CONTENT_TYPE, headers=headers)

    return router


def _found(site: Site, member: Member, image_id: str) -> tuple[Image, int]:
    """Return an image, and how far it is to be turned; raises PageError 404."""
    with site.ports.database.read() as unit_of_work:
        image = ImageRepository(unit_of_work).get(member.household_id, image_id)
        turned = OcrRepository(unit_of_work).rotations(member.household_id, [image_id])
    if image is None or image.uploaded_at is None:
        raise not_found("image")
    return image, turned.get(image_id, 0)
