"""The sample letters: what stands on their sheets (TOML) and what a careful person reads in them (JSON)."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

FOLDER = "letters"
A4 = (210.0, 297.0)  # ISO 216, millimetres

Shape = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Truth:
    """What a careful person answers after reading the letter; absent is None."""

    sender: str
    recipient: str
    due_date: date | None
    amount: Decimal | None
    currency: str | None
    language: str
    category: str
    also_category: str | None  # the second answer where two are fair, such as a utility's bill
    reference: str | None
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Style:
    """The look that the blocks of a letter share; lengths in millimetres, size in points."""

    font: str
    size: float = 10.0
    ink: str = "#1d1d1f"
    accent: str = "#1d1d1f"
    paper: str = "#ffffff"
    left: float = 25.0
    right: float = 20.0
    top: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Something on the sheet; without ``y`` it stands ``gap`` below the block before, without ``x`` at the margin."""

    x: float | None = None
    y: float | None = None
    w: float | None = None
    gap: float = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TextBlock(Block):
    """Running text: a newline ends a line, ``**bold**`` is set in bold, an empty line is a paragraph gap."""

    text: str
    size: float | None = None
    style: str = "regular"
    align: str = "left"
    colour: str = "ink"
    leading: float = 1.34
    fill: str = ""
    border: str = ""
    pad: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBlock(Block):
    """Rows of cells; ``columns`` are (width in millimetres, alignment); ``bold`` rows count from 0, or from the end."""

    columns: tuple[tuple[float, str], ...]
    rows: tuple[tuple[str, ...], ...]
    size: float | None = None
    head: bool = False
    head_fill: str = ""
    head_colour: str = "ink"
    bold: tuple[int, ...] = ()
    lines: str = "rows"  # rows, ends (above and below the table) or none
    pad: float = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBlock(Block):
    """A horizontal line, dashed where ``dash`` gives the millimetres of a dash."""

    thickness: float = 0.25
    colour: str = "ink"
    dash: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawingBlock(Block):
    """A drawing of ellipses, polygons, lines and arcs in a square of 100 by 100 that is stretched to ``w`` by ``h``."""

    h: float
    shapes: tuple[Shape, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureBlock(Block):
    """A pen stroke in place of a name, drawn from the letters of that name."""

    name: str
    h: float = 12.0
    colour: str = "#1f3a8a"


@dataclass(frozen=True, slots=True, kw_only=True)
class BarcodeBlock(Block):
    """The bars of a code as postal machines print it (Code 39)."""

    code: str
    h: float = 10.0


Artwork = DrawingBlock | SignatureBlock | BarcodeBlock
Content = TextBlock | TableBlock | RuleBlock | Artwork


@dataclass(frozen=True, slots=True)
class SampleLetter:
    """One letter of the demo: its sheet in millimetres, its blocks, and the truth about it."""

    name: str
    order: int
    sheet: tuple[float, float]
    style: Style
    blocks: tuple[Content, ...]
    truth: Truth

    @property
    def text(self) -> str:
        """Return every word on the sheet, block by block, without the markup."""
        return "\n".join(_words(self.blocks))


BLOCKS: dict[str, type[Content]] = {
    "text": TextBlock,
    "table": TableBlock,
    "rule": RuleBlock,
    "drawing": DrawingBlock,
    "signature": SignatureBlock,
    "barcode": BarcodeBlock,
}


def sample_letters() -> tuple[SampleLetter, ...]:
    """Return all sample letters in the order in which the demo delivers them."""
    return read_letters(files(__package__) / FOLDER)


def read_letters(folder: Traversable) -> tuple[SampleLetter, ...]:
    """Return the letters of a folder, ``name.toml`` and ``name.truth.json``; raises ValueError for an unknown block."""
    sheets = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return tuple(sorted((_letter(folder, sheet) for sheet in sheets), key=lambda letter: letter.order))


def _letter(folder: Traversable, sheet: Traversable) -> SampleLetter:
    name = sheet.name.removesuffix(".toml")
    content = tomllib.loads(sheet.read_text(encoding="utf-8"))
    truth = json.loads((folder / f"{name}.truth.json").read_text(encoding="utf-8"))
    width, height = content.get("sheet", A4)
    return SampleLetter(
        name=name,
        order=content["order"],
        sheet=(width, height),
        style=Style(**content["style"]),
        blocks=tuple(_block(name, fields) for fields in content["block"]),
        truth=_truth(truth),
    )


def _block(letter: str, fields: dict[str, Any]) -> Content:
    kind = fields.pop("kind", "text")
    if kind not in BLOCKS:
        raise ValueError(f"{letter}: expected a block of {', '.join(BLOCKS)}, got {kind!r}")
    return BLOCKS[kind](**{key: _frozen(value) for key, value in fields.items()})


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _truth(fields: dict[str, Any]) -> Truth:
    due_date, amount = fields.pop("due_date"), fields.pop("amount")
    return Truth(
        due_date=date.fromisoformat(due_date) if due_date else None,
        amount=Decimal(amount) if amount else None,
        also_category=fields.pop("also_category", None),
        keywords=tuple(fields.pop("keywords")),
        **fields,
    )


def _words(blocks: tuple[Content, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, TextBlock):
            yield block.text.strip("\n").replace("**", "")
        elif isinstance(block, TableBlock):
            yield from (" ".join(cell for cell in row if cell) for row in block.rows)
