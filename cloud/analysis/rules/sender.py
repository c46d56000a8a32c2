"""Who wrote the letter: letterhead, return-address line, signature and footer are weighed against each other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cloud.analysis.rules.blocks import Blocks, has_postcode, is_address, is_contact, is_name, is_spoken, is_titled
from cloud.analysis.rules.domains import in_domain, plain
from cloud.analysis.rules.letter_text import folded, height_of
from cloud.analysis.rules.reading import Reading
from cloud.analysis.rules.recipient import Recipient, is_signed, top_of_block

# Evidence is added up; under the floor the letter names no sender.
FLOOR = 2.0
TOP_LINES, TOP_BONUS = 3, 2.0
ORGANISATION_BONUS = 2.0
# A department signs for a house whose name stands elsewhere.
DEPARTMENT_MALUS = 2.5
LARGE_TYPE, LARGE_BONUS = 1.3, 1.5
REPEATED_BONUS, DOMAIN_BONUS = 1.0, 2.0
SIGNATURE_BONUS, FOOTER_BONUS, RETURN_LINE_BONUS = 1.5, 0.5, 2.0
# Brands begin small only at the top, in a word or three; who speaks in sentences is a headline.
SMALL_LETTER_MALUS, LONGEST_BRAND, SPEECH_MALUS = 3.0, 3, 2.5
# A letterhead has its address or telephone number on the next line.
ADDRESSED_BONUS = 1.0
SIGNED_PERSON = 2.2
# Whose name stands on top and, in part, at the end ("Margaret").
SIGNED_BONUS = 1.5
SIGNATURE_LINES = 6
FOOTER_SHARE = 0.82
LONGEST_NAME = 60
# Two lines are of one type when their heights differ by less than this share.
SAME_TYPE = 0.2

_SEPARATORS = re.compile(r"\s*[|·•∙*]\s*|\s+[-\u2013\u2014]\s+|\s{3,}|,\s|;\s|\s/\s")
_PARTNERS = re.compile(r"(?:[^\W\d]\w+, ){1,3}[^\W\d]\w+ (?:&|and|und|et|y) [^\d,|·•]+")
_EMAIL = re.compile(r"[a-z\d._%+\-]+@[a-z\d\-]+(?:\.[a-z\d\-]+)+")
_WEBSITE = re.compile(
    r"(?:https?://)?(?:www\.)[a-z\d\-]+(?:\.[a-z\d\-]+)+|(?<![@\w.])[a-z\d\-]{3,}\.(?:co\.uk|org\.uk|gov\.uk|com|org|net|de|fr|es|ch|at|eu|example)\b(?!@)"
)
_PHONE = re.compile(
    r"(?:\+\d{1,3}[\s(]?|\(0?\d{2,5}\)|(?<![\d\w.,/-])0\d{1,4}[\s/\-.]|(?<!\d)\d{3}-)[\d\s()/\-.]{5,16}\d(?!\d)"
)
_YOURS = re.compile(
    r"^(?:von |from )?(?:(?:deine[rm]?|eure[rm]?|euer|ihre[rm]?|your|ta|ton|tu|votre|vuestr[oa]|su)\s+)(?=[A-ZÄÖÜÉ])",
    re.IGNORECASE,
)
# Doctors have letterheads, and their titles on them; "Mr" and "Frau" stand over addresses only.
_ACADEMIC = re.compile(r"(?:dr|prof)\b")
_NOISE = re.compile(r"(?<!\d)(?!(?:18|19|20)\d\d e\.)\d+(?!st|nd|rd|th|\.|\d)|[%£$€]|:\s*\S|[?!]$")


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender's name as printed, where it stands, and how much speaks for it."""

    name: str
    start: int
    end: int
    score: float


def sender_of(reading: Reading, blocks: Blocks, recipient: Recipient | None) -> Sender | None:
    """Return the sender, None when nothing in the letter says enough."""
    taken = set(recipient.lines) if recipient else set()
    candidates = [each for each in _candidates(reading, blocks, taken) if not _is_recipient(each, recipient)]
    best = max(candidates, key=lambda each: (_total(each, candidates, reading), -each.start), default=None)
    if best is None or _total(best, candidates, reading) < FLOOR:
        return None
    named = _in_full(best, candidates, reading, blocks)
    return _as_elsewhere(Sender(named.name, named.start, named.end, _total(best, candidates, reading)), reading)


def contacts_of(reading: Reading) -> Iterator[tuple[str, int, int]]:
    """Yield (kind, start, end) of the first e-mail address, web site and telephone number."""
    for kind, pattern in (("sender_email", _EMAIL), ("sender_website", _WEBSITE), ("sender_phone", _PHONE)):
        match = pattern.search(reading.letter.folded)
        if match:
            yield kind, match.start(), match.end()


def _candidates(reading: Reading, blocks: Blocks, taken: set[int]) -> Iterator[Sender]:
    for line in range(blocks.head_end):
        if line not in taken:
            yield from _from_head(reading, blocks, line, taken)
    if blocks.closing is not None:
        last = min(blocks.closing + SIGNATURE_LINES, len(reading.letter.lines) - 1)
        for line in range(blocks.closing, last + 1):
            yield from _from_signature(reading, line, blocks.closing)
    for line in range(max(blocks.head_end, int(FOOTER_SHARE * len(reading.letter.lines))), len(reading.letter.lines)):
        yield from _from_footer(reading, line)


def _from_head(reading: Reading, blocks: Blocks, line: int, taken: set[int]) -> Iterator[Sender]:
    text = reading.letter.folded_line(line)
    if _is_other_head_line(reading, text) or _is_dated(reading, line):
        return
    if has_postcode(text) and len(_pieces(reading, line)) > 1:
        yield from _from_return_line(reading, line)
    elif not is_address(text) and not is_contact(text):
        yield from _joined(reading, line) if line < TOP_LINES else ()
        yield from _from_letterhead(reading, blocks, line, taken)


def _from_return_line(reading: Reading, line: int) -> Iterator[Sender]:
    for name, start, end in _pieces(reading, line)[:1]:
        if not is_address(folded(name)) and not is_titled(reading, folded(name)):
            yield Sender(name, start, end, RETURN_LINE_BONUS + _kind(reading, name))


def _from_letterhead(reading: Reading, blocks: Blocks, line: int, taken: set[int]) -> Iterator[Sender]:
    for name, start, end in _pieces(reading, line)[:1]:
        if not _is_label(reading, name) and not _is_under_a_signed_name(reading, blocks, line):
            place = _place(reading, line) + ADDRESSED_BONUS * _is_addressed(reading, line, taken)
            person = is_name(name) and not _has_organisation(reading, name)
            place += SIGNED_BONUS * (person and is_signed(reading, blocks, name))
            brand = line == 0 and name[:1].islower() and len(name.split()) <= LONGEST_BRAND
            yield Sender(name, start, end, place + _kind(reading, name) + SMALL_LETTER_MALUS * brand)


def _is_under_a_signed_name(reading: Reading, blocks: Blocks, line: int) -> bool:
    """Whether the line belongs to the address under the writer's name."""
    top = top_of_block(reading, line)
    return top != line and is_signed(reading, blocks, reading.letter.printed(top))


def _place(reading: Reading, line: int) -> float:
    large = height_of(reading.letter.lines[line]) >= LARGE_TYPE * reading.letter.line_height
    return TOP_BONUS * (line < TOP_LINES) + LARGE_BONUS * large


def _joined(reading: Reading, line: int) -> Iterator[Sender]:
    """Yield a letterhead set in two lines: a large name over the kind of organisation it is ("Borough Council")."""
    below = line + 1
    if below >= len(reading.letter.lines):
        return
    upper, lower = reading.letter.lines[line], reading.letter.lines[below]
    tall, small = LARGE_TYPE * reading.letter.line_height, (1 - SAME_TYPE) * height_of(upper)
    same_type = small <= height_of(lower) <= (1 + SAME_TYPE) * height_of(upper) and height_of(lower) >= tall
    if (
        height_of(upper) < tall
        or max(len(upper.text), len(lower.text)) > LONGEST_NAME
        or _has_organisation(reading, reading.letter.printed(line))
        or not _has_organisation(reading, reading.letter.printed(below))
        or not (same_type or _is_kind(reading, reading.letter.printed(below)))
    ):
        return
    start, end = reading.letter.span_of(line).start, reading.letter.span_of(below).end
    yield Sender(f"{upper.text} {lower.text}", start, end, ORGANISATION_BONUS + TOP_BONUS + LARGE_BONUS)


def _in_full(signed: Sender, candidates: list[Sender], reading: Reading, blocks: Blocks) -> Sender:
    """Return the name in full where only a part of it is signed ("Margaret"), or is a logo in small letters."""
    at_end = blocks.closing is not None and reading.letter.line_at(signed.start) >= blocks.closing
    if not at_end and not signed.name.islower():
        return signed
    words = set(plain(signed.name).split())
    longer = (each for each in candidates if words < set(plain(each.name).split()) and is_name(each.name))
    return next(longer, signed)


def _as_elsewhere(sender: Sender, reading: Reading) -> Sender:
    """Return a name printed in capitals as the letter spells it in its text, where it does."""
    if not sender.name.isupper():
        return sender
    for match in re.finditer(re.escape(sender.name), reading.letter.text, re.IGNORECASE):
        if not match[0].isupper() and not match[0].islower():
            return Sender(match[0], match.start(), match.end(), sender.score)
    return sender


def _is_dated(reading: Reading, line: int) -> bool:
    """Whether the line is the place and day of writing ("Wismar, den 20. August 2026")."""
    span = reading.letter.span_of(line)
    dated = any(span.holds(found.start) for found in reading.dates)
    return dated and not _has_organisation(reading, reading.letter.printed(line))


def _is_label(reading: Reading, name: str) -> bool:
    groups = (
        "reference_bare",
        "reference_invoice",
        "reference_case",
        "reference_customer",
        "person_title",
        "date_label",
    )
    return any(reading.words[group].fullmatch(folded(name).strip(" .")) for group in groups)


def _is_addressed(reading: Reading, line: int, taken: set[int]) -> bool:
    below = range(line + 1, min(line + 4, len(reading.letter.lines)))
    return any(is_address(reading.letter.folded_line(other)) for other in below if other not in taken)


def _from_signature(reading: Reading, line: int, closing: int) -> Iterator[Sender]:
    text = reading.letter.printed(line)
    if (
        is_contact(folded(text))
        or is_address(folded(text))
        or (line == closing and not _has_organisation(reading, text))
    ):
        return
    for printed, _, end in _pieces(reading, line)[:1]:
        name = _YOURS.sub("", printed)
        start = end - len(name)
        organisation = _has_organisation(reading, name)
        if organisation and not reading.words["closing"].fullmatch(folded(name).rstrip(" ,")):
            yield Sender(name, start, end, SIGNATURE_BONUS + _kind(reading, name) / 2)
        elif line == closing + 1 and len(name.split()) <= 5 and name[:1].isupper() and not _is_role(reading, name):
            yield Sender(name, start, end, SIGNED_PERSON if is_name(name) else SIGNED_PERSON - 0.1)


def _is_role(reading: Reading, name: str) -> bool:
    return bool(reading.words["department"].match(folded(name)))


def _from_footer(reading: Reading, line: int) -> Iterator[Sender]:
    for name, start, end in _pieces(reading, line)[:1]:
        if _has_organisation(reading, name) and len(name.split()) <= 6:
            yield Sender(name, start, end, FOOTER_BONUS + ORGANISATION_BONUS / 2)


def _kind(reading: Reading, name: str) -> float:
    """Return what the words of a name say about it: an organisation's, a sentence's, a title's."""
    text = folded(name)
    spoken = is_spoken(reading, text)
    score = ORGANISATION_BONUS if _has_organisation(reading, name) and not spoken else 0.0
    score -= DEPARTMENT_MALUS * bool(reading.words["department"].match(text))
    score -= SMALL_LETTER_MALUS * name[:1].islower()
    score -= SPEECH_MALUS * spoken
    score -= (
        2.5 * bool(_NOISE.search(name))
        + 3 * bool(len(name.split()) > 8)
        + 3 * (is_titled(reading, text) and not _ACADEMIC.match(text))
    )
    score -= 2.0 * bool(reading.words["title"].match(text)) + 3 * bool(reading.words["not_subject"].match(text))
    return score


def _has_organisation(reading: Reading, name: str) -> bool:
    return bool(reading.words["organisation"].search(folded(name)))


def _is_kind(reading: Reading, name: str) -> bool:
    """Whether a line has no other words than those for kinds of organisations."""
    words = [word for word in folded(name).split() if word not in ("&", "and", "und", "et", "y")]
    return all(reading.words["organisation"].fullmatch(word) for word in words)


def _is_other_head_line(reading: Reading, text: str) -> bool:
    words = reading.words
    labelled = (
        words["date_label"].match(text)
        or words["reference_customer"].match(text)
        or words["reference_case"].match(text)
    )
    subject = words["subject_label"].match(text) and ":" in text[:12]
    return bool((labelled and re.search(r"\d|:", text)) or subject or not re.search(r"[a-z]{2}", text))


def _pieces(reading: Reading, line: int) -> list[tuple[str, int, int]]:
    """Return the parts of a line between separators, with their places; "Poe, Roe & Doe LLP" is one part."""
    span, pieces, start = reading.letter.span_of(line), [], 0
    text = reading.letter.printed(line)
    for stop in [*(() if _PARTNERS.fullmatch(text) else _SEPARATORS.finditer(text)), None]:
        end = stop.start() if stop else len(text)
        name = text[start:end].strip(" ,;:|·•*")
        if name and len(name) <= LONGEST_NAME:
            at = span.start + text.index(name, start)
            pieces.append((name, at, at + len(name)))
        start = stop.end() if stop else end
    return pieces


def _total(one: Sender, candidates: list[Sender], reading: Reading) -> float:
    """Return the score of a name with what its repetition elsewhere and the letter's web addresses add."""
    name = plain(one.name)
    others = [each for each in candidates if each.start != one.start and _same(name, plain(each.name))]
    repeated = reading.letter.folded.count(folded(one.name)) > 1
    score = one.score + sum(min(max(each.score, 0), 2.0) / 2 for each in others[:2])
    return score + REPEATED_BONUS * repeated + DOMAIN_BONUS * in_domain(one.name, reading.letter.folded)


def _same(one: str, other: str) -> bool:
    return bool(one and other) and (one in other or other in one)


def _is_recipient(sender: Sender, recipient: Recipient | None) -> bool:
    if recipient is None:
        return False
    return _same(plain(sender.name), plain(recipient.name))
