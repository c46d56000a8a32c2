"""An image on its way to a letter, and what is checked before it is taken."""

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image as PilImage

from cloud.errors import RefusedError, TooLargeError, UnsupportedTypeError
from cloud.images.scan import is_unfinished, with_more_data
from cloud.mailbox_events.model import corrected_time

CONTENT_TYPE = "image/jpeg"
# The slowest upload that is not cut off has ended so long after its grant: 32 MB at 500 bytes a second.
LONGEST_UPLOAD_MS = 24 * 3600 * 1000

# The states of an image. ``waiting`` until it is both uploaded and announced; the last four are final.
WAITING, STORED, READ, LETTER, DUPLICATE, FAILED = "waiting", "stored", "read", "letter", "duplicate", "failed"
# It was read, and its words make no letter: a blank page, the bottom of the mailbox. No fault of anybody.
NO_LETTER = "no_letter"
ENDED = (LETTER, DUPLICATE, NO_LETTER, FAILED)


@dataclass(frozen=True, slots=True)
class Image:
    """One image as its row is; ``correlation_id`` is that of the message or request that brought it.

    ``created_at`` is when its bytes were last asked for, as long as they are not here.
    """

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
    correlation_id: str | None = None


@dataclass(frozen=True, slots=True)
class NumberedImage:
    """An image with the number that the HTTP interface gives it."""

    number: int
    image: Image


@dataclass(frozen=True, slots=True)
class Announced:
    """One image of an ``images`` message, its time corrected; ``time_fault`` says what was wrong with it."""

    image_id: str
    sha256: str
    bytes: int
    captured_at: int
    err_ms: int
    time_fault: str


def read_announced(item: dict[str, Any], received_at: int) -> Announced:
    """Return one announced image; without a clock that can be right it was captured its age before it arrived."""
    captured_at, fault = corrected_time("captured_at", item.get("captured_at"), item.get("age_ms"), received_at)
    return Announced(item["image_id"], item["sha256"], item["bytes"], captured_at, item["err_ms"], fault)


def inspect(content: bytes, *, sha256: str, max_pixels: int) -> tuple[int, int]:
    """Return width and height of a JPEG after looking at all of it, in pixels.

    What decoding would cost is read from the headers before anything is decoded, so a decompression bomb costs
    nothing; the decoding itself runs at an eighth of the scale, which still reads every byte and so notices a cut.
    Where the data end before the last row, decoders put grey, which is told from grey that the image has.
    Raises UnsupportedTypeError, TooLargeError or RefusedError.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise RefusedError(f"expected an image with the announced SHA-256 {sha256[:12]}…, got other bytes")
    if not content.startswith(b"\xff\xd8\xff"):
        raise UnsupportedTypeError(f"expected a JPEG image, got {_sniffed(content)}")
    width, height = _affordable_size(content, max_pixels)
    if is_unfinished(content):
        raise RefusedError("expected a whole JPEG image, got a progressive one that ends before its last scans")
    with _decoding():
        shrunk = _shrunk(content, width, height)
        last = shrunk.getpixel((shrunk.width - 1, shrunk.height - 1))
        if (last == NO_DATA or shrunk.mode != "L") and shrunk != _shrunk(with_more_data(content), width, height):
            raise RefusedError(f"expected a whole JPEG image, got one whose data end before its {height:,} rows")
    return width, height


def preview(content: bytes, side: int, *, rotation: int = 0, quality: int = 72) -> bytes:
    """Return the image upright, at most ``side`` pixels long, as a JPEG with no metadata; raises RefusedError.

    ``rotation`` is how many degrees clockwise (0, 90, 180, 270) its text has to be turned beyond what EXIF says.
    At most ``MOST_DECODED`` pixels are decoded, so a larger image is shown smaller, whatever ``side`` is.
    """
    with _decoding():
        pixels: PilImage.Image = PilImage.open(io.BytesIO(content), formats=["JPEG"])
        turn = _UPRIGHT.get(_orientation(pixels))
        scale = decoding_scale(*pixels.size, side)
        pixels.draft("RGB", (max(pixels.width // scale, 1), max(pixels.height // scale, 1)))
        pixels.load()
    pixels.thumbnail((side, side))
    if pixels.mode != "RGB":  # to convert what is RGB would copy it
        pixels = pixels.convert("RGB")
    if turn is not None:
        pixels = pixels.transpose(turn)
    if rotation % 360:
        pixels = pixels.rotate(-rotation, expand=True)
    out = io.BytesIO()
    pixels.save(out, "JPEG", quality=quality, optimize=True)
    return out.getvalue()


# Four bytes each in memory, and as many again for the image turned.
MOST_DECODED = 16_000_000


def decoding_scale(width: int, height: int, side: int) -> int:
    """Return how many times smaller an image is to be decoded: 1, 2, 4 or 8, as libjpeg can.

    Not smaller than ``side``, unless it would be more than ``MOST_DECODED`` pixels.
    """
    longest = max(width, height)
    enough = (scale for scale in (1, 2, 4) if longest < 2 * scale * side)
    return next((scale for scale in enough if -(-width // scale) * -(-height // scale) <= MOST_DECODED), 8)


def orientation(content: bytes) -> int:
    """Return which side of a JPEG is up as EXIF says it, 1 to 8; 1 is as it lies; raises RefusedError."""
    with _decoding():
        value = _orientation(PilImage.open(io.BytesIO(content), formats=["JPEG"]))
    return value if value in _UPRIGHT else 1


# What libjpeg puts where data are missing: all coefficients zero, the middle of the scale (jdhuff.c, jdphuff.c).
NO_DATA = 128


def _shrunk(content: bytes, width: int, height: int) -> PilImage.Image:
    """Return the brightness of each 8 by 8 pixels."""
    pixels = PilImage.open(io.BytesIO(content), formats=["JPEG"])
    pixels.draft("L", (max(width // 8, 1), max(height // 8, 1)))
    pixels.load()
    return pixels


# What turns an image upright, by its EXIF orientation (EXIF 2.32, tag 0x0112).
_ORIENTATION_TAG = 0x0112
_UPRIGHT = {
    2: PilImage.Transpose.FLIP_LEFT_RIGHT,
    3: PilImage.Transpose.ROTATE_180,
    4: PilImage.Transpose.FLIP_TOP_BOTTOM,
    5: PilImage.Transpose.TRANSPOSE,
    6: PilImage.Transpose.ROTATE_270,
    7: PilImage.Transpose.TRANSVERSE,
    8: PilImage.Transpose.ROTATE_90,
}


def _orientation(pixels: PilImage.Image) -> int:
    try:
        return int(pixels.getexif().get(_ORIENTATION_TAG, 1))
    except (OSError, SyntaxError, TypeError, ValueError, LookupError, struct.error):
        return 1  # damaged metadata say nothing about the image


@contextmanager
def _decoding() -> Iterator[None]:
    try:
        yield
    except (OSError, SyntaxError, ValueError, LookupError, struct.error, PilImage.DecompressionBombError) as error:
        raise RefusedError(f"expected a whole JPEG image, got one that cannot be decoded: {error}") from error


def _affordable_size(content: bytes, max_pixels: int) -> tuple[int, int]:
    """Return width and height from the header; raises RefusedError when decoding would cost too much."""
    marker, width, height = _frame_header(content)
    if width * height > max_pixels:
        raise TooLargeError(f"expected at most {max_pixels:,} pixels, got {width:,} by {height:,}")
    scans = content.count(_SCAN)
    if scans > MOST_SCANS:
        raise TooLargeError(f"expected at most {MOST_SCANS} scans of the image, got {scans}")
    if marker not in _SEQUENTIAL and width * height > max_pixels // PROGRESSIVE_SHARE:
        most = max_pixels // PROGRESSIVE_SHARE
        raise TooLargeError(f"expected at most {most:,} pixels of a progressive JPEG, got {width:,} by {height:,}")
    return width, height


# A progressive image is held in memory whole, six bytes a pixel, and each scan goes through all of it.
PROGRESSIVE_SHARE = 4
MOST_SCANS = 50
_SCAN = b"\xff\xda"
_SEQUENTIAL = (0xC0, 0xC1)
_NO_FRAME = (0xC4, 0xC8, 0xCC)  # tables, reserved, arithmetic conditioning: within the range of the frame markers


def _frame_header(content: bytes) -> tuple[int, int, int]:
    """Return marker, width and height of a JPEG's first frame header (ITU-T T.81 section B.2)."""
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", content, place + 5)
            if width and height:
                return marker, width, height
            break
        if marker == 0xFF:  # a fill byte
            place += 1
        else:
            place += 2 + int.from_bytes(content[place + 2 : place + 4])
    raise RefusedError("expected a JPEG image, got one without its size in the header")


def _sniffed(content: bytes) -> str:
    for magic, name in ((b"\x89PNG", "a PNG image"), (b"GIF8", "a GIF image"), (b"%PDF", "a PDF"), (b"PK", "a ZIP")):
        if content.startswith(magic):
            return name
    return "text" if content[:200].isascii() and content else "something else"
