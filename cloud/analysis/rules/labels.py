"""What stands before a value and says what it is: words in the sentence, the cell to the left, the cell above."""

import re
from collections.abc import Mapping

from cloud.analysis.rules.dates import weekday_pattern
from cloud.analysis.rules.letter_text import LetterText

# Words between a label and its value that say nothing ("due on or about the", "fällig am Freitag, den").
FILLERS = 6
# A cell longer than this is a sentence, not a label.
LONGEST_LABEL = 60
# A label stands at most so many line heights above its value.
REACH_UP = 2.6

_FILLER_WORDS = (
    r"on|the|is|of|day|am|den|dem|der|le|la|el|dia|du|au|al|in|a|eur|euro|euros|gbp|usd|chf|this|total|um|at|noon|midnight|"
    r"das|sind|ist|est|es|de|or about"
)
_TIME = r"\d{1,2}\s?(?:[:.h]\s?\d\d)?\s?(?:a\.?m\.?|p\.?m\.?|uhr|h|horas)?"
_JUNK = r"[\s:;.,\-=>*|_()\"'…]+"


def stripped(text: str) -> str:
    """Return folded ``text`` without the punctuation and blanks at its end."""
    return re.sub(rf"(?:{_JUNK})$", "", text)


def nearest(groups: Mapping[str, re.Pattern[str]], before: str) -> str | None:
    """Return the name of the group whose phrase ends ``before``, fillers aside; the longest phrase wins."""
    text = stripped(before)
    for _ in range(FILLERS):
        lengths = {name: _length_at_end(pattern, text) for name, pattern in groups.items()}
        best = max(lengths, key=lambda name: lengths[name])
        if lengths[best]:
            return best
        shorter = _without_filler(text)
        if shorter == text:
            return None
        text = shorter
    return None


def label_texts(letter: LetterText, start: int) -> tuple[str, ...]:
    """Return folded texts that may label the value at ``start``: its sentence so far, else the cells around it."""
    sentence, line = letter.sentence_at(start), letter.line_at(start)
    before = letter.folded[sentence.start : start]
    if re.search(r"[a-z]{2}", weekday_pattern().sub("", before)):
        return (before,)
    return tuple(_cells(letter, line)) if _fills_cell(letter, line, start) else ()


def _cells(letter: LetterText, line: int) -> list[str]:
    left = [letter.folded_line(other) for other in letter.left_of(line)]
    above = [letter.folded_line(other) for other in letter.above(line, REACH_UP)]
    labels = [text for text in left if re.search(r"[a-z]{2}", text)][:1]
    return [text for text in labels + above[:2] if len(text) <= LONGEST_LABEL]


def _fills_cell(letter: LetterText, line: int, start: int) -> bool:
    """Whether the value begins its cell; one in the middle of a sentence has no label to its left."""
    span = letter.span_of(line)
    before = weekday_pattern().sub("", letter.folded[span.start : start])
    return len(before) <= 4 or not re.search(r"[a-z]{3}", before)


def _length_at_end(pattern: re.Pattern[str], text: str) -> int:
    return max((len(m[0]) for m in pattern.finditer(text, max(len(text) - 80, 0)) if m.end() == len(text)), default=0)


def _without_filler(text: str) -> str:
    weekday = next((m for m in weekday_pattern().finditer(text, max(len(text) - 14, 0)) if m.end() == len(text)), None)
    if weekday:
        return stripped(text[: weekday.start()])
    return stripped(re.sub(rf"(?:(?<![a-z])(?:{_FILLER_WORDS})|(?<!\d){_TIME})$", "", text))
