"""Draw what is not type on a letter: logos, signatures and barcodes, each as an image with a transparent ground."""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
from PIL import Image, ImageDraw

from simulator.sample_letters.letter import Shape

Size = tuple[int, int]

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
    generator = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()))
    canvas = Image.new("RGBA", (size[0] * FINER, size[1] * FINER), (0, 0, 0, 0))
    pen = ImageDraw.Draw(canvas)
    for start, end, turns in ((0.02, 0.4, 4), (0.34, 0.98, 8)):
        points = _stroke(generator, (start * canvas.width, end * canvas.width), canvas.height, turns)
        pen.line(points, fill=colour, width=round(0.55 * FINER * size[1] / 20), joint="curve")
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


def _stroke(
    generator: np.random.Generator, span: tuple[float, float], height: int, turns: int
) -> list[tuple[float, float]]:
    place = np.linspace(0, 1, 160)
    knots = np.linspace(0, 1, turns * 2 + 1)
    swing = generator.uniform(0.08, 0.42, knots.size) * np.where(np.arange(knots.size) % 2, 1, -1)
    swing[1:] *= np.linspace(1.0, 0.45, knots.size - 1)  # a hurried hand flattens out towards the end
    smooth = (1 - np.cos(np.pi * ((place * turns * 2) % 1))) / 2
    left = np.minimum((place * turns * 2).astype(int), knots.size - 2)
    y = height * (0.52 + swing[left] * (1 - smooth) + swing[left + 1] * smooth)
    loop = (span[1] - span[0]) / turns * 0.35 * np.sin(2 * np.pi * turns * place)
    x = span[0] + (span[1] - span[0]) * place + loop
    return list(zip(x.tolist(), y.tolist(), strict=True))
