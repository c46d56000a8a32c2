"""Sums of money in a letter: £1,234.56, 1.234,56 €, CHF 84.-, 84,20 EUR, Fr. 1'250.00."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from cloud.analysis.rules.dates import weekday_pattern
from cloud.analysis.rules.letter_text import LetterText

_SYMBOLS = {
    "£": "GBP",
    "$": "USD",
    "€": "EUR",
    "gbp": "GBP",
    "usd": "USD",
    "us$": "USD",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
}
_SYMBOLS |= {"chf": "CHF", "fr.": "CHF", "sfr.": "CHF", "sfr": "CHF", "fr": "CHF", "cad": "CAD", "aud": "AUD"}
_CODE = r"(?:£|us\$|\$|€|(?<![a-z])(?:gbp|usd|euros?|eur|chf|s?fr\.?|cad|aud)(?![a-z]))"
_NUMBER = r"(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)(?:[.,] ?\d{2}(?!\d)|[.,] ?[-]{1,2}(?![\d\w]))?"
_MONEY = re.compile(
    rf"(?P<minus0>- ?)?(?P<before>{_CODE}) {{0,3}}(?P<minus>- ?)?(?P<number>{_NUMBER})(?!\d|[.,]\d)|"
    rf"(?<![\d.,'/:\-])(?P<minus2>- ?)?(?P<number2>{_NUMBER}) {{0,2}}"
    r"(?P<after>£|€|(?:eur|euros?|chf|gbp|usd|fr)(?![a-z]))"
)
# A bare number with two decimals is money where the letter says its currency elsewhere.
_BARE = re.compile(
    r"(?<![\d.,'/:\-\w])(?P<number>(?:\d{1,3}(?:[.,' ]\d{3})+|\d+)[.,]\d{2})"
    r"(?![\d%]|[.,/]\d| ?(?:%|kwh|m3|kg|km|uhr|h\b|cbm|ct))"
)

# A minus or currency sign, or words that a time of day follows.
_CLOCK_WORDS = r"\b(?:at|um|ab|von|bis|a las|time|uhrzeit|heure|hora)"
_NOT_MONEY = re.compile(rf"[-£$€]\s?$|(?:{weekday_pattern().pattern}|{_CLOCK_WORDS})\W*$")

# A statement of account has fewer; hostile text has thousands.
MOST_SUMS = 300
# Of a sum, pence too: more are a misreading, and no more than the 20 characters of it are kept.
MOST_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Money:
    """A sum in the text."""

    start: int
    end: int
    value: Decimal
    currency: str


def find_money(letter: LetterText) -> tuple[Money, ...]:
    """Return all sums in order; numbers without a currency count only where they fill a cell of a table."""
    marked = [money for money in _marked(letter.folded) if _is_possible(letter, money)]
    if not marked and not re.search(_CODE, letter.folded):
        return ()
    currency = _commonest([money.currency for money in marked]) if marked else _mentioned(letter.folded)
    bare = [
        money
        for money in _bare(letter, currency)
        if _is_possible(letter, money) and not any(_touch(money, other) for other in marked)
    ]
    return tuple(sorted(marked + bare, key=lambda money: money.start)[:MOST_SUMS])


def parsed(number: str) -> Decimal:
    """Return a folded number: the last separator is a decimal one when exactly two digits or dashes follow it."""
    digits = re.sub(r"[\s']", "", number)
    match = re.fullmatch(r"(.*?)[.,](\d{2}|-{1,2})", digits)
    whole, cents = (match[1], match[2].replace("--", "00").replace("-", "00")) if match else (digits, "00")
    return Decimal(f"{re.sub(r'[.,]', '', whole)}.{cents}")


def _marked(text: str) -> Iterator[Money]:
    for match in _MONEY.finditer(text):
        code = (match["before"] or match["after"]).strip()
        number = match["number"] or match["number2"]
        if not (match["minus0"] or match["minus"] or match["minus2"]):
            yield Money(match.start(), match.end(), parsed(number), _SYMBOLS[code])


def _bare(letter: LetterText, currency: str) -> Iterator[Money]:
    for match in _BARE.finditer(letter.folded):
        line = letter.span_of(letter.line_at(match.start()))
        rest = letter.folded[match.end() : line.end].strip()
        before = letter.folded[line.start : match.start()]
        if re.fullmatch(r"[*.]{0,3}|[a-z]", rest) and not _NOT_MONEY.search(before):
            yield Money(match.start(), match.end(), parsed(match["number"]), currency)


def _is_possible(letter: LetterText, money: Money) -> bool:
    return sum(map(str.isdigit, letter.folded[money.start : money.end])) <= MOST_DIGITS


def _touch(one: Money, other: Money) -> bool:
    return one.start < other.end and other.start < one.end


def _commonest(currencies: list[str]) -> str:
    return max(sorted(set(currencies)), key=currencies.count)


def _mentioned(text: str) -> str:
    match = re.search(_CODE, text)
    return _SYMBOLS[match[0].strip()] if match else "EUR"
