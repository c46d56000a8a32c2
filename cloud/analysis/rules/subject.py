"""What the letter is about, in its own words: a labelled line, else the line that looks most like a title."""

import re
from dataclasses import dataclass

from cloud.analysis.rules.blocks import Blocks
from cloud.analysis.rules.letter_text import Span
from cloud.analysis.rules.reading import Reading
from cloud.analysis.rules.titles import (
    LONGEST,
    SHORTEST,
    looks_of_title,
    may_be_title,
    places_of_titles,
    says_something,
)

# A title stands at most so many lines under the salutation, or under the first line of running text.
REACH_DOWN = 3
# What speaks for a title is added up; under the floor the letter has none.
FLOOR = 1.5
# "Acme Ltd, Leeds" is the sender once more, "Acme says goodbye to paper" is not.
LONGEST_ADDITION = 1.6

_COLON = re.compile(r"\s?[:.]\s*")


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject and where it stands."""

    text: str
    start: int
    end: int


def subject_of(reading: Reading, blocks: Blocks, taken: frozenset[int], sender: str) -> Subject | None:
    """Return the subject; ``taken`` are lines known to be something else, as are those that repeat the ``sender``."""
    head = range(min(blocks.head_end + REACH_DOWN + 1, len(reading.letter.lines)))
    labelled = next((found for line in head if (found := _labelled(reading, line))), None)
    if labelled:
        return labelled
    places = places_of_titles(reading, blocks)
    lines = sorted({*head, *(line for line in places if line < len(reading.letter.lines))} - taken)
    titles = [line for line in lines if may_be_title(reading, line) and not _repeats(reading, line, sender)]
    scores = {line: places.get(line, 0.0) + looks_of_title(reading, line) for line in titles}
    best = max(titles, key=lambda line: (scores[line], -line), default=None)
    return None if best is None or scores[best] < FLOOR else _subject(reading, reading.letter.span_of(best))


def _labelled(reading: Reading, line: int) -> Subject | None:
    """Return what follows "Re:" on its line, or in the next cell where the label fills its own."""
    text, span = reading.letter.folded_line(line), reading.letter.span_of(line)
    match = reading.words["subject_label"].match(text)
    colon = _COLON.match(text, match.end()) if match else None
    if not match or not (colon or match.end() == len(text.rstrip())):
        return None
    found = Span(span.start + (colon or match).end(), span.end)
    if found.start >= found.end and line + 1 < len(reading.letter.lines):
        found = reading.letter.span_of(line + 1)
    said = reading.letter.folded[found.start : found.end]
    return _subject(reading, found) if SHORTEST <= len(said) <= LONGEST and says_something(said) else None


def _repeats(reading: Reading, line: int, sender: str) -> bool:
    text = reading.letter.folded_line(line).strip(" .,")
    return text in sender or (bool(sender) and sender in text and len(text) <= LONGEST_ADDITION * len(sender))


def _subject(reading: Reading, span: Span) -> Subject:
    return Subject(reading.letter.text[span.start : span.end], span.start, span.end)
