"""The image interface's answers, in the seed's words."""

from typing import Literal, cast

from pydantic import BaseModel, Field

from cloud.api.answers import IsoTimeOrNone, Number, iso_or_none
from cloud.images.model import NumberedImage

ImageState = Literal["waiting", "stored", "read", "letter", "duplicate", "no_letter", "failed"]


class ImageMade(BaseModel):
    """An image that was taken."""

    id: Number
    image_url: str = Field(description="where its JPEG is, for who may see it")


class ImageAnswer(ImageMade):
    """An image; ``captured_at`` is ISO 8601 in UTC."""

    thumbnail_url: str = Field(description="where it is in small, `side` pixels at most")
    device_id: Number
    captured_at: IsoTimeOrNone
    width: int | None
    height: int | None
    state: ImageState = Field(description="`waiting`, `stored` and `read` go on, the others are final")
    reason: str | None = Field(description="why it failed, or is no letter")


def image_url(public_url: str, number: int) -> str:
    """Return where an image's JPEG is."""
    return f"{public_url.rstrip('/')}/mailbox/images/{number}/file"


def thumbnail_url(public_url: str, number: int) -> str:
    """Return where an image is in small."""
    return f"{public_url.rstrip('/')}/mailbox/images/{number}/thumbnail"


def image_answer(one: NumberedImage, device_number: int, public_url: str) -> ImageAnswer:
    """Return an image as it is answered."""
    return ImageAnswer(
        id=one.number,
        image_url=image_url(public_url, one.number),
        thumbnail_url=thumbnail_url(public_url, one.number),
        device_id=device_number,
        captured_at=iso_or_none(one.image.captured_at),
        width=one.image.width,
        height=one.image.height,
        state=cast("ImageState", one.image.state),
        reason=one.image.reason,
    )
