"""An image on its way to a letter, and what is checked before it is taken."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

from PIL import Image as Picture

from cloud.errors import RefusedError, TooLargeError, UnsupportedTypeError

CONTENT_TYPE = "image/jpeg"

# The states of an image. ``waiting`` until it is both uploaded and announced; the last three are final.
WAITING, STORED, READ, LETTER, DUPLICATE, FAILED = "waiting", "stored", "read", "letter", "duplicate", "failed"
ENDED = (LETTER, DUPLICATE, FAILED)


@dataclass(frozen=True, slots=True)
class Image:
    """One image as its row is."""

    id: str
    household_id: str
    device_id: str
    image_id: str
    episode_id: str | None
    letter_id: str | None
    sha256: str
    bytes: int
    width: int | None
    height: int | None
    captured_at: int | None
    err_ms: int | None
    uploaded_at: int | None
    announced_at: int | None
    state: str
    reason: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class Announced:
    """One image of an ``images`` message, its time corrected."""

    image_id: str
    sha256: str
    bytes: int
    captured_at: int
    err_ms: int


def read_announced(item: dict[str, Any], received_at: int) -> Announced:
    """Return one announced image; without a clock it was captured its age before it arrived."""
    captured_at = item.get("captured_at")
    if captured_at is None or captured_at > received_at:
        captured_at = received_at - item.get("age_ms", 0)
    return Announced(item["image_id"], item["sha256"], item["bytes"], captured_at, item["err_ms"])


def inspect(content: bytes, *, sha256: str, max_pixels: int) -> tuple[int, int]:
    """Return width and height of a JPEG after looking at all of it, in pixels.

    The size is read from the header before anything is decoded, so a decompression bomb costs nothing;
    the decoding itself runs at an eighth of the scale, which still reads every byte and so notices a cut.
    Raises UnsupportedTypeError, TooLargeError or RefusedError.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RefusedError(f"expected an image with the announced SHA-256 {sha256[:12]}…, got other bytes")
    if not content.startswith(b"\xff\xd8\xff"):
        raise UnsupportedTypeError(f"expected a JPEG image, got {_sniffed(content)}")
    try:
        picture = Picture.open(io.BytesIO(content), formats=["JPEG"])
        width, height = picture.size
        if width * height > max_pixels:
            raise TooLargeError(f"expected at most {max_pixels:,} pixels, got {width:,} by {height:,}")
        picture.draft("L", (width // 8, height // 8))
        picture.load()
    except (OSError, SyntaxError, Picture.DecompressionBombError) as error:
        raise RefusedError(f"expected a whole JPEG image, got one that cannot be decoded: {error}") from error
    return width, height


def preview(content: bytes, side: int, *, rotation: int = 0, quality: int = 72) -> bytes:
    """Return the image upright, at most ``side`` pixels long, as a JPEG with no metadata.

    ``rotation`` is how many degrees clockwise (0, 90, 180, 270) its text has to be turned beyond what EXIF says.
    """
    picture: Picture.Image = Picture.open(io.BytesIO(content), formats=["JPEG"])
    picture.draft("RGB", (side, side))
    picture = _upright(picture).convert("RGB")
    picture.thumbnail((side, side))
    if rotation % 360:
        picture = picture.rotate(-rotation, expand=True)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


def _upright(picture: Picture.Image) -> Picture.Image:
    from PIL import ImageOps  # noqa: PLC0415 - ImageOps costs memory that an idle server need not spend

    return ImageOps.exif_transpose(picture)


def _sniffed(content: bytes) -> str:
    for magic, name in ((b"\x89PNG", "a PNG image"), (b"GIF8", "a GIF image"), (b"%PDF", "a PDF"), (b"PK", "a ZIP")):
        if content.startswith(magic):
            return name
    return "text" if content[:200].isascii() and content else "something else"
