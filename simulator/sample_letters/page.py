"""Draw a sample letter as a clean page, as the printer put it out."""

from itertools import pairwise

from PIL import Image, ImageDraw

from simulator.sample_letters.drawing import draw_barcode, draw_shapes, draw_signature
from simulator.sample_letters.letter import BarcodeBlock, DrawingBlock, SampleLetter, SignatureBlock, Style
from simulator.sample_letters.typesetting import PER_MM, Box, Frame, Line, Mark, Word, lay_out


def render_page(letter: SampleLetter) -> Image.Image:
    """Return the sheet of ``letter`` as an RGB image of 220 dots per inch."""
    width, height = (round(side * PER_MM) for side in letter.sheet)
    page = Image.new("RGB", (width, height), letter.style.paper)
    pen = ImageDraw.Draw(page)
    for placed in lay_out(letter):
        for mark in placed.marks:
            _draw(page, pen, mark, letter.style)
    return page


def _draw(page: Image.Image, pen: ImageDraw.ImageDraw, mark: Mark, style: Style) -> None:
    match mark:
        case Word():
            pen.text((mark.x, mark.y), mark.text, font=mark.font, fill=mark.colour, anchor="ls")
        case Box():
            corners = (mark.x, mark.y, mark.x + mark.w, mark.y + mark.h)
            pen.rectangle(corners, fill=mark.fill or None, outline=mark.outline or None, width=2)
        case Line():
            for start, end in _dashes(mark):
                pen.rectangle((start, mark.y, end, mark.y + mark.thickness), fill=mark.colour)
        case Frame():
            _paste(page, mark, style)


def _dashes(line: Line) -> list[tuple[float, float]]:
    end = line.x + line.w
    if not line.dash:
        return [(line.x, end)]
    stops = [line.x + line.dash * step for step in range(int(line.w / line.dash) + 1)]
    return list(pairwise(stops))[::2]


def _paste(page: Image.Image, mark: Frame, style: Style) -> None:
    size = (round(mark.w), round(mark.h))
    match mark.artwork:
        case DrawingBlock(shapes=shapes):
            drawn = draw_shapes(shapes, size, {"ink": style.ink, "accent": style.accent, "paper": style.paper})
        case SignatureBlock(name=name, colour=colour):
            drawn = draw_signature(name, size, colour)
        case BarcodeBlock(code=code):
            drawn = draw_barcode(code, size)
    page.paste(drawn, (round(mark.x), round(mark.y)), drawn)
