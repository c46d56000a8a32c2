"""What the letter is about, in its own words: a labelled line, the line around the salutation, a title."""

import re
from dataclasses import dataclass
from itertools import chain

from cloud.analysis.rules.blocks import Blocks, is_address, is_contact, is_titled
from cloud.analysis.rules.letter_text import height_of
from cloud.analysis.rules.reading import Reading

SHORTEST, LONGEST = 4, 110


@dataclass(frozen=True, slots=True)
class Subject:
    """The subject and where it stands."""

    text: str
    start: int
    end: int


def subject_of(reading: Reading, blocks: Blocks, taken: frozenset[int]) -> Subject | None:
    """Return the subject; ``taken`` are lines already known as sender's, recipient's or date lines."""
    for line in range(len(reading.letter.lines)):
        labelled = _labelled(reading, line)
        if labelled:
            return labelled
    places = (_around_salutation(blocks), _titles(reading, blocks), _largest(reading, blocks), _over_text(blocks))
    for line in chain(*places):
        if line not in taken and _may_be(reading, line):
            return _whole(reading, line)
    return None


def _labelled(reading: Reading, line: int) -> Subject | None:
    text = reading.letter.folded_line(line)
    match = reading.words["subject_label"].match(text)
    colon = re.compile(r"\s?[:.]\s*").match(text, match.end()) if match else None
    if (
        not colon
        or not SHORTEST <= len(text) - colon.end() <= LONGEST
        or not re.search(r"[a-z]{3}", text[colon.end() :])
    ):
        return None
    span = reading.letter.span_of(line)
    start = span.start + colon.end()
    return Subject(reading.letter.text[start : span.end], start, span.end)


def _around_salutation(blocks: Blocks) -> tuple[int, ...]:
    """British letters put it under the salutation, others above."""
    return () if blocks.salutation is None else (blocks.salutation + 1, blocks.salutation - 1, blocks.salutation - 2)


def _titles(reading: Reading, blocks: Blocks) -> list[int]:
    lines = range(min(blocks.head_end + 4, len(reading.letter.lines)))
    return [line for line in lines if reading.words["title"].search(reading.letter.folded_line(line))]


def _largest(reading: Reading, blocks: Blocks) -> list[int]:
    lines = range(min(blocks.head_end + 3, len(reading.letter.lines)))
    large = [line for line in lines if height_of(reading.letter.lines[line]) > 1.3 * reading.letter.line_height]
    return sorted(large, key=lambda line: -height_of(reading.letter.lines[line]))


def _over_text(blocks: Blocks) -> range:
    """Without a salutation the lines over the running text, the nearest first."""
    return range(blocks.head_end, blocks.head_end - 4, -1) if blocks.salutation is None else range(0)


def _may_be(reading: Reading, line: int) -> bool:
    if not 0 <= line < len(reading.letter.lines):
        return False
    text, original = reading.letter.folded_line(line).strip(), reading.letter.lines[line].text.strip()
    if not SHORTEST <= len(text) <= LONGEST or not re.search(r"[a-z]{3}", text) or original[0].islower():
        return False
    if original.endswith((".", ",", ";")) or is_address(text) or is_contact(text) or is_titled(reading, text):
        return False
    if reading.words["not_subject"].match(text) or reading.words["salutation"].match(text):
        return False
    # A sentence that runs on into the next line is the letter's first, not its title.
    sentence = reading.letter.sentence_at(reading.letter.span_of(line).start)
    return sentence.end <= reading.letter.span_of(line).end and not _only_dated(reading, line)


def _only_dated(reading: Reading, line: int) -> bool:
    span = reading.letter.span_of(line)
    rest = list(reading.letter.folded[span.start : span.end])
    for found in reading.dates:
        if span.holds(found.start):
            rest[found.start - span.start : found.end - span.start] = " " * (found.end - found.start)
    words = re.findall(r"[a-z]{3,}", "".join(rest))
    dated = any(span.holds(found.start) for found in reading.dates)
    return dated and len(words) <= 2


def _whole(reading: Reading, line: int) -> Subject:
    span = reading.letter.span_of(line)
    return Subject(reading.letter.text[span.start : span.end], span.start, span.end)
