"""Which lines of a letter may be its title, and how much each looks like one."""

import re
from functools import cache

from cloud.analysis.rules.blocks import Blocks, has_postcode, is_address, is_contact, is_name, is_spoken, is_titled
from cloud.analysis.rules.letter_text import folded, height_of, sides_of, top_of
from cloud.analysis.rules.lexicon import category_words, months
from cloud.analysis.rules.reading import FALLBACK, Reading

SHORTEST, LONGEST = 4, 110
# British letters put the title under the salutation, others above: the nearest line counts most, then the next.
BESIDE_SALUTATION = (2.5, 1.0)
OVER_TEXT = 1.0
BEGINS_AS_TITLE, SPEAKS_AS_TITLE = 2.0, 1.5
LARGE_TYPE, CAPITALS, EXCLAIMED, APART = 1.5, 0.5, 0.5, 0.5
# What stands here in small type is the sender's trade, slogan or office.
LETTERHEAD_LINES, LETTERHEAD = 2, -1.5
# "Your bin day is changing": who talks to the reader says what it is about.
TALKS_TO_READER = 1.0
# A cell beside others is more often a label or its value; a line with long numbers is a reference.
BESIDE_CELLS, BESIDE_VALUE, NUMBERED = -0.5, -1.5, -1.0
# How much taller than the other lines large and very large type is.
LARGE, LARGER = 1.3, 1.7
# "2. Mahnung", "Thanks. Your receipt": a sentence that ends inside a title is short.
SHORT_TITLE = 4
# "Le", "a" and "den" are labels of a date only where nothing else stands there.
SHORTEST_LABEL = 4
# An address alone on its line has no more words than this, a person's name no more than that.
LONGEST_ADDRESS, LONGEST_NAME = 6, 3

_WORD = r"(?<![\w/\-.])[a-z]{3,}(?![\w/])"
_LONG_NUMBER = re.compile(r"\d{5}|(?<!20\d)\d[ \-/]\d")
_OF_A_DAY = re.compile(r"[a-z]{4}.*\s(?:of|from|for|vom|fur|du|del)\s+$")
_REFERENCES = ("reference_invoice", "reference_case", "reference_customer", "reference_bare", "reference_other")


def says_something(text: str) -> bool:
    """Whether a folded text has a word that is no part of a number or code."""
    return bool(re.search(_WORD, text))


def may_be_title(reading: Reading, line: int) -> bool:
    """Whether a line is neither running text nor an address, a name, a date or a reference."""
    text, printed = reading.letter.folded_line(line).strip(), reading.letter.printed(line).strip()
    if not SHORTEST <= len(text) <= LONGEST or not re.search(r"[a-z]{3}", text) or printed[0].islower():
        return False
    if printed.endswith((",", ";", ":")) or (printed.endswith(".") and not _is_large(reading, line)):
        return False
    if any(reading.words[group].match(text) for group in ("not_subject", "salutation")):
        return False
    if reading.words["closing"].fullmatch(text.rstrip(" !.")) or _is_labelled_value(reading, line):
        return False
    return not _is_label(reading, text, printed) and _is_whole(reading, line) and bool(_topic(reading, line))


def places_of_titles(reading: Reading, blocks: Blocks) -> dict[int, float]:
    """Return what the place is worth for the lines next to the salutation, up and down, at the same margin."""
    if blocks.salutation is None:
        return dict.fromkeys(range(max(blocks.head_end - 3, 0), blocks.head_end + 1), OVER_TEXT)
    letter = reading.letter
    margin, height = sides_of(letter.lines[blocks.salutation])[0], top_of(letter.lines[blocks.salutation])
    places: dict[int, float] = {}
    for sign in (1, -1):
        distances = {
            line: sign * (top_of(each) - height)
            for line, each in enumerate(letter.lines)
            if abs(sides_of(each)[0] - margin) <= 2 * letter.line_height and not _is_date(reading, line)
        }
        nearest = sorted((line for line, distance in distances.items() if distance > 0), key=distances.__getitem__)
        places.update(zip(nearest, BESIDE_SALUTATION, strict=False))
    return places


def looks_of_title(reading: Reading, line: int) -> float:
    """Return how much a line looks like a title, by its words and its type."""
    letter, text, title = reading.letter, reading.letter.folded_line(line), reading.words["title"]
    words = BEGINS_AS_TITLE if title.match(text) else SPEAKS_AS_TITLE * bool(title.search(text))
    score = words + CAPITALS * letter.printed(line).isupper() + APART * letter.stands_apart(line)
    score += EXCLAIMED * text.endswith(("!", "?"))
    if _is_large(reading, line):
        return score + LARGE_TYPE * (1 + (_tallness(reading, line) >= LARGER))
    if line < LETTERHEAD_LINES and not words:
        score += TALKS_TO_READER if is_spoken(reading, text) else LETTERHEAD
    return score + NUMBERED * (not words and bool(_LONG_NUMBER.search(text))) + _beside_cells(reading, line)


def _beside_cells(reading: Reading, line: int) -> float:
    right, left = reading.letter.right_of(line), reading.letter.left_of(line)
    numbered = re.search(r"\d", reading.letter.folded_line(line))
    is_label = not numbered and any(re.match(r"\W*\d", reading.letter.folded_line(cell)) for cell in right[:1])
    return BESIDE_CELLS * bool(right or left) + BESIDE_VALUE * is_label


def _is_large(reading: Reading, line: int) -> bool:
    return _tallness(reading, line) >= LARGE


def _tallness(reading: Reading, line: int) -> float:
    return height_of(reading.letter.lines[line]) / max(reading.letter.line_height, 1.0)


def _is_whole(reading: Reading, line: int) -> bool:
    """Whether no sentence crosses the line's ends, and a long one ends inside only in large type or with a "?"."""
    text, span = reading.letter.folded_line(line), reading.letter.span_of(line)
    if len(text.split()) <= SHORT_TITLE and reading.words["title"].match(text):
        return True
    first, last = reading.letter.sentence_at(span.start), reading.letter.sentence_at(span.end - 1)
    if first.start < span.start or last.end > span.end:
        return False
    ended = reading.letter.text[first.start : first.end].strip()
    is_title = len(ended.split()) < SHORT_TITLE or ended.endswith(("!", "?")) or _is_large(reading, line)
    return first == last or is_title


def _is_date(reading: Reading, line: int) -> bool:
    span = reading.letter.span_of(line)
    return any(span.holds(found.start) for found in reading.dates) and not _topic(reading, line)


def _topic(reading: Reading, line: int) -> list[str]:
    """Return the words of a line that say what it is about: not those of a date, nor the label of a number."""
    text = reading.letter.folded_line(line)
    said = _month_and_year(reading.language or FALLBACK).sub(" ", _without_dates(reading, line))
    dated = said != text
    said = reading.words["date_label"].sub(" ", said) if dated else said
    titled = reading.words["title"].search(said)
    for group in _REFERENCES if re.search(r"\d", said) and not titled else ():
        said = reading.words[group].sub(" ", said)
    words = re.findall(_WORD, said)
    # "Rennes, le 8 octobre": beside a date two words are a place, but "Water damage of 2 September" is a topic.
    return words if titled or not dated or len(words) > 2 or _OF_A_DAY.search(said) else []


@cache
def _month_and_year(language: str) -> re.Pattern[str]:
    names = "|".join(name for _, names in months(language) for name in names)
    return re.compile(rf"(?<![a-z])(?:{names})(?: de)? 20\d\d(?!\d)")


def _is_labelled_value(reading: Reading, line: int) -> bool:
    """Whether the line says when, how much or which number something is: "Date of statement 3 November 2026"."""
    text, span = reading.letter.folded_line(line), reading.letter.span_of(line)
    label, colon, value = _without_dates(reading, line).rpartition(":")
    dated = reading.words["date_label"].match(text)
    if dated and colon:
        return True
    if dated and len(dated[0]) >= SHORTEST_LABEL:
        beside = [*reading.letter.right_of(line)[:1], *range(line + 1, min(line + 2, len(reading.letter.lines)))]
        ends = any(span.holds(found.start) and found.end >= span.end - 1 for found in reading.dates)
        return ends or any(_is_date(reading, cell) for cell in beside)
    return bool(label and re.search(r"\d", text[len(label) :]) and not says_something(value))


def _without_dates(reading: Reading, line: int) -> str:
    """Return the folded text of a line with blanks in place of its dates."""
    span = reading.letter.span_of(line)
    rest = list(reading.letter.folded_line(line))
    for found in filter(lambda each: span.holds(each.start), reading.dates):
        rest[found.start - span.start : found.end - span.start] = " " * (found.end - found.start)
    return "".join(rest)


def _is_label(reading: Reading, text: str, printed: str) -> bool:
    """Whether the line is an address, a number to call, or a name, alone or labelled ("Your adviser: Jane Poe")."""
    is_short = len(text.split()) <= LONGEST_ADDRESS
    # "Tax assessment 2025 for …" is no post code: addresses do not begin as titles do.
    addressed = (has_postcode(text) or (is_address(text) and is_short)) and not reading.words["title"].match(text)
    if addressed or is_contact(text) or is_titled(reading, text):
        return True
    label, _, value = printed.rpartition(":")
    name = value.strip()
    capitals = name.istitle() and len(name.split()) <= LONGEST_NAME
    return capitals and is_name(name) and not any(_is_known(reading, folded(part)) for part in (label, name))


def _is_known(reading: Reading, text: str) -> bool:
    """Whether a word of a trade or of titles is in a folded text: names have none."""
    kinds = (kind for classes in category_words(reading.language or FALLBACK).values() for kind in classes.values())
    return bool(reading.words["title"].search(text)) or any(kind.search(text) for kind in kinds)
