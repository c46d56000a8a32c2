"""Terms counted in days: "within 14 days of the date of this letter"."""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum
from functools import cache

from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.lexicon import lexicon, numbers

# The anchor follows the term within so many characters ("14 days, beginning with the date of this notice").
ANCHOR_REACH = 70
LONGEST_TERM_DAYS = 190


class Anchor(Enum):
    """From which day a term is counted."""

    LETTER = "letter"
    RECEIPT = "receipt"
    UNSAID = "unsaid"


@dataclass(frozen=True, slots=True)
class Term:
    """A term in the text: so many of a unit after the anchor."""

    start: int
    end: int
    count: int
    unit: str
    anchor: Anchor

    def after(self, day: date) -> date:
        """Return the last day of the term when it starts on ``day``."""
        if self.unit == "months":
            return _months_later(day, self.count)
        if self.unit == "working_days":
            return _working_days_later(day, self.count)
        return day + timedelta(days=self.count * (7 if self.unit == "weeks" else 1))


def find_terms(letter: LetterText, language: str) -> Iterator[Term]:
    """Yield the terms in the letter, in order."""
    words = lexicon(language)
    for match in _pattern(language).finditer(letter.folded):
        count = int(match["digits"]) if match["digits"] else numbers(language)[match["word"]]
        unit = next(name for name in ("working_days", "days", "weeks", "months_unit") if match[name])
        anchor, end = _anchor(words["from_letter"], words["from_receipt"], letter.folded, match.end())
        if 0 < count * {"weeks": 7, "months_unit": 30}.get(unit, 1) <= LONGEST_TERM_DAYS:
            yield Term(match.start(), end, count, unit.removesuffix("_unit"), anchor)


def _anchor(from_letter: re.Pattern[str], from_receipt: re.Pattern[str], text: str, end: int) -> tuple[Anchor, int]:
    stop = _stop(text, end)
    for anchor, pattern in ((Anchor.LETTER, from_letter), (Anchor.RECEIPT, from_receipt)):
        match = pattern.search(text, end, stop)
        if match:
            return anchor, match.end()
    return Anchor.UNSAID, end


def _stop(text: str, end: int) -> int:
    sentence_end = re.compile(r"[.;!?](?:\s|$)").search(text, end, end + ANCHOR_REACH)
    return sentence_end.start() if sentence_end else end + ANCHOR_REACH


@cache
def _pattern(language: str) -> re.Pattern[str]:
    words = lexicon(language)
    spelled = "|".join(sorted(map(re.escape, numbers(language)), key=len, reverse=True))
    units = "|".join(f"(?P<{unit}>{words[unit].pattern})" for unit in ("working_days", "days", "weeks", "months_unit"))
    return re.compile(
        rf"(?:{words['within'].pattern})[\s:]{{0,3}}(?:\w{{2,12}}\s){{0,2}}?(?:(?P<digits>\d{{1,3}})|(?P<word>{spelled})(?![a-z]))"
        rf"\s{{0,2}}(?:\(\w+\)|-)?\s{{0,2}}(?:{units})"
    )


def _months_later(day: date, count: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _working_days_later(day: date, count: int) -> date:
    """Saturdays and Sundays are skipped; public holidays differ by place, so such a term is never certain."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day
