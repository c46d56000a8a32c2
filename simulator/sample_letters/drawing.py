"""Draw what is not type on a letter: logos, signatures and barcodes, each as an image with a transparent ground."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from simulator.sample_letters.letter import Shape

Size = tuple[int, int]
Points = npt.NDArray[np.float64]  # one (x, y) a row

FINER = 4  # drawn this much larger and shrunk, which smooths the edges that ImageDraw leaves jagged

# Code 39 (ISO/IEC 16388): nine elements a character, bar first; 1 is wide, 0 is narrow
_CODE_39 = {
    "0": "000110100", "1": "100100001", "2": "001100001", "3": "101100000", "4": "000110001", "5": "100110000",
    "6": "001110000", "7": "000100101", "8": "100100100", "9": "001100100", "A": "100001001", "B": "001001001",
    "C": "101001000", "D": "000011001", "E": "100011000", "F": "001011000", "G": "000001101", "H": "100001100",
    "I": "001001100", "J": "000011100", "K": "100000011", "L": "001000011", "M": "101000010", "N": "000010011",
    "O": "100010010", "P": "001010010", "Q": "000000111", "R": "100000110", "S": "001000110", "T": "000010110",
    "U": "110000001", "V": "011000001", "W": "111000000", "X": "010010001", "Y": "110010000", "Z": "011010000",
    "-": "010000101", ".": "110000100", " ": "011000100", "*": "010010100",
}  # fmt: skip


def draw_shapes(shapes: Sequence[Shape], size: Size, colours: Mapping[str, str]) -> Image.Image:
    """Return the shapes, given in a square of 100 by 100, stretched to ``size``; ``colours`` names the letter's own."""
    canvas = Image.new("RGBA", (size[0] * FINER, size[1] * FINER), (0, 0, 0, 0))
    pen = ImageDraw.Draw(canvas)
    scale = (canvas.width / 100, canvas.height / 100)
    for shape in shapes:
        _draw_shape(pen, shape, scale, colours)
    return canvas.resize(size, Image.Resampling.LANCZOS)


def draw_signature(name: str, size: Size, colour: str) -> Image.Image:
    """Return a flowing pen stroke; another name gives another stroke."""
    hand = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    canvas = Image.new("RGBA", (size[0] * FINER, size[1] * FINER), (0, 0, 0, 0))
    points = _smooth(_pen_path(hand, len(name))) * (canvas.width, canvas.height)
    stroke = [(float(x), float(y)) for x, y in points]
    ImageDraw.Draw(canvas).line(stroke, fill=colour, width=round(size[1] * FINER / 32), joint="curve")
    return canvas.resize(size, Image.Resampling.LANCZOS)


def draw_barcode(code: str, size: Size) -> Image.Image:
    """Return ``code`` as Code 39 bars that fill ``size``; raises ValueError for a character that has no bars."""
    unknown = sorted(set(code) - set(_CODE_39))
    if unknown:
        raise ValueError(f"expected characters of Code 39, got {unknown}")
    patterns = (_CODE_39[character] + "0" for character in f"*{code}*")
    widths = [3 if element == "1" else 1 for element in chain.from_iterable(patterns)]
    bars = Image.new("RGBA", (sum(widths), 1), (0, 0, 0, 0))
    left = 0
    for index, width in enumerate(widths):
        # ten elements a character, the tenth being the gap, keep bars on the even places
        if index % 2 == 0:
            bars.paste((20, 20, 20, 255), (left, 0, left + width, 1))
        left += width
    return bars.resize(size, Image.Resampling.BOX)


def _draw_shape(pen: ImageDraw.ImageDraw, shape: Shape, scale: tuple[float, float], colours: Mapping[str, str]) -> None:
    fill = colours.get(shape["colour"], shape["colour"])
    points = [(x * scale[0], y * scale[1]) for x, y in shape["points"]]
    width = round(shape.get("width", 0) * scale[0])
    match shape["shape"]:
        case "polygon":
            pen.polygon(points, fill=fill)
        case "ellipse":
            pen.ellipse(points, fill=None if width else fill, outline=fill, width=width or 1)
        case "arc":
            pen.arc(points, shape["start"], shape["end"], fill=fill, width=width)
        case "line":
            pen.line(points, fill=fill, width=width, joint="curve")
        case other:
            raise ValueError(f"expected polygon, ellipse, arc or line, got {other!r}")


def _pen_path(hand: np.random.Generator, letters: int) -> Points:
    turns = 2 * max(letters, 4)
    steps = hand.uniform(0.5, 1.4, turns) * np.where(np.arange(turns) % 2, 1.25, -0.25 * hand.random(turns))
    along = np.cumsum(steps)
    across = np.where(np.arange(turns) % 2, -1, 1) * hand.uniform(0.05, 0.17, turns)
    second_name = turns // 4 + int(hand.integers(-1, 2))
    across[[1, 2 * second_name + 1]] = -hand.uniform(0.42, 0.55, 2)
    across[hand.integers(4, turns - 2)] = hand.uniform(0.25, 0.36)  # one letter reaches below the line
    along[-1] += hand.uniform(1, 4)  # the last stroke runs out
    path = np.stack([(along - along.min()) / np.ptp(along) * 0.94 + 0.03, 0.6 + across], axis=1)
    return np.asarray(path, dtype=np.float64)


def _smooth(path: Points) -> Points:
    # Catmull-Rom: a curve through every point, with the direction of its neighbours
    before, start, end, after = (path[shift : len(path) - 3 + shift] for shift in range(4))
    t = np.linspace(0, 1, 14, endpoint=False)[:, None, None]
    curve = (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    ) / 2
    return np.asarray(curve.transpose(1, 0, 2).reshape(-1, 2), dtype=np.float64)
