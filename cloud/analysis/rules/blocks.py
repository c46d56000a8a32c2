"""The parts of a letter: head, salutation, body, closing; and which of its lines are addresses, contacts or labels."""

import re
from dataclasses import dataclass

from cloud.analysis.rules.reading import Reading

# Without a salutation the head is this share of the lines.
HEAD_SHARE = 0.6
# A line of so many words is running text.
SENTENCE_WORDS = 9

_POSTCODE = re.compile(
    r"\b[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}\b|\b[a-z]{2}\.?,?\s\d{5}(?:-\d{4})?\b|"
    r"(?<![\w\-])(?!(?:18|19|20)\d\d e\.? ?v\b)(?:d-|f-|e-|a-|ch-)?\d{4,5}\s+[a-z][a-z\-'. ]{2,}"
)
_STREET = re.compile(
    r"\b\d{1,5}[a-z]?,?\s+(?:[a-z.'\-]+\s){0,4}(?:street|st|road|rd|lane|avenue|ave|drive|dr|close|way|court|ct|place|"
    r"square|terrace|gardens|crescent|blvd|boulevard|hill|park|row|mews|grove|parkway|pkwy|highway|circle|walk|view|green|quay)\b|"
    r"\b[a-z.\-]*(?:strase|strasse|str\.|weg|platz|allee|gasse|ring|damm|ufer|graben|chaussee|hof)\s*\d{1,4}|"
    r"\b(?:am|im|an der|auf der|zum|zur) [a-z\-]+ \d{1,4}[a-z]?\b|"
    r"\b\d{1,4}\s?(?:bis|ter)?,?\s+(?:rue|avenue|av\.|boulevard|bd|place|allee|chemin|impasse|route|quai|cours|square)\b|"
    r"\b(?:calle|c/|avenida|avda\.?|plaza|pza\.?|paseo|p\.?o de|camino|carretera|ctra\.?|ronda|travesia)\s+|"
    r"\bp\.?\s?o\.?\s?box\b|\bpostfach\b|\bbp\s?\d|\bapartado\b|\bcs\s?\d{5}"
)
_CONTACT = re.compile(
    r"@|www\.|https?:|\b[a-z\d\-]+\.(?:co\.uk|org\.uk|gov\.uk|com|org|net|de|fr|es|ch|at|eu|example|gov|edu|info)\b|(?:\+|\(|\b(?!\d\d[./]\d\d[./](?:19|20)?\d\d\b)0)\d[\d\s()/\-.]{7,}"
)
_NAME = re.compile(r"(?:[^\W\d_][\w'\-.]*\.?\s+){1,4}[^\W\d_][\w'\-]+,?")


@dataclass(frozen=True, slots=True)
class Blocks:
    """Line indexes: the head ends before ``head_end``; salutation and closing are None when there are none."""

    head_end: int
    salutation: int | None
    closing: int | None


def blocks_of(reading: Reading) -> Blocks:
    """Return where the parts of the letter are."""
    lines = range(len(reading.letter.lines))
    salutation = next((i for i in lines if is_salutation(reading, i)), None)
    first = (salutation or 0) + 1
    closings = [i for i in lines if i >= first and _is_closing(reading, i)]
    head_end = salutation if salutation is not None else _first_sentence(reading)
    return Blocks(head_end, salutation, closings[-1] if closings else None)


def _first_sentence(reading: Reading) -> int:
    """Return the line at which running text begins; a letter without any is all head, up to a share of it."""
    lines = range(len(reading.letter.lines))
    first = next((i for i in lines if _is_running_text(reading, i)), len(lines))
    return min(first, max(int(HEAD_SHARE * len(lines)), min(len(lines), 4)))


def _is_running_text(reading: Reading, line: int) -> bool:
    words = [word for word in reading.letter.printed(line).split() if any(map(str.isalpha, word))]
    return len(words) >= SENTENCE_WORDS and not has_postcode(reading.letter.folded_line(line))


def is_salutation(reading: Reading, line: int) -> bool:
    """Whether a line opens the letter ("Dear Mrs Example,")."""
    text = reading.letter.folded_line(line).strip()
    match = reading.words["salutation"].match(text)
    if not match or len(text) > 70:
        return False
    return text.endswith((",", ":", "!")) or (len(text.split()) <= 6 and _is_greeting(str(match[0])))


def _is_greeting(words: str) -> bool:
    return words.startswith(
        ("dear", "sehr", "liebe", "estimad", "cher", "hallo", "querid", "hello", "guten", "bonjour")
    )


def _is_closing(reading: Reading, line: int) -> bool:
    text = reading.letter.folded_line(line).strip()
    return len(text) < 75 and bool(reading.words["closing"].match(text)) and len(text.split()) <= 9


def is_address(text: str) -> bool:
    """Whether a folded line holds a street, a post code or a post box."""
    return bool(_POSTCODE.search(text) or _STREET.search(text))


def has_postcode(text: str) -> bool:
    """Whether a folded line holds a post code."""
    return bool(_POSTCODE.search(text))


def is_contact(text: str) -> bool:
    """Whether a folded line holds a telephone number, an e-mail address or a web site."""
    return bool(_CONTACT.search(text))


def is_name(text: str) -> bool:
    """Whether a line, not folded, may be a person's name: two to five words with capitals."""
    plain = text.strip().replace("\u2019", "'")
    words = plain.rstrip(",").split()
    if not 2 <= len(words) <= 5 or not _NAME.fullmatch(plain):
        return False
    capitals = [word for word in words if word[0].isupper()]
    return len(capitals) >= 2 and words[0][0].isupper() and words[-1][0].isupper()


def is_spoken(reading: Reading, text: str) -> bool:
    """Whether a folded line talks to the reader: a headline does, a name does not."""
    return len(reading.words["stop"].findall(text)) > 1 and bool(reading.words["addressed"].search(text))


def is_titled(reading: Reading, text: str) -> bool:
    """Whether a folded line begins with a form of address ("Mrs", "Herrn", "M.")."""
    match = reading.words["person_title"].match(text.strip())
    return match is not None and len(text) > len(match[0]) + 1
