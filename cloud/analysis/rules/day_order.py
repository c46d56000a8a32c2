"""Whether 3/4/2026 is in April or in March: only other evidence in the letter can say."""

import re
from enum import Enum

from cloud.analysis.rules.lexicon import lexicon

# From this lead on the evidence decides; one word alone does not.
LEAD = 2

_PAIR = re.compile(r"(?<![\d/.\-])(\d{1,2})([/\-])(\d{1,2})\2(?:\d{4}|\d{2})(?![\d/])")
_UK_POSTCODE = re.compile(r"\b[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}\b")
_US_ZIP = re.compile(r"\b[a-z]{2}\.?\s\s?\d{5}(?:-\d{4})?\b")
_US_PHONE = re.compile(r"\(\d{3}\)\s?\d{3}-\d{4}|\b1-?8\d\d-\d{3}-\d{4}|\b\d{3}-\d{3}-\d{4}\b")
_UK_PHONE = re.compile(r"\+44|\b0\d{2,4}\s\d{3,4}\s?\d{3,4}\b")
_MONTH_FIRST = re.compile(
    r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s(?:19|20)\d\d"
)
_DAY_FIRST = re.compile(
    r"\b\d{1,2}(?:st|nd|rd|th)?\s(?:of\s)?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s(?:19|20)\d\d"
)


class DayOrder(Enum):
    """Which number of a date comes first."""

    DAY_FIRST = "day first"
    MONTH_FIRST = "month first"
    UNKNOWN = "unknown"


def day_order(text: str, language: str | None) -> DayOrder:
    """Return the order for a letter's folded ``text``; a language other than English puts the day first."""
    firsts, seconds = _beyond_twelve(text)
    if bool(firsts) != bool(seconds):
        return DayOrder.DAY_FIRST if firsts else DayOrder.MONTH_FIRST
    if language not in ("en", None):
        return DayOrder.DAY_FIRST
    lead = _british(text) - _american(text)
    if abs(lead) < LEAD:
        return DayOrder.UNKNOWN
    return DayOrder.DAY_FIRST if lead > 0 else DayOrder.MONTH_FIRST


def _beyond_twelve(text: str) -> tuple[int, int]:
    pairs = [(int(match[1]), int(match[3])) for match in _PAIR.finditer(text)]
    return sum(first > 12 >= second for first, second in pairs), sum(second > 12 >= first for first, second in pairs)


def _british(text: str) -> int:
    return (
        2 * bool(re.search(r"£|\bgbp\b", text))
        + 3 * bool(_UK_POSTCODE.search(text))
        + 2 * bool(_UK_PHONE.search(text))
        + 2 * bool(_DAY_FIRST.search(text))
        + min(len(set(lexicon("en")["british"].findall(text))), 3)
    )


def _american(text: str) -> int:
    return (
        bool(re.search(r"\$|\busd\b", text))
        + 3 * bool(_US_ZIP.search(text))
        + 3 * bool(_US_PHONE.search(text))
        + 3 * bool(_MONTH_FIRST.search(text))
        + min(len(set(lexicon("en")["american"].findall(text))), 3)
    )
