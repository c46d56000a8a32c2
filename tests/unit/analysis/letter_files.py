"""Letters written for development: typewriter layout in, OCR lines with geometry out, and what is true of them."""

import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from cloud.ports.ocr_engine import OcrLine, in_reading_order

FOLDER = Path(__file__).parent / "letters"
CHARACTER, LINE, HEIGHT = 12.0, 30.0, 22.0
LARGE = 1.8


@dataclass(frozen=True, slots=True)
class LetterFile:
    """One letter and its truth."""

    name: str
    batch: str
    received_on: date
    lines: tuple[OcrLine, ...]
    truth: dict[str, Any]


def letter_files() -> list[LetterFile]:
    """Return all letters by name."""
    return [_read(path) for path in sorted(FOLDER.glob("*.json"))]


def typed(text: list[str]) -> tuple[OcrLine, ...]:
    """Return a typewritten page as an OCR engine would: three blanks part two boxes, ``# `` is large type."""
    lines = []
    for row, printed in enumerate(text):
        size = LARGE if printed.startswith("# ") else 1.0
        for match in re.finditer(r"\S+(?: {1,2}\S+)*", printed.removeprefix("# ")):
            left, right, top = match.start() * CHARACTER, match.end() * CHARACTER * size, row * LINE
            bottom = top + HEIGHT * size
            lines.append(OcrLine(match[0], 0.99, ((left, top), (right, top), (right, bottom), (left, bottom))))
    return in_reading_order(lines)


def _read(path: Path) -> LetterFile:
    content = json.loads(path.read_text(encoding="utf-8"))
    received_on = date.fromisoformat(content["received_on"])
    return LetterFile(path.stem, content["batch"], received_on, typed(content["text"]), content["truth"])
