"""Reading one page with RapidOCR: find lines, find which way is up, recognise, look closer when it was hard."""

import time
from dataclasses import dataclass
from importlib.metadata import version

import cv2
import numpy as np
from numpy.typing import NDArray
from rapidocr import RapidOCR

from cloud.adapters.local import ocr_engine_image as images
from cloud.ports.ocr_engine import OcrLine, OcrPage, in_reading_order

ENGINE = "rapidocr"
# A glance finds the sheet; the sheet alone is then searched at the first side, a hard one again at the second.
GLANCE_SIDE = 800
FIRST_SIDE = 1280
SECOND_SIDE = 2000
# Below this mean confidence a page is read again, larger. Clean pages measure 0.97 and more.
LOW_CONFIDENCE = 0.92
# Type lower than this many pixels at the first side loses letters.
SMALL_TYPE = 13.0
# RapidOCR's own floor: lines below are shadows, folds and pattern.
NOISE = 0.5
# So many lines, about this many times longer than high, tell up from down; a page number reads well both ways.
ORIENTATION_LINES = 5
ORIENTATION_ASPECT = 12.0


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one pass over the image gave; quads are pixels of the image that was passed in."""

    texts: tuple[str, ...]
    confidences: tuple[float, ...]
    quads: NDArray[np.float32]

    @property
    def letters(self) -> int:
        return sum(map(len, self.texts))

    @property
    def confidence(self) -> float:
        return _mean_confidence(self.texts, self.confidences)

    @property
    def type_height(self) -> float:
        """Median height of a line in pixels."""
        if not len(self.quads):
            return 0.0
        return float(np.median(np.linalg.norm(self.quads[:, 0] - self.quads[:, 3], axis=1)))

    @property
    def yield_(self) -> float:
        """What to compare two passes by: letters that are believed."""
        return self.letters * self.confidence**4


class PageReader:
    """The models, loaded once, and the order of the passes over a page."""

    def __init__(self, threads: int) -> None:
        cv2.setNumThreads(threads)
        self._models = RapidOCR(
            params={
                "Global.use_cls": False,  # the line classifier silently destroys long lines
                "Global.width_height_ratio": -1,  # else a strip is framed in black, which hides its letters
                "Global.max_side_len": images.LONGEST_SIDE,
                "Global.log_level": "error",
                # A long line on bent paper leaves its rectangle: score the outline itself, or it is dropped.
                "Det.score_mode": "slow",
                # "min" would blow a narrow strip up to gigabytes; we choose the size ourselves.
                "Det.limit_type": "max",
                "Det.limit_side_len": images.LONGEST_SIDE,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            }
        )
        self._version = version("rapidocr")

    def read(self, image: bytes) -> OcrPage:
        """Return the page; raises RefusedError for an image that cannot be decoded."""
        started = time.monotonic()
        pixels = images.decode(image)
        turns, pixels, reading = self._upright(pixels)
        if _was_hard(reading, max(pixels.shape[:2])):
            reading = max(reading, self._closer(pixels), key=lambda each: each.yield_)
        return OcrPage(
            width=pixels.shape[1],
            height=pixels.shape[0],
            rotation=turns * 90,
            lines=in_reading_order(_lines(reading)),
            engine=ENGINE,
            version=self._version,
            elapsed_ms=round((time.monotonic() - started) * 1000),
        )

    def _upright(self, pixels: images.Pixels) -> tuple[int, images.Pixels, _Reading]:
        """Return the clockwise quarter turns that set the page upright, then the page and its text.

        A glance says where the sheet lies and along which axis its lines run; a few lines say which end is up. Lines
        are searched on the upright page, for the search was trained on upright ones.
        """
        glimpsed = self._find(pixels, GLANCE_SIDE)
        turns = 1 if _stand(glimpsed) else 0
        pixels, glimpsed = _turned(pixels, glimpsed, turns)
        if self._upside_down(pixels, glimpsed):
            turns += 2
            pixels, glimpsed = _turned(pixels, glimpsed, 2)
        left, top, right, bottom = images.region_of(glimpsed, pixels)
        quads = self._find(pixels[top:bottom, left:right], FIRST_SIDE) + np.array([left, top], dtype=np.float32)
        return turns, pixels, self._recognise(pixels, quads)

    def _upside_down(self, pixels: images.Pixels, quads: NDArray[np.float32]) -> bool:
        """Whether a few lines read better turned round; those of middling length are words, and cheap."""
        nearest = sorted(quads, key=lambda quad: abs(images.aspect(quad) - ORIENTATION_ASPECT))[:ORIENTATION_LINES]
        lines = [images.cut_out(pixels, quad) for quad in nearest]
        texts, sure = self._recognised(lines)
        if _mean_confidence(texts, sure) >= LOW_CONFIDENCE:
            return False
        _, sure_flipped = self._recognised([images.turned(line, 2) for line in lines])
        return sum(sure_flipped) > sum(sure)

    def _closer(self, pixels: images.Pixels) -> _Reading:
        """Read at the second side, the sheet alone if it can be told from the table it lies on."""
        outline = images.sheet_outline(pixels)
        if outline is None:
            return self._recognise(pixels, self._find(pixels, SECOND_SIDE))
        sheet, back = images.flattened(pixels, outline)
        reading = self._recognise(sheet, self._find(sheet, SECOND_SIDE))
        return _Reading(reading.texts, reading.confidences, images.moved(reading.quads, back))

    def _find(self, pixels: images.Pixels, side: int) -> NDArray[np.float32]:
        small, scale = images.scaled(pixels, side)
        found = getattr(self._models(small, use_det=True, use_rec=False), "boxes", None)
        if found is None:
            return np.empty((0, 4, 2), dtype=np.float32)
        return np.asarray(np.asarray(found, dtype=np.float32) / np.float32(scale), dtype=np.float32)

    def _recognise(self, pixels: images.Pixels, quads: NDArray[np.float32]) -> _Reading:
        """Cut the lines from the full image, not from the small one in which they were found."""
        return _reading(*self._recognised([images.cut_out(pixels, quad) for quad in quads]), quads)

    def _recognised(self, lines: list[images.Pixels]) -> tuple[tuple[str, ...], tuple[float, ...]]:
        if not lines:
            return (), ()
        result = self._models.recognize_txt(lines)
        return tuple(result.txts or ()), tuple(float(score) for score in result.scores)


def _reading(texts: tuple[str, ...], confidences: tuple[float, ...], quads: NDArray[np.float32]) -> _Reading:
    """Keep what is text; what the recogniser hardly believes is a fold, a shadow or a pattern."""
    kept = [i for i, text in enumerate(texts) if text.strip() and confidences[i] >= NOISE]
    return _Reading(
        tuple(texts[i].strip() for i in kept), tuple(confidences[i] for i in kept), quads[kept].reshape(-1, 4, 2)
    )


def _mean_confidence(texts: tuple[str, ...], confidences: tuple[float, ...]) -> float:
    """Mean over letters, so that a stray dot weighs less than a sentence."""
    letters = sum(map(len, texts))
    return sum(len(text) * sure for text, sure in zip(texts, confidences, strict=True)) / max(letters, 1)


def _stand(quads: NDArray[np.float32]) -> bool:
    """Whether the lines run up or down the image; the long ones count most, for a page number has no direction."""
    across, down = 0.0, 0.0
    for quad in quads:
        step = images.direction(quad)
        across, down = across + abs(step[0]), down + abs(step[1])
    return down > across


def _turned(pixels: images.Pixels, quads: NDArray[np.float32], turns: int) -> tuple[images.Pixels, NDArray[np.float32]]:
    """Turn image and boxes clockwise together."""
    height, width = pixels.shape[:2]
    return images.turned(pixels, turns), images.turned_quads(quads, turns, width, height)


def _was_hard(reading: _Reading, longest_side: int) -> bool:
    small_type = reading.type_height * FIRST_SIDE / longest_side < SMALL_TYPE
    return small_type or reading.confidence < LOW_CONFIDENCE


def _lines(reading: _Reading) -> list[OcrLine]:
    return [
        OcrLine(text, round(sure, 4), tuple((round(float(x), 1), round(float(y), 1)) for x, y in quad))
        for text, sure, quad in zip(reading.texts, reading.confidences, reading.quads, strict=True)
    ]
