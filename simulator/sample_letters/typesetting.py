"""Break the blocks of a letter into words, boxes and lines with their places on the sheet, in pixels."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from PIL import ImageFont

from simulator.sample_letters import fonts
from simulator.sample_letters.letter import (
    Artwork,
    Content,
    RuleBlock,
    SampleLetter,
    Style,
    TableBlock,
    TextBlock,
)

DPI = 220
PER_MM = DPI / 25.4
PER_POINT = DPI / 72  # a DTP point is 1/72 inch
PARAGRAPH_GAP = 0.62  # of a line
ASCENT = 0.76  # of the em: where the baseline sits in its line, alike for all five families


@dataclass(frozen=True, slots=True)
class Word:
    """A word with the left end of its baseline."""

    x: float
    y: float
    text: str
    font: ImageFont.FreeTypeFont
    colour: str


@dataclass(frozen=True, slots=True)
class Box:
    """A filled or outlined rectangle; an empty colour is not drawn."""

    x: float
    y: float
    w: float
    h: float
    fill: str = ""
    outline: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A horizontal line from ``x`` to ``x + w``; ``dash`` 0 is drawn through."""

    x: float
    y: float
    w: float
    thickness: float
    colour: str
    dash: float = 0.0


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of a drawing, signature or barcode."""

    x: float
    y: float
    w: float
    h: float
    artwork: Artwork


Mark = Word | Box | Line | Frame


@dataclass(frozen=True, slots=True)
class Placed:
    """A block with its rectangle on the sheet and the marks that make it."""

    block: Content
    x: float
    y: float
    w: float
    h: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Type:
    """How text is set: family, style, pixels per em, line height in em, colour, alignment."""

    family: str
    style: str
    pixels: float
    leading: float
    colour: str
    align: str

    def font(self, *, bold: bool) -> ImageFont.FreeTypeFont:
        """Return the typeface, or its bold sister."""
        return fonts.load(self.family, "bold" if bold else self.style, self.pixels)


class Run(NamedTuple):
    """A word, or the part of one that is of one weight; ``is_spaced`` where a space may stand before it."""

    text: str
    is_bold: bool
    is_spaced: bool


def lay_out(letter: SampleLetter) -> tuple[Placed, ...]:
    """Return the blocks of ``letter`` with their places; a block without ``y`` follows the one before it."""
    placed: list[Placed] = []
    cursor = letter.style.top
    for block in letter.blocks:
        y = cursor + block.gap if block.y is None else block.y
        placed.append(_place(letter, block, y))
        cursor = (placed[-1].y + placed[-1].h) / PER_MM
    return tuple(placed)


def _place(letter: SampleLetter, block: Content, y: float) -> Placed:
    style = letter.style
    x = style.left if block.x is None else block.x
    w = letter.sheet[0] - style.right - x if block.w is None else block.w
    height, marks = _set(block, style, (x * PER_MM, y * PER_MM, w * PER_MM))
    return Placed(block, x * PER_MM, y * PER_MM, w * PER_MM, height, marks)


def _set(block: Content, style: Style, place: tuple[float, float, float]) -> tuple[float, tuple[Mark, ...]]:
    x, y, w = place
    match block:
        case TextBlock():
            return _set_text(block, style, place)
        case TableBlock():
            return _set_table(block, style, place)
        case RuleBlock():
            thickness = block.thickness * PER_MM
            line = Line(x, y, w, thickness, _colour(block.colour, style), block.dash * PER_MM)
            return thickness, (line,)
        case _:
            return block.h * PER_MM, (Frame(x, y, w, block.h * PER_MM, block),)


def _set_text(block: TextBlock, style: Style, place: tuple[float, float, float]) -> tuple[float, tuple[Mark, ...]]:
    x, y, w = place
    pad = block.pad * PER_MM
    how = Type(
        style.font, block.style, (block.size or style.size) * PER_POINT, block.leading,
        _colour(block.colour, style), block.align,
    )  # fmt: skip
    inner, words = _paragraphs(block.text.strip("\n"), how, (x + pad, y + pad, w - 2 * pad))
    height = inner + 2 * pad
    fill, outline = _colour(block.fill, style), _colour(block.border, style)
    panel = [Box(x, y, w, height, fill, outline)] if fill or outline else []
    return height, (*panel, *words)


def _paragraphs(text: str, how: Type, place: tuple[float, float, float]) -> tuple[float, list[Word]]:
    x, y, w = place
    line_height = how.pixels * how.leading
    top = 0.0
    words: list[Word] = []
    for line, is_last in _lines(text, how, w):
        if not line:
            top += line_height * PARAGRAPH_GAP
            continue
        baseline = y + top + (line_height - how.pixels) / 2 + how.pixels * ASCENT
        words += _set_line(line, how, (x, baseline, w), is_last=is_last)
        top += line_height
    return top, words


def _lines(text: str, how: Type, width: float) -> Iterator[tuple[list[Run], bool]]:
    for paragraph in text.split("\n"):
        line: list[Run] = []
        for run in _runs(paragraph):
            if line and run.is_spaced and _natural_width([*line, run], how) > width:
                yield line, False
                line = []
            line.append(run)
        yield line, True


def _runs(paragraph: str) -> Iterator[Run]:
    is_spaced = False
    for index, part in enumerate(paragraph.split("**")):
        is_spaced |= part[:1].isspace()
        for word in part.split():
            yield Run(word, is_bold=index % 2 == 1, is_spaced=is_spaced)
            is_spaced = True
        is_spaced = part[-1:].isspace()


def _natural_width(line: list[Run], how: Type) -> float:
    gaps = sum(run.is_spaced for run in line[1:])
    return sum(how.font(bold=run.is_bold).getlength(run.text) for run in line) + gaps * _space(how)


def _space(how: Type) -> float:
    return how.font(bold=False).getlength(" ")


def _set_line(line: list[Run], how: Type, place: tuple[float, float, float], *, is_last: bool) -> Iterator[Word]:
    x, baseline, width = place
    spare = width - _natural_width(line, how)
    gaps = sum(run.is_spaced for run in line[1:])
    stretched = spare / gaps if how.align == "justify" and gaps and not is_last else 0.0
    x += {"right": spare, "center": spare / 2}.get(how.align, 0.0)
    for place_in_line, run in enumerate(line):
        font = how.font(bold=run.is_bold)
        if run.is_spaced and place_in_line:
            x += _space(how) + stretched
        yield Word(x, baseline, run.text, font, how.colour)
        x += font.getlength(run.text)


def _set_table(block: TableBlock, style: Style, place: tuple[float, float, float]) -> tuple[float, tuple[Mark, ...]]:
    x, y, _ = place
    width = sum(column[0] for column in block.columns) * PER_MM
    bold = {index % len(block.rows) for index in block.bold} | ({0} if block.head else set())
    top = y
    marks: list[Mark] = []
    for index, row in enumerate(block.rows):
        is_head = block.head and index == 0
        colour = _colour(block.head_colour if is_head else "ink", style)
        height, words = _set_row(block, row, _cell_type(block, style, colour, bold=index in bold), (x, top))
        if is_head and block.head_fill:
            marks.append(Box(x, top, width, height, _colour(block.head_fill, style)))
        marks += words
        top += height
        if block.lines == "rows":
            marks.append(Line(x, top, width, 0.18 * PER_MM, "#9a9a9a"))
    if block.lines == "ends":
        marks += [Line(x, edge, width, 0.3 * PER_MM, _colour("ink", style)) for edge in (y, top)]
    return top - y, tuple(marks)


def _cell_type(block: TableBlock, style: Style, colour: str, *, bold: bool) -> Type:
    pixels = (block.size or style.size) * PER_POINT
    return Type(style.font, "bold" if bold else "regular", pixels, 1.25, colour, "left")


def _set_row(
    block: TableBlock, row: tuple[str, ...], how: Type, corner: tuple[float, float]
) -> tuple[float, list[Word]]:
    pad = block.pad * PER_MM
    x, top = corner
    height = 0.0
    words: list[Word] = []
    for cell, (width_mm, align) in zip(row, block.columns, strict=True):
        width = width_mm * PER_MM
        aligned = Type(how.family, how.style, how.pixels, how.leading, how.colour, align)
        cell_height, cell_words = _paragraphs(cell, aligned, (x + pad, top + pad, width - 2 * pad))
        words += cell_words
        height = max(height, cell_height + 2 * pad)
        x += width
    return height, words


def _colour(name: str, style: Style) -> str:
    return {"ink": style.ink, "accent": style.accent, "paper": style.paper}.get(name, name)
