"""What the form of a letter says about its kind, whatever words it uses in passing."""

from cloud.analysis.model import LetterCategory
from cloud.analysis.rules.blocks import Blocks, is_spoken, is_titled
from cloud.analysis.rules.letter_text import Span, folded, height_of
from cloud.analysis.rules.money import find_money
from cloud.analysis.rules.reading import Reading
from cloud.analysis.rules.recipient import greeted, is_signed

# A friend writes of doctors, builders and solicitors too: this outweighs three strong words said in passing.
PRIVATE = 6.0
ADVERT, PRICES = 2.0, 3
# A headline stands in the first lines, in type this much larger than the rest.
HEADLINE_LINES, HEADLINE_TYPE = 4, 1.3


def signs_of(reading: Reading, blocks: Blocks, sender: str) -> dict[LetterCategory, float]:
    """Return what the letter's form adds to the scores of categories."""
    signs = {}
    if is_private(reading, blocks, sender):
        signs[LetterCategory.PERSONAL_SOCIAL] = PRIVATE
    if is_advert(reading, blocks):
        signs[LetterCategory.MARKETING_PROMOTIONS] = ADVERT
    return signs


def is_private(reading: Reading, blocks: Blocks, sender: str) -> bool:
    """Whether somebody greets by name alone, signs with their own and asks for no sum."""
    whom = greeted(reading, blocks)
    if whom is None or is_titled(reading, folded(whom.name)) or reading.words["organisation"].search(sender):
        return False
    return is_signed(reading, blocks, sender) and not _asks_for_a_sum(reading)


def is_advert(reading: Reading, blocks: Blocks) -> bool:
    """Whether offers or prices are named but nothing is asked, under a headline or to whoever lives here."""
    offers = reading.has("offer", _whole(reading)) or len(find_money(reading.letter)) >= PRICES
    if not offers or _asks_for_a_sum(reading) or reading.has("due_label", _whole(reading)):
        return False
    to_anybody = blocks.salutation is not None and greeted(reading, blocks) is None
    return to_anybody or any(
        _is_headline(reading, line) for line in range(min(HEADLINE_LINES, len(reading.letter.lines)))
    )


def is_bill_for_an_animal(reading: Reading, subject: str) -> bool:
    """Whether a vet writes a bill: its patient is no person (docs/decisions/0031)."""
    billed = reading.words["title"].search(subject) or _asks_for_a_sum(reading)
    return bool(billed) and reading.has("animal", _whole(reading)) and bool(find_money(reading.letter))


def _asks_for_a_sum(reading: Reading) -> bool:
    return reading.has("pay_now", _whole(reading))


def _is_headline(reading: Reading, line: int) -> bool:
    """Whether a line is large and calls out ("!") or talks to the reader."""
    large = height_of(reading.letter.lines[line]) >= HEADLINE_TYPE * reading.letter.line_height
    text = reading.letter.folded_line(line)
    return large and (text.rstrip().endswith("!") or is_spoken(reading, text))


def _whole(reading: Reading) -> Span:
    return Span(0, len(reading.letter.text))
