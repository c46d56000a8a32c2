"""The number to quote: what the letter asks to quote, else the invoice's, the case's, the customer's."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cloud.analysis.rules.reading import Reading

GROUPS = (
    "reference_pay",
    "reference_invoice",
    "reference_case",
    "reference_bare",
    "reference_customer",
    "reference_other",
)
# "Please quote your account number 8504": words that may stand between the request and the number.
_WORDS_BETWEEN = re.compile(r"(?:\s?[a-z\-']{2,20}[.:]?){0,4}\s{0,2}[:.#°º]{0,2}\s{0,2}(?=\S*\d)")

_LINK = (
    r"(?:\s?(?:number|nummer|numero|num|no|nr|n°|nº|#|is|ist|lautet|und|and|the|code|id)(?![a-z])\.?){0,2}"
    r"\s?[:.#°º]{0,2}\s{0,3}"
)
_WORD = r"[a-z\d](?:[a-z\d]|[\-/.](?=[a-z\d]))*"
_VALUE = re.compile(rf"(?=[^\s]{{0,24}}\d|[a-z]{{1,6}}[ \-/]?\d){_WORD}(?:\s(?=[\da-z\-/.]*\d){_WORD}){{0,5}}")
_DATE_LIKE = re.compile(r"\d{1,2}[./\-]\d{1,2}[./\-]\d{2,4}|\d{4}-\d\d-\d\d|(?:19|20)\d\d")
# More is a misreading, and no more is kept.
SHORTEST, LONGEST = 3, 100
# A label in one cell, its number in the cell to the right or below.
REACH_DOWN = 2.2


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference as printed and where it stands."""

    text: str
    start: int
    end: int


def reference_of(reading: Reading) -> Reference | None:
    """Return the reference the owner should quote, None when there is none."""
    return next(_all(reading), None)


def _all(reading: Reading) -> Iterator[Reference]:
    for group in GROUPS:
        for match in reading.words[group].finditer(reading.letter.folded):
            found = _after(reading, match.end()) or _beside(reading, match.start(), match.end())
            if not found and group == "reference_pay":
                found = _asked(reading, match.end())
            if found:
                yield found


def _asked(reading: Reading, end: int) -> Reference | None:
    sentence = reading.letter.sentence_at(max(end - 1, 0))
    between = _WORDS_BETWEEN.match(reading.letter.folded, end, sentence.end)
    return _value(reading, between.end(), sentence.end) if between else None


def _after(reading: Reading, end: int) -> Reference | None:
    line = reading.letter.span_of(reading.letter.line_at(max(end - 1, 0)))
    link = re.compile(_LINK).match(reading.letter.folded, end, line.end)
    return _value(reading, link.end() if link else end, line.end)


def _beside(reading: Reading, start: int, end: int) -> Reference | None:
    """Look right, then down, when the label fills its cell."""
    letter = reading.letter
    line = letter.line_at(start)
    span = letter.span_of(line)
    if re.search(r"[a-z\d]{3}", letter.folded[end : span.end]) or start - span.start > 14:
        return None
    right = [other for other in range(len(letter.lines)) if letter.left_of(other)[:1] == (line,)]
    below = [
        other
        for other in range(line + 1, min(line + 6, len(letter.lines)))
        if line in letter.above(other, REACH_DOWN)[:1]
    ]
    for other in right + below:
        found = _value(reading, letter.span_of(other).start, letter.span_of(other).end)
        if found:
            return found
    return None


def _value(reading: Reading, start: int, end: int) -> Reference | None:
    match = _VALUE.match(reading.letter.folded, start, end)
    if not match or sum(map(str.isdigit, match[0])) < 2 or not SHORTEST <= len(match[0]) <= LONGEST:
        return None
    if _DATE_LIKE.fullmatch(match[0]) or any(found.start <= match.start() < found.end for found in reading.dates):
        return None
    text = reading.letter.text[match.start() : match.end()]
    if text.split()[0].isalpha() and not text.split()[0].isupper():
        return None
    return Reference(text, match.start(), match.end())
