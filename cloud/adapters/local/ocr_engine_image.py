"""Images for the OCR engine: safe decoding, quarter turns, cut-outs of tilted lines, the outline of the sheet."""

import io
import math

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from cloud.errors import RefusedError, TooLargeError, UnsupportedTypeError

Pixels = NDArray[np.uint8]
Quad = NDArray[np.float32]  # four corners, clockwise from top left

# Under the size at which Pillow itself starts to warn.
MAX_PIXELS = 80_000_000
FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP")
# More pixels than this along a side add seconds, not letters: 12-point type is then 60 pixels tall on A4.
LONGEST_SIDE = 4000
# The sheet must fill this much of the photograph, and leave this much of it, to be worth cutting out.
MIN_SHEET_SHARE = 0.15
MAX_SHEET_SHARE = 0.92
OUTLINE_SIDE = 640
# Room around the sheet, and around the lines where no sheet was found: a glance may miss the small print.
OUTLINE_MARGIN, TEXT_MARGIN = 0.01, 0.12
# get_rotate_crop_image of PaddleOCR turns a cut-out that is this much taller than wide: its text runs downwards.
UPENDED = 1.5


def decode(image: bytes) -> Pixels:
    """Return the pixels (BGR, upright by EXIF); raises a RefusedError for what is no image or too large to open."""
    try:
        with Image.open(io.BytesIO(image), formats=FORMATS) as opened:
            _refuse_giants(opened)
            opened.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG is shrunk while it is decoded
            upright = ImageOps.exif_transpose(opened)
            upright.thumbnail((LONGEST_SIDE, LONGEST_SIDE), reducing_gap=2.0)
            return np.ascontiguousarray(np.asarray(_on_white(upright))[:, :, ::-1])
    except UnidentifiedImageError as error:
        raise UnsupportedTypeError(f"expected a photograph ({', '.join(FORMATS)}), got {len(image)} bytes") from error
    except Image.DecompressionBombError as error:
        raise TooLargeError(f"expected at most {MAX_PIXELS // 1_000_000} megapixels: {error}") from error
    except (OSError, ValueError, SyntaxError) as error:
        raise RefusedError(f"expected a whole image, got a damaged one: {error}") from error


def turned(pixels: Pixels, quarter_turns: int) -> Pixels:
    """Return the image turned clockwise by ``quarter_turns`` times 90 degrees."""
    return np.ascontiguousarray(np.rot90(pixels, -quarter_turns))


def turned_quads(quads: NDArray[np.float32], quarter_turns: int, width: int, height: int) -> NDArray[np.float32]:
    """Return corners on an image of ``width`` x ``height`` as they lie after the image is turned clockwise."""
    for _ in range(quarter_turns % 4):
        quads = np.stack([height - quads[..., 1], quads[..., 0]], axis=-1)
        width, height = height, width
    return np.array([_clockwise(quad) for quad in quads], dtype=np.float32).reshape(-1, 4, 2)


def scaled(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Return the image at the size of a 4:3 photograph whose longer side is ``side``, and the scale used.

    It is the area that costs time and memory, so a long strip keeps its letters; nothing is enlarged more than twice.
    """
    height, width = pixels.shape[:2]
    scale = min(side * math.sqrt(0.75 / (height * width)), LONGEST_SIDE / max(height, width), 2.0)
    if math.isclose(scale, 1.0, rel_tol=0.01):
        return pixels, 1.0
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(pixels, size, interpolation=method).astype(np.uint8, copy=False), scale


def cut_out(pixels: Pixels, quad: Quad) -> Pixels:
    """Return the line inside ``quad``, levelled; one that runs down the side of a page is turned anticlockwise."""
    width, height = _extent(quad)
    transform = cv2.getPerspectiveTransform(quad.astype(np.float32), _rectangle(width, height))
    line = cv2.warpPerspective(
        pixels, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    if height >= UPENDED * width:
        line = np.rot90(line)
    return np.ascontiguousarray(line, dtype=np.uint8)


def direction(quad: Quad) -> tuple[float, float]:
    """Return the step (across, down) along the longer side of a line's box."""
    first, second = quad[1] - quad[0], quad[3] - quad[0]
    longer = first if np.linalg.norm(first) >= np.linalg.norm(second) else second
    return float(longer[0]), float(longer[1])


def aspect(quad: Quad) -> float:
    """Return how many times longer than high a line is."""
    width, height = _extent(quad)
    return width / height


def region_of(quads: NDArray[np.float32], pixels: Pixels) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of what holds all the lines and the sheet, the whole image without either."""
    height, width = pixels.shape[:2]
    outline = sheet_outline(pixels)
    corners = [quads.reshape(-1, 2)] + ([outline] if outline is not None else [])
    points = np.concatenate(corners)
    if not len(points):
        return 0, 0, width, height
    first, last = points.min(axis=0), points.max(axis=0)
    margin = (last - first) * (OUTLINE_MARGIN if outline is not None else TEXT_MARGIN)
    (left, top), (right, bottom) = np.floor(first - margin), np.ceil(last + margin)
    return max(int(left), 0), max(int(top), 0), min(int(right), width), min(int(bottom), height)


def sheet_outline(pixels: Pixels) -> Quad | None:
    """Return the corners of the sheet of paper in a photograph, None when no sheet stands out from its background."""
    small, scale = scaled(pixels, OUTLINE_SIDE)
    grey = cv2.GaussianBlur(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), (7, 7), 0)
    _, bright = cv2.threshold(grey, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    closed = cv2.morphologyEx(bright, cv2.MORPH_CLOSE, np.ones((15, 15), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if not contours:
        return None
    hull = cv2.convexHull(max(contours, key=cv2.contourArea))
    corners = cv2.approxPolyDP(hull, 0.03 * cv2.arcLength(hull, closed=True), closed=True)
    share = cv2.contourArea(corners) / (small.shape[0] * small.shape[1])
    if len(corners) != 4 or not MIN_SHEET_SHARE <= share <= MAX_SHEET_SHARE:
        return None
    return _clockwise(corners.reshape(4, 2).astype(np.float32)) / np.float32(scale)


def flattened(pixels: Pixels, outline: Quad) -> tuple[Pixels, NDArray[np.float64]]:
    """Return the sheet inside ``outline`` as if seen from above, and the transform from it back to ``pixels``."""
    width, height = _extent(outline)
    there = cv2.getPerspectiveTransform(outline, _rectangle(width, height))
    sheet = cv2.warpPerspective(pixels, there, (width, height), flags=cv2.INTER_CUBIC)
    return np.asarray(sheet, dtype=np.uint8), np.asarray(np.linalg.inv(there), dtype=np.float64)


def moved(quads: NDArray[np.float32], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the corners after a perspective ``transform``."""
    if not len(quads):
        return quads
    points = cv2.perspectiveTransform(quads.reshape(-1, 1, 2).astype(np.float64), transform)
    return np.asarray(points, dtype=np.float32).reshape(-1, 4, 2)


def _extent(quad: Quad) -> tuple[int, int]:
    """Width and height of the rectangle that a quad is seen as, at least one pixel each."""
    top, right, bottom, left = (float(np.linalg.norm(quad[i] - quad[(i + 1) % 4])) for i in range(4))
    return max(int(max(top, bottom)), 1), max(int(max(left, right)), 1)


def _rectangle(width: int, height: int) -> Quad:
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float32)


def _refuse_giants(opened: Image.Image) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        limit = MAX_PIXELS // 1_000_000
        raise TooLargeError(f"expected at most {limit} megapixels, got {opened.width} x {opened.height}")


def _on_white(image: Image.Image) -> Image.Image:
    """Paper is white: what is transparent in a PNG must not turn black behind black letters."""
    if not image.has_transparency_data:
        return image.convert("RGB")
    colours = image.convert("RGBA")
    paper = Image.new("RGBA", colours.size, "white")
    return Image.alpha_composite(paper, colours).convert("RGB")


def _clockwise(quad: Quad) -> Quad:
    """Order four corners as PaddleOCR does: the two leftmost first, so that a line starts at its left end."""
    by_x = quad[np.argsort(quad[:, 0], kind="stable")]
    left, right = by_x[:2], by_x[2:]
    top_left, bottom_left = left[np.argsort(left[:, 1], kind="stable")]
    top_right, bottom_right = right[np.argsort(right[:, 1], kind="stable")]
    return np.array([top_left, top_right, bottom_right, bottom_left], dtype=np.float32)
