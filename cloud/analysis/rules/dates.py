"""Dates in a letter, by strict patterns only: free-form date search turns invoice numbers into dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from cloud.analysis.rules.day_order import DayOrder, day_order
from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.lexicon import LANGUAGES, lexicon, months

EARLIEST_YEAR = 1900
LATEST_YEAR = 2099
# Two digits for a year: a letter speaks of births, of years past and of loans to come.
CENTURY_TURN = 69
# A day without a year lies within this many days before the letter, else it is next year's.
DAYS_BACK = 60

_SEPARATED = re.compile(r"(?<!\d)([0-9oil]{1,2})\s?([./\-,])\s?([0-9oil]{1,2})\s?\2\s?(\d{4}|\d{2})(?!\d)")
_ISO = re.compile(r"(?<![\d/.\-])(\d{4})([-/.])(\d{2})\2(\d{2})(?!\d|[-/.]\d)")
_NO_YEAR_DOTTED = re.compile(r"(?<![\d.,])(\d{1,2})\.\s?(\d{1,2})\.(?!\s?\d|[a-z])")
_NO_YEAR_SLASHED = re.compile(r"(?<![\d/.])(\d{1,2})/(\d{1,2})(?![\d/]|\.\d|\s?%)")
# "section 12 may apply", "mar. 3" for mardi 3: a month only where a year follows.
_ALSO_WORDS = ("may", "mar")
_WITHOUT_YEAR = {"de": _NO_YEAR_DOTTED, "fr": _NO_YEAR_SLASHED, "es": _NO_YEAR_SLASHED}
_NEVER = re.compile(r"(?!)")
_LOOKALIKES = str.maketrans("oil", "011")


@dataclass(frozen=True, slots=True)
class FoundDate:
    """A date in the text. ``sure`` is false when the order of day and month or the year had to be guessed."""

    start: int
    end: int
    value: date
    sure: bool


def find_dates(letter: LetterText, language: str | None, written: date) -> tuple[FoundDate, ...]:
    """Return all dates in order of their place; ``written`` is a day near the letter's own, for dates without year."""
    order = day_order(letter.folded, language)
    found: list[FoundDate] = []
    for candidate in sorted(_candidates(letter.folded, language, written, order), key=_longest_first):
        if not any(candidate.start < other.end and other.start < candidate.end for other in found):
            found.append(candidate)
    return tuple(sorted(found, key=lambda each: each.start))


def _longest_first(candidate: FoundDate) -> tuple[int, int]:
    return candidate.start - candidate.end, candidate.start


def _candidates(text: str, language: str | None, written: date, order: DayOrder) -> Iterator[FoundDate]:
    for match in _ISO.finditer(text):
        yield from _dated(match, int(match[1]), int(match[3]), int(match[4]))
    for match in _SEPARATED.finditer(text):
        yield from _separated(match, text, order)
    for names in (_day_month(), _month_day()):
        for match in names.finditer(text):
            yield from _named(match, written)
    for match in _WITHOUT_YEAR.get(language or "", _NEVER).finditer(text):
        yield from _without_year(match, int(match[2]), int(match[1]), written)


def _separated(match: re.Match[str], text: str, order: DayOrder) -> Iterator[FoundDate]:
    """Numbers between dots, slashes or dashes; dotted dates put the day first everywhere."""
    if not _stands_alone(match, text):
        return
    first, second = (int(part.translate(_LOOKALIKES)) for part in (match[1], match[3]))
    day_first = match[2] == "." or order is not DayOrder.MONTH_FIRST
    if match[2] != "." and (second if day_first else first) > 12:
        day_first = not day_first
    day, month = (first, second) if day_first else (second, first)
    sure = match[2] == "." or order is not DayOrder.UNKNOWN or max(first, second) > 12 or first == second
    yield from _dated(match, _year(match[4]), month, day, sure=sure)


def _stands_alone(match: re.Match[str], text: str) -> bool:
    """Whether this is not a piece of a longer number such as 1.10.11.2026 or 30-11-2026-3."""
    separator = match[2]
    before, after = text[max(match.start() - 2, 0) : match.start()], text[match.end() : match.end() + 2]
    longer = (before[-1:] == separator and before[:1].isdigit()) or (after[:1] == separator and after[1:].isdigit())
    has_digits = any(map(str.isdigit, match[1])) and any(map(str.isdigit, match[3]))
    return has_digits and not longer and not (separator == "," and len(match[4]) == 2)


def _named(match: re.Match[str], written: date) -> Iterator[FoundDate]:
    day, month, year = match["day"], match["month"], match["year"]
    number = _month_numbers()[month]
    if year is None and month in _ALSO_WORDS:
        return
    if year is None:
        yield from _without_year(match, number, int(day), written)
    else:
        yield from _dated(match, _year(year), number, int(day))


def _without_year(match: re.Match[str], month: int, day: int, written: date) -> Iterator[FoundDate]:
    earliest = written - timedelta(days=DAYS_BACK)
    for year in (earliest.year, earliest.year + 1):
        value = _date(year, month, day)
        if value is not None and value >= earliest:
            yield FoundDate(match.start(), match.end(), value, sure=False)
            return


def _dated(match: re.Match[str], year: int, month: int, day: int, *, sure: bool = True) -> Iterator[FoundDate]:
    value = _date(year, month, day)
    if value is not None:
        yield FoundDate(match.start(), match.end(), value, sure)


def _date(year: int, month: int, day: int) -> date | None:
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        return None
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _year(digits: str) -> int:
    if len(digits) == 4:
        return int(digits)
    return int(digits) + (2000 if int(digits) <= CENTURY_TURN else 1900)


@cache
def _month_numbers() -> dict[str, int]:
    return {name: number for language in LANGUAGES for number, names in months(language) for name in names}


@cache
def _month_names() -> str:
    return "|".join(sorted(_month_numbers(), key=len, reverse=True))


@cache
def _day_month() -> re.Pattern[str]:
    """Such as 30 November 2026, 30. November, 30th of Nov 26, 30Nov2026, 1er décembre 2026, 3 de dic. de 2026."""
    return re.compile(
        rf"(?<!\d)(?<!\d[.,/])(?P<day>\d{{1,2}})\s{{0,2}}(?:st|nd|rd|th|er|ro|\.|º|°|o(?=\s))?\s{{0,2}}"
        rf"(?:day\s)?(?:of\s{{0,2}}|de\s{{0,2}}|del\s{{0,2}})?[\-/.]?(?P<month>{_month_names()})(?![a-z])"
        rf"(?:\.?[\s,\-/.']{{0,3}}(?:de\s{{0,2}}|del\s{{0,2}})?(?P<year>(?:19|20)\d\d|[2-4]\d(?!\d|[:.,h]\d|\s?(?:h|uhr|am|pm)\b))(?!\d))?"
    )


@cache
def _month_day() -> re.Pattern[str]:
    """Such as November 30, 2026 and Nov. 30; May 2026 is not a day."""
    english = "|".join(sorted((name for _, names in months("en") for name in names), key=len, reverse=True))
    return re.compile(
        rf"(?<![a-z])(?P<month>{english})\.?\s{{0,2}}(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\d:]|\.\d)"
        rf"(?:(?:,\s{{0,2}}|\s{{1,2}})(?P<year>(?:19|20)\d\d)(?!\d))?"
    )


@cache
def weekday_pattern() -> re.Pattern[str]:
    """Return a pattern for the weekday names of all languages."""
    return re.compile("|".join(f"(?:{lexicon(language)['weekday'].pattern})" for language in LANGUAGES))
