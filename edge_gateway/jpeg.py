"""Turn a frame into the JPEG that travels: upright, without metadata, within the limits of the wire."""

import io
import math
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from edge_gateway.errors import FrameRefusedError
from edge_gateway.jpeg_segments import SegmentError, strip_metadata
from firmware.wire.messages import MAX_IMAGE_BYTES

FORMATS = ("JPEG", "PNG")
MAX_FILE_BYTES = 128 * 1024 * 1024
MAX_PIXELS = 60_000_000
SENT_PIXELS = 12_000_000
SENT_SIDE = 16_000
SCORED_SIZE = (1200, 900)  # about 1 MP: fine enough for print, coarse enough to average the sensor's noise away
QUALITY = 92  # 12 MP of pure noise give 12 MB, so whatever is encoded here fits the wire
ORIENTATION_TAG = 0x0112
UPRIGHT = 1
TURNS = {  # EXIF orientation -> what makes it upright (CIPA DC-008, "Orientation")
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Everything that Pillow's readers were seen to raise on damaged files.
DAMAGE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    Image.DecompressionBombError,
)


@dataclass(frozen=True, slots=True)
class WireImage:
    """A JPEG as it travels, with its size in pixels."""

    jpeg: bytes
    width: int
    height: int


def read_grey(path: Path) -> Image.Image:
    """Return the whole frame in grey at about 1 MP; raises FrameRefusedError when it is not a complete image.

    A JPEG is decoded at 1/2 to 1/8 of its size, which still reads every compressed byte and so finds a truncated file.
    """
    with _opened(path) as image:
        size = _scored_size(image)
        image.draft("L", size)
        return _flat(_shrunk(image, size, Image.Resampling.BOX)).convert("L")


def read_for_wire(path: Path) -> WireImage:
    """Return the frame as it travels, its pixels untouched where that is possible; raises FrameRefusedError."""
    with _opened(path) as image:
        return _untouched(image, path) or _encoded(image)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of what is judged here by our own limits
            _check_file_size(path)
            with Image.open(path, formats=FORMATS) as image:
                _check_pixels(image)
                yield image
    except UnidentifiedImageError:
        name = os.fsencode(path.name).decode(errors="replace")
        raise FrameRefusedError(f"expected a complete JPEG or PNG, got something else in {name}") from None
    except Image.DecompressionBombError:
        raise FrameRefusedError(f"expected at most {MAX_PIXELS} pixels, got many more") from None
    except DAMAGE as error:
        raise FrameRefusedError(f"expected a complete JPEG or PNG, got: {_without_path(error, path)}") from error


def _check_file_size(path: Path) -> None:
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise FrameRefusedError(f"expected at most {MAX_FILE_BYTES} bytes, got {size}")


def _check_pixels(image: Image.Image) -> None:
    """Refuse by the header alone what would need too much memory to decode."""
    if image.width * image.height > MAX_PIXELS:
        raise FrameRefusedError(f"expected at most {MAX_PIXELS} pixels, got {image.width} x {image.height}")


def _without_path(error: BaseException, path: Path) -> str:
    text = f"{type(error).__name__}: {error}".replace(str(path), path.name)[:300]
    return text.encode("utf-8", "backslashreplace").decode()  # file names may hold bytes that are no text


def _scored_size(image: Image.Image) -> tuple[int, int]:
    return SCORED_SIZE if image.width >= image.height else (SCORED_SIZE[1], SCORED_SIZE[0])


def _untouched(image: Image.Image, path: Path) -> WireImage | None:
    """Return the file's own compressed data without its metadata, or None when the pixels must change."""
    if image.format == "PNG" or image.mode not in ("L", "RGB") or _orientation(image) != UPRIGHT:
        return None
    if _sent_size(image.width, image.height) != image.size:
        return None
    try:
        jpeg = strip_metadata(path.read_bytes())
    except SegmentError:
        return None  # an odd file that Pillow can read: encode it anew
    return WireImage(jpeg, image.width, image.height) if len(jpeg) <= MAX_IMAGE_BYTES else None


def _orientation(image: Image.Image) -> int:
    return int(image.getexif().get(ORIENTATION_TAG) or UPRIGHT)


def _sent_size(width: int, height: int) -> tuple[int, int]:
    factor = min(1.0, math.sqrt(SENT_PIXELS / (width * height)), SENT_SIDE / max(width, height))
    return max(1, int(width * factor)), max(1, int(height * factor))


def _encoded(image: Image.Image) -> WireImage:
    size, orientation = _sent_size(image.width, image.height), _orientation(image)
    image.draft("RGB", size)
    flat = _flat(_shrunk(image, size, Image.Resampling.LANCZOS))
    turn = TURNS.get(orientation)
    upright = flat if turn is None else flat.transpose(turn)
    return WireImage(_saved(upright), upright.width, upright.height)


def _saved(image: Image.Image) -> bytes:
    image.info.clear()  # Pillow would write comment, EXIF and profile of the source again
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _shrunk(image: Image.Image, size: tuple[int, int], way: Image.Resampling) -> Image.Image:
    """Return the image at ``size``; a palette has no colours in between, so it is resolved first."""
    if image.mode in ("P", "PA", "1"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image if image.size == size else image.resize(size, way)


def _flat(image: Image.Image) -> Image.Image:
    """Return the image in 8-bit grey or colour, as it looks on white paper."""
    if image.mode.startswith("I"):  # 16-bit grey: Pillow's own conversion would cut off everything above 255
        return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image if image.mode == "L" else image.convert("RGB")
