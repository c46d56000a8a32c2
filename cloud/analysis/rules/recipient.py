"""Whom the letter is addressed to: the name over the address, else the name in the salutation."""

import re
from dataclasses import dataclass

from cloud.analysis.rules.blocks import Blocks, has_postcode, is_address, is_contact, is_name, is_titled
from cloud.analysis.rules.domains import in_domain
from cloud.analysis.rules.letter_text import folded, height_of, sides_of, top_of
from cloud.analysis.rules.reading import Reading

# The address ends within so many lines under the name.
ADDRESS_LINES = 5
# From line to line of an address are no more line heights than this.
ROW_STEP = 1.7
# Nobody prints the recipient's name this much larger than the text.
LARGE_TYPE = 1.3
# A longer one is a misreading.
LONGEST_NAME = 100
# A private letter begins with the sender's own address.
SENDERS_LINES = 2
# A signature is a short line near the end: "Aunt Ruth", "R. Pemberton".
SIGNATURE_LINES, SIGNATURE_WORDS, SIGNING_LETTERS = 8, 3, 3


@dataclass(frozen=True, slots=True)
class Recipient:
    """The name, where it stands, and the lines of the address under it."""

    name: str
    start: int
    end: int
    lines: tuple[int, ...]


def recipient_of(reading: Reading, blocks: Blocks) -> Recipient | None:
    """Return the recipient, None when the letter names nobody."""
    whom = greeted(reading, blocks)
    over_address = _over_address(reading, blocks)
    if over_address and whom and over_address.lines[0] < SENDERS_LINES and not _share_a_word(over_address, whom):
        over_address = None  # who writes to a friend puts the own address on top
    return _titled(reading, blocks, whom) or over_address or whom


def _titled(reading: Reading, blocks: Blocks, whom: Recipient | None) -> Recipient | None:
    """Return the first "Mrs …" over an address, but no other than the one who is greeted: doctors have letterheads."""
    for line in range(blocks.head_end):
        text = reading.letter.folded_line(line)
        if not is_titled(reading, text) or len(text) > 50 or is_contact(text):
            continue
        below = _address_below(reading, line, blocks)
        alone = reading.words["person_title"].fullmatch(text.strip(" .,"))
        if below and not alone:
            found = _named(reading, line, below)
            if whom is None or line >= SENDERS_LINES or _share_a_word(found, whom):
                return found
    return None


def _over_address(reading: Reading, blocks: Blocks) -> Recipient | None:
    """Return the last name over an address in the head; the first one may be the sender's."""
    found = None
    for line in range(blocks.head_end):
        text = reading.letter.printed(line)
        if is_name(text) and not reading.words["organisation"].search(reading.letter.folded_line(line)):
            below = _address_below(reading, line, blocks)
            top = top_of_block(reading, line)
            if (
                below
                and len(reading.letter.printed(top)) <= LONGEST_NAME
                and not _is_letterhead(reading, top)
                and not is_signed(reading, blocks, reading.letter.printed(top))
            ):
                found = _named(reading, top, below)
    return found


def top_of_block(reading: Reading, line: int) -> int:
    """Return the first name of an address block: "Orchard Cottage" and "Wetherby Magna" look like names, too."""
    letter, top, below = reading.letter, line, line
    for other in range(line - 1, -1, -1):
        step = top_of(letter.lines[below]) - top_of(letter.lines[other])
        aside = abs(sides_of(letter.lines[below])[0] - sides_of(letter.lines[other])[0])
        if not 0 < step <= ROW_STEP * letter.line_height or aside > letter.line_height:
            break
        below = other
        if is_name(letter.printed(other)) and not reading.words["organisation"].search(letter.folded_line(other)):
            top = other
    return top


def is_signed(reading: Reading, blocks: Blocks, name: str) -> bool:
    """Whether a name, or one of its words, stands alone at the end of the letter: the writer's, not the reader's."""
    words = {word for word in folded(name).split() if len(word) >= SIGNING_LETTERS}
    end = len(reading.letter.lines)
    for line in range(max(blocks.head_end + 1, end - SIGNATURE_LINES), end):
        signature = reading.letter.folded_line(line).strip(" ,.").split()
        if 0 < len(signature) <= SIGNATURE_WORDS and words & set(signature):
            return True
    return False


def _share_a_word(one: Recipient, other: Recipient) -> bool:
    return bool(set(folded(one.name).split()) & set(folded(other.name).split()))


def _is_letterhead(reading: Reading, line: int) -> bool:
    text = reading.letter.folded_line(line)
    large = height_of(reading.letter.lines[line]) > LARGE_TYPE * reading.letter.line_height
    return (
        large
        or is_address(text)
        or bool(reading.words["title"].search(text))
        or reading.letter.folded.count(text) > 1
        or in_domain(text, reading.letter.folded)
    )


def greeted(reading: Reading, blocks: Blocks) -> Recipient | None:
    """Return who is named in the salutation, None for "Dear customer" and the like."""
    if blocks.salutation is None:
        return None
    span = reading.letter.span_of(blocks.salutation)
    match = reading.words["salutation"].match(reading.letter.folded, span.start)
    start = match.end() if match else span.start
    name = re.match(r"(?:r|\(r\)|/r|e|in)?[\s,]*(.*?)[\s,:!.]*$", reading.letter.text[start : span.end])
    if not name or not re.search(r"[A-ZÄÖÜÉ]", name[1]) or len(name[1]) > 40 or _is_formula(name[1]):
        return None
    return Recipient(name[1], start + name.start(1), start + name.end(1), (blocks.salutation,))


def _is_formula(name: str) -> bool:
    formula = (
        r"(?i)(sir|madam|customer|client|resident|homeowner|parent|neighbo|friend|supporter|member|all\b|colleague|valued|guest|"
        r"damen|herren|kund|mitglied|eltern|nachbar|mieter|leser|spender|freund|"
        r"madame|monsieur|client|adhérent|voisin|parents|ami|señor|cliente|soci|vecin|padres|amig|lector|abonné|donateur|"
        r"student|applicant|taxpayer|cardholder|policyholder|patient|tenant|occupier|householder|subscriber|reader|traveller|sender)"
    )
    return bool(re.match(formula, name))


def _address_below(reading: Reading, line: int, blocks: Blocks) -> tuple[int, ...]:
    """Return the lines under ``line``, in the same column, down to the one with the post code."""
    letter = reading.letter
    left, height = sides_of(letter.lines[line])[0], max(letter.line_height, 1.0)
    lines = []
    for other in range(line + 1, min(blocks.head_end, line + 2 * ADDRESS_LINES + 1)):
        if abs(sides_of(letter.lines[other])[0] - left) > 2 * height or top_of(letter.lines[other]) < top_of(
            letter.lines[line]
        ):
            continue
        lines.append(other)
        if has_postcode(letter.folded_line(other)):
            return tuple(lines) if len(lines) <= ADDRESS_LINES else ()
    return tuple(lines[:1]) if lines and is_address(letter.folded_line(lines[0])) else ()


def _named(reading: Reading, line: int, below: tuple[int, ...]) -> Recipient:
    """Return the name on ``line`` with the lines under it."""
    span = reading.letter.span_of(line)
    text = reading.letter.text[span.start : span.end].rstrip(" ,")
    return Recipient(text, span.start, span.start + len(text), (line, *below))
