"""A letter as the rules see it: one text with offsets, the same text folded for matching, sentences, and rows."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import median

from cloud.ports.ocr_engine import OcrLine, rows_of

# Measured on 15 frames of bursts and 10 photographs: below this 12 of 76 words are words of the letter, from 0.9 on
# more than 99 of 100, and hardly any line lies between.
LEGIBLE = 0.7
# A line this long relative to the longest one may run on into the next line.
FULL_LINE = 0.62
# From line to line no paragraph takes more than so many line heights, nor so many times what is usual in its letter.
WIDEST_LEADING, PARAGRAPH_GAP = 2.4, 1.4
# Nobody writes longer ones; rules look at whole sentences, so this bounds their work on hostile text.
LONGEST_SENTENCE = 800
# Curly, long and full-width characters that OCR and typesetters put in place of plain ones.
_PLAIN = str.maketrans(
    "\u2019\u2018\u00b4\u2013\u2014\u2010\u2011\u2212\u201c\u201e\u201d\uff1a\uff0c\uff08\uff09\uff0e\uff1b\u00df",
    "'''-----\"\"\":,().;s",
)
_SENTENCE_END = re.compile(r"[.!?][\"')]?\s+(?=[^\s])")
_NO_END = re.compile(
    r"(?:^|[^a-z])(?:dr|mr|mrs|ms|prof|st|no|nr|tel|fax|art|abs|bzw|ca|inkl|zzgl|ggf|evtl|usw|vgl|gem|lt|z\.b|d\.h|u\.a|i\.d\.r|"
    r"str|e\.g|i\.e|etc|ref|ext|dept|approx|incl|jan|feb|febr|fevr|mar|apr|avr|jun|jul|juil|aug|sep|sept|oct|okt|nov|dec|dez|"
    r"mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|m|mm|mme|mlle|sr|sra|av|avda|num|n|p|s|r|a\.m|p\.m|a|co|ltd|inc)$"
)

_ORDINAL = re.compile(r"(?<![\d.,])\d{1,2}$")
_MONTH = re.compile(r"(?:jan|feb|mar|apr|mai|may|jun|jul|aug|sep|o[ck]t|nov|de[cz])")


def folded(text: str) -> str:
    """Return the text in lower case, without accents, with plain punctuation and exactly as long as before."""
    return "".join(map(_fold, text))


def _fold(character: str) -> str:
    if character.isascii():
        return " " if character in "\t\xa0" else character.lower()
    if character.translate(_PLAIN) != character:
        return character.translate(_PLAIN)
    if character.isspace():
        return character if character == "\n" else " "
    plain = unicodedata.normalize("NFKD", character)[0].lower()
    return plain if len(plain) == 1 else character


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the letter's text, end exclusive."""

    start: int
    end: int

    def holds(self, offset: int) -> bool:
        """Whether the character at ``offset`` is inside."""
        return self.start <= offset < self.end


class LetterText:
    """The lines of a letter joined by line feeds; every offset refers to that text.

    An illegible line is kept in ``text`` and blank in ``folded``, so that no rule finds anything in it.
    """

    def __init__(self, lines: Sequence[OcrLine]) -> None:
        self.lines = tuple(lines)
        self.text = "\n".join(line.text for line in self.lines)
        self.folded = "\n".join(folded(line.text) if is_legible(line) else " " * len(line.text) for line in self.lines)
        self._starts = []
        start = 0
        for line in self.lines:
            self._starts.append(start)
            start += len(line.text) + 1

    def line_at(self, offset: int) -> int:
        """Return the index of the line that holds the character at ``offset``."""
        return max(bisect_right(self._starts, offset) - 1, 0)

    def line_ids(self, start: int, end: int) -> tuple[int, ...]:
        """Return the indexes of the lines that the stretch touches."""
        return tuple(range(self.line_at(start), self.line_at(max(start, end - 1)) + 1))

    def span_of(self, line: int) -> Span:
        """Return where line ``line`` stands in the text."""
        return Span(self._starts[line], self._starts[line] + len(self.lines[line].text))

    def printed(self, line: int) -> str:
        """Return what line ``line`` says, nothing when it is illegible."""
        return self.lines[line].text if is_legible(self.lines[line]) else ""

    def folded_line(self, line: int) -> str:
        """Return one line, folded."""
        span = self.span_of(line)
        return self.folded[span.start : span.end]

    @cached_property
    def line_height(self) -> float:
        """Median height of a legible line in pixels; shadows and stains read as letters have any."""
        return median(map(height_of, filter(is_legible, self.lines))) if any(map(is_legible, self.lines)) else 0.0

    @cached_property
    def rows(self) -> tuple[tuple[int, ...], ...]:
        """The indexes of the lines by printed row, from left to right."""
        index = {id(line): number for number, line in enumerate(self.lines)}
        return tuple(tuple(index[id(line)] for line in row) for row in rows_of(self.lines))

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {line: number for number, row in enumerate(self.rows) for line in row}

    def left_of(self, line: int) -> tuple[int, ...]:
        """Return the cells to the left in the same row, the nearest first."""
        row = self.rows[self._row_of[line]]
        return tuple(reversed(row[: row.index(line)]))

    def right_of(self, line: int) -> tuple[int, ...]:
        """Return the cells to the right in the same row, the nearest first."""
        row = self.rows[self._row_of[line]]
        return row[row.index(line) + 1 :]

    def stands_apart(self, line: int) -> bool:
        """Whether white space parts the line from the one before and the one after it."""
        return all(not self._is_near(other) for other in (line - 1, line) if 0 <= other < len(self.lines) - 1)

    def above(self, line: int, reach: float = 3.0) -> tuple[int, ...]:
        """Return the cells above that overlap sideways, the nearest first, within ``reach`` line heights."""
        left, right = sides_of(self.lines[line])
        found = []
        for number in range(self._row_of[line] - 1, -1, -1):
            row = self.rows[number]
            if top_of(self.lines[line]) - top_of(self.lines[row[0]]) > reach * max(self.line_height, 1.0):
                break
            found += [other for other in row if _overlap((left, right), sides_of(self.lines[other]))]
        return tuple(found)

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """The sentences; a line that does not run on ends one, and so does a cell of a table."""
        return tuple(sentence for run in self._runs() for sentence in self._split(run))

    def sentence_at(self, offset: int) -> Span:
        """Return the sentence that holds the character at ``offset``."""
        starts = self._sentence_starts
        return self.sentences[max(bisect_right(starts, offset) - 1, 0)]

    @cached_property
    def _sentence_starts(self) -> list[int]:
        return [sentence.start for sentence in self.sentences]

    def _runs(self) -> Iterator[Span]:
        """Yield stretches of lines that run on from one into the next."""
        first = 0
        for line in range(len(self.lines)):
            if line + 1 == len(self.lines) or not self._runs_on(line):
                yield Span(self._starts[first], self.span_of(line).end)
                first = line + 1

    def _runs_on(self, line: int) -> bool:
        here, below = self.lines[line], self.lines[line + 1]
        if here.text.rstrip().endswith(":") or self._row_of[line] == self._row_of[line + 1]:
            return False
        if len(self.rows[self._row_of[line]]) > 1 or not _same_margin(here, below, self.line_height):
            return False
        return self._is_near(line) and len(here.text) >= FULL_LINE * self._longest and " " in here.text.strip()

    def _is_near(self, line: int) -> bool:
        """Whether the next line is no further away than the lines of one paragraph are."""
        return top_of(self.lines[line + 1]) - top_of(self.lines[line]) <= PARAGRAPH_GAP * self._leading

    @cached_property
    def _leading(self) -> float:
        """The distance from line to line in running text, in pixels; letters without any have the widest one."""
        widest = WIDEST_LEADING * max(self.line_height, 1.0)
        steps = [
            top_of(below) - top_of(here)
            for here, below in pairwise(self.lines)
            if len(here.text) >= FULL_LINE * self._longest and _same_margin(here, below, self.line_height)
        ]
        steps = [step for step in steps if 0 < step <= widest]
        return median(steps) if len(steps) > 1 else widest / PARAGRAPH_GAP

    @cached_property
    def _longest(self) -> int:
        lengths = sorted(len(line.text) for line in self.lines)
        return max(lengths[int(0.9 * (len(lengths) - 1))], 30)

    def _goes_on(self, offset: int) -> bool:
        """Whether what follows a number and a dot is no new sentence: 30. November, am 3. des Monats, 1. 2026."""
        word = self.text[offset : offset + 1]
        return word.islower() or word.isdigit() or bool(_MONTH.match(self.folded, offset))

    def _split(self, run: Span) -> Iterator[Span]:
        start = run.start
        for stop in _SENTENCE_END.finditer(self.folded, run.start, run.end):
            before = self.folded[max(start, stop.start() - 12) : stop.start()]
            if not _NO_END.search(before) and not (_ORDINAL.search(before) and self._goes_on(stop.end())):
                yield Span(start, stop.end())
                start = stop.end()
        for cut in range(start, run.end, LONGEST_SENTENCE):
            yield Span(cut, min(cut + LONGEST_SENTENCE, run.end))


def is_legible(line: OcrLine) -> bool:
    """Whether a line was read well enough to be believed."""
    return line.confidence >= LEGIBLE


def height_of(line: OcrLine) -> float:
    """Return the height of a line in pixels."""
    (_, top), _, _, (_, bottom) = line.polygon
    return bottom - top


def top_of(line: OcrLine) -> float:
    """Return the height of the line's top left corner on the page."""
    return line.polygon[0][1]


def sides_of(line: OcrLine) -> tuple[float, float]:
    """Return the left and the right edge of a line."""
    across = [x for x, _ in line.polygon]
    return min(across), max(across)


def _overlap(one: tuple[float, float], other: tuple[float, float]) -> bool:
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return shared > 0.3 * min(one[1] - one[0], other[1] - other[0])


def _same_margin(here: OcrLine, below: OcrLine, height: float) -> bool:
    return abs(sides_of(here)[0] - sides_of(below)[0]) <= 3.0 * max(height, 1.0)
