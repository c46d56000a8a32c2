"""Read the sample letters from photographs and print, letter by letter, what was understood against the truth.

Run ``python -m tools.bench.reading --seeds 2``; times are per page on this machine.
"""

import argparse
import re
import time
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from cloud.adapters.local.ocr_engine import RapidOcrEngine
from cloud.analysis.model import Analysis, NoLetter, Tier
from cloud.analysis.service import analyse
from cloud.ports.ocr_engine import OcrEngine, OcrPage
from simulator.sample_letters import SampleLetter, photograph, render_page, sample_letters

RECEIVED_ON = date(2026, 11, 20)  # the sample letters are written for the week before this day


@dataclass(frozen=True, slots=True)
class Row:
    """One photograph of one letter: what was right, and how long it took."""

    name: str
    sender: str
    due: str
    amount: str
    category: str
    reference: str
    verbatim: str
    character_errors: float
    ocr_ms: int
    analysis_ms: int


def main() -> None:
    """Print the table and its totals."""
    options = _options()
    engine = RapidOcrEngine()
    rows = []
    for letter in sample_letters():
        if not options.only or letter.name in options.only:
            for seed in range(options.first_seed, options.first_seed + options.seeds):
                rows.append(measured(engine, letter, seed, options.quarter_turns))
                print(shown(rows[-1]), flush=True)
    print(totals(rows))
    if engine.child_pid:
        print(f"peak memory of the OCR process: {_peak_mb(engine.child_pid)} MB")
    engine.close()


def measured(engine: OcrEngine, letter: SampleLetter, seed: int, quarter_turns: int) -> Row:
    """Photograph, read and understand one letter; "=" marks a right value, "≠" a wrong one, "?" one to confirm."""
    page = engine.read(photograph(render_page(letter), seed, quarter_turns=quarter_turns))
    started = time.perf_counter()
    found = analyse(page, RECEIVED_ON)
    elapsed = round((time.perf_counter() - started) * 1000)
    if isinstance(found, NoLetter):
        return Row(letter.name, "≠", "≠", "≠", "≠", "≠", "≠", 1.0, page.elapsed_ms, elapsed)
    return _row(letter, page, found, elapsed)


def character_error_rate(truth: str, read: str) -> float:
    """Return edits per character of ``truth``, word by word and whatever the order: columns have no fixed one."""
    expected, found = Counter(_words(truth)), Counter(_words(read))
    missing, extra = list((expected - found).elements()), list((found - expected).elements())
    edits = 0
    for word in sorted(missing, key=len, reverse=True):
        nearest = min(extra, key=lambda other: edit_distance(word, other), default="")
        distance = edit_distance(word, nearest)
        if distance < len(word):
            extra.remove(nearest)
        edits += min(distance, len(word))
    return (edits + sum(map(len, extra))) / max(sum(len(word) for word in expected.elements()), 1)


def edit_distance(one: str, other: str) -> int:
    """Return how many characters must be put in, taken out or replaced (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (a != b))
    return row[-1]


def shown(row: Row) -> str:
    """Return one line of the table."""
    return (
        f"{row.name:22} {row.sender:26} due {row.due:13} amount {row.amount:12} {row.category:28} "
        f"ref {row.reference:22} "
        f"verbatim {row.verbatim} CER {row.character_errors:6.2%} {row.ocr_ms:5d} ms + {row.analysis_ms} ms"
    )


def totals(rows: list[Row]) -> str:
    """Return the shares of right answers and the mean time."""
    right = {name: sum(getattr(row, name).startswith("=") for row in rows) / len(rows) for name in _FIELDS}
    shares = ", ".join(f"{name} {share:.1%}" for name, share in right.items())
    errors = sum(row.character_errors for row in rows) / len(rows)
    seconds = sum(row.ocr_ms for row in rows) / len(rows) / 1000
    return f"{len(rows)} photographs: {shares}; CER {errors:.2%}; {seconds:.2f} s per page"


_FIELDS = ("sender", "due", "amount", "category", "reference", "verbatim")


def _row(letter: SampleLetter, page: OcrPage, found: Analysis, elapsed: int) -> Row:
    truth = letter.truth
    due = found.due_date.isoformat() if found.due_date else None
    wanted_due = truth.due_date.isoformat() if truth.due_date else None
    categories = {truth.category, truth.also_category}
    return Row(
        name=letter.name,
        sender=_mark(found.sender, same=_alike(found.sender, truth.sender)),
        due=_mark(due, same=due == wanted_due) + ("?" if found.due_tier is Tier.POSSIBLE else ""),
        amount=_mark(found.amount, same=found.amount == (str(truth.amount) if truth.amount else None)),
        category=_mark(found.category, same=found.category in categories),
        reference=_mark(found.reference, same=_alike(found.reference, truth.reference)),
        verbatim="=" if all(_plain(word) in _plain(found.text) for word in _verbatim(letter)) else "≠",
        character_errors=character_error_rate(letter.text, found.text),
        ocr_ms=page.elapsed_ms,
        analysis_ms=elapsed,
    )


def _verbatim(letter: SampleLetter) -> Iterator[str]:
    yield from letter.truth.keywords
    if letter.truth.reference:
        yield letter.truth.reference


def _mark(value: str | None, *, same: bool) -> str:
    return f"{'=' if same else '≠'} {value or '-'}"[:30]


def _alike(found: str | None, wanted: str | None) -> bool:
    one, other = _plain(found or ""), _plain(wanted or "")
    return one == other or bool(one and other and (one in other or other in one))


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "", letters)


def _words(text: str) -> list[str]:
    """Words and currency signs: the dots of a form and the space around a hyphen are not what a letter says."""
    return re.findall(r"\w+|[£€$%]", unicodedata.normalize("NFKC", text))


def _peak_mb(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii")
    match = re.search(r"VmHWM:\s+(\d+)", status)
    return int(match[1]) // 1024 if match else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1, help="photographs of each letter")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--quarter-turns", type=int, default=0, help="how often the camera is turned by 90 degrees")
    parser.add_argument("--only", nargs="*", help="names of letters")
    return parser.parse_args()


if __name__ == "__main__":
    main()
