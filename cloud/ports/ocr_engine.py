"""The OCR engine port: an image of a page in, its lines with boxes and confidences out, in reading order."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Protocol

Point = tuple[float, float]

# A gutter narrower than this many line heights is the space between two words, not between two columns.
GUTTER_HEIGHTS = 1.2
# White space across the whole page taller than this many line heights separates two bands.
BAND_HEIGHTS = 0.7
# From this share of bare values ("84.20", "£3.99") on, the right-hand column belongs to a table, read row by row.
VALUE_SHARE = 0.6
# Two lines share a row when their heights overlap by this much of the smaller one.
ROW_OVERLAP = 0.5

_VALUE = re.compile(r"[\W_]{0,3}(?:[A-Z]{2,3} ?)?[\W_]{0,2}\d")


@dataclass(frozen=True, slots=True)
class OcrLine:
    """One line as read; ``polygon`` holds its corners in pixels of the upright image, clockwise from top left."""

    text: str
    confidence: float
    polygon: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class OcrPage:
    """One page as read; ``rotation`` (0, 90, 180, 270) was applied clockwise before reading."""

    width: int
    height: int
    rotation: int
    lines: tuple[OcrLine, ...]
    engine: str
    version: str
    elapsed_ms: int


class OcrEngine(Protocol):
    """What reads images; an image without text is a page without lines, not an error."""

    def read(self, image: bytes) -> OcrPage:
        """Return the page; raises RefusedError for an image nobody can read, RetryLaterError when the engine failed."""
        ...

    def prepare(self) -> None:
        """Be told that an image is on its way, so that slow starts happen meanwhile; returns at once."""
        ...

    def close(self) -> None:
        """Let go of processes and connections; the next ``read`` starts them again."""
        ...


@dataclass(frozen=True, slots=True)
class _Box:
    """A line's place after the page's tilt is taken out."""

    line: OcrLine
    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def in_reading_order(lines: Sequence[OcrLine]) -> tuple[OcrLine, ...]:
    """Return the lines as a person reads them: columns one after the other, tables row by row."""
    return tuple(box.line for box in _ordered(_levelled(lines)))


def rows_of(lines: Sequence[OcrLine]) -> tuple[tuple[OcrLine, ...], ...]:
    """Return the lines grouped by printed row, rows from top to bottom, each from left to right."""
    return tuple(tuple(box.line for box in row) for row in _rows(_levelled(lines)))


def tilt_of(lines: Sequence[OcrLine]) -> float:
    """Return the slope of the text in radians, positive when it falls to the right; long lines count most."""
    slopes = sorted((_slope(line.polygon), _length(line.polygon)) for line in lines)
    half = sum(length for _, length in slopes) / 2
    for slope, length in slopes:
        half -= length
        if half <= 0:
            return slope
    return 0.0


def _slope(polygon: Sequence[Point]) -> float:
    (left, top), (right, top_right) = polygon[0], polygon[1]
    return math.atan2(top_right - top, right - left)


def _length(polygon: Sequence[Point]) -> float:
    return math.dist(polygon[0], polygon[1])


def _levelled(lines: Sequence[OcrLine]) -> list[_Box]:
    tilt = tilt_of(lines)
    cosine, sine = math.cos(-tilt), math.sin(-tilt)
    boxes = []
    for line in lines:
        level = [(x * cosine - y * sine, x * sine + y * cosine) for x, y in line.polygon]
        across, down = [x for x, _ in level], sorted(y for _, y in level)
        # The inner pair of heights: a line that still leans a little must not look two lines tall.
        top, bottom = (down[0] + down[1]) / 2, (down[2] + down[3]) / 2
        boxes.append(_Box(line, min(across), max(across), top, bottom))
    return boxes


def _rows(boxes: Sequence[_Box]) -> list[list[_Box]]:
    rows: list[list[_Box]] = []
    for box in sorted(boxes, key=lambda each: each.middle):
        row = next((row for row in reversed(rows[-3:]) if _fits(row, box)), None)
        if row is None:
            rows.append([box])
        else:
            row.append(box)
    return [sorted(row, key=lambda each: each.left) for row in rows]


def _fits(row: Sequence[_Box], box: _Box) -> bool:
    """Compare with the nearest box only: on a page seen at an angle a row climbs from end to end."""
    nearest = min(row, key=lambda other: max(other.left - box.right, box.left - other.right))
    shared = min(nearest.bottom, box.bottom) - max(nearest.top, box.top)
    beside = box.left >= nearest.right - nearest.height or box.right <= nearest.left + nearest.height
    return beside and shared >= ROW_OVERLAP * min(nearest.height, box.height)


def _ordered(boxes: Sequence[_Box]) -> list[_Box]:
    bands = _bands(boxes)
    if len(bands) > 1:
        return [box for band in bands for box in _ordered(band)]
    columns = _columns(boxes)
    if len(columns) < 2 or _is_table(columns):
        return [box for row in _rows(boxes) for box in row]
    return [box for column in columns for box in _ordered(column)]


def _bands(boxes: Sequence[_Box]) -> list[list[_Box]]:
    if not boxes:
        return []
    gap = BAND_HEIGHTS * median(box.height for box in boxes)
    ordered = sorted(boxes, key=lambda box: box.top)
    bands, floor = [[ordered[0]]], ordered[0].bottom
    for box in ordered[1:]:
        if box.top - floor > gap:
            bands.append([])
        bands[-1].append(box)
        floor = max(floor, box.bottom)
    return bands


def _columns(boxes: Sequence[_Box]) -> list[list[_Box]]:
    """Cut once, at the widest gutter; the halves are looked at again."""
    if not boxes:
        return []
    ordered = sorted(boxes, key=lambda box: box.left)
    widest, cut, edge = GUTTER_HEIGHTS * median(box.height for box in boxes), 0, ordered[0].right
    for index, box in enumerate(ordered[1:], start=1):
        if box.left - edge > widest:
            widest, cut = box.left - edge, index
        edge = max(edge, box.right)
    return [ordered[:cut], ordered[cut:]] if cut else [ordered]


def _is_table(columns: Sequence[Sequence[_Box]]) -> bool:
    right = columns[-1]
    values = sum(1 for box in right if _VALUE.match(box.line.text))
    return values >= VALUE_SHARE * len(right)
