"""The sum the letter wants paid: not its parts or its tax, not what was paid before or is owed to the owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cloud.analysis.model import LetterCategory, Tier
from cloud.analysis.rules.labels import label_texts, nearest
from cloud.analysis.rules.money import Money, find_money
from cloud.analysis.rules.reading import Reading, says

# What the label before a sum is worth; nothing under the floor is taken for the sum to pay.
WORTH = {"pay_now": 5, "pay_label": 4, "total_label": 3, "price_label": 1}
STATED_FLOOR = 3
IN_DEMAND, PRICE = 2, 1
GROUPS = ("pay_now", "pay_label", "total_label", "price_label", "not_pay_label", "credit_label")
# A total is re-added from at most so many lines above it.
LONGEST_TABLE = 25


@dataclass(frozen=True, slots=True)
class AmountToPay:
    """The sum to pay, and how sure we are that this is the one."""

    money: Money
    tier: Tier


def amount_to_pay(reading: Reading, category: LetterCategory, due: Sequence[int]) -> AmountToPay | None:
    """Return the sum the letter wants paid; None for adverts, credits, and letters that only mention money.

    ``due`` are the places of the due dates: the sum in the same sentence is what is due.
    """
    sums = find_money(reading.letter)
    scored = [(worth_of(reading, money, due), money) for money in sums if money.value > 0]
    best = max((worth for worth, _ in scored), default=0)
    if category is LetterCategory.MARKETING_PROMOTIONS or best < _needed(reading, category, due):
        return None
    ties = [money for worth, money in scored if worth == best]
    chosen = max(ties, key=lambda money: _preference(money, ties, sums))
    tier = Tier.STATED if best >= STATED_FLOOR else Tier.POSSIBLE
    return AmountToPay(chosen, tier)


def _needed(reading: Reading, category: LetterCategory, due: Sequence[int]) -> int:
    """Return the least worth: a price counts only where payment is asked for, "to pay" even where nothing is."""
    idle = not due and any(says(reading, group) for group in ("nothing_to_do", "no_payment"))
    if category is LetterCategory.EMPLOYMENT_HR or (idle and not says(reading, "collected")):
        return WORTH["pay_now"]
    asks = any(reading.has("request", s) and reading.has("payment", s) for s in reading.letter.sentences)
    asks = asks or any(reading.has("payment", reading.letter.sentence_at(place)) for place in due)
    return PRICE if asks else IN_DEMAND


def worth_of(reading: Reading, money: Money, due: Sequence[int]) -> int:
    """Return how strongly the words around a sum say "pay this", 0 for not at all."""
    groups = {name: reading.words[name] for name in GROUPS}
    texts = label_texts(reading.letter, money.start)
    label = next((name for name in (nearest(groups, text) for text in texts) if name), None)
    if label in ("not_pay_label", "credit_label"):
        return 0
    sentence = reading.letter.sentence_at(money.start)
    if reading.has("credit_label", sentence) or reading.has("offer", sentence):
        return 0
    worth = WORTH.get(label or "", 0)
    demanded = reading.has("payment", sentence) and reading.has("demand", sentence)
    demanded = demanded or any(map(sentence.holds, due))
    if worth < WORTH["pay_label"] and _beside_due(reading, money, due):
        return WORTH["pay_label"]
    if worth == 0 and demanded and sentence.end - sentence.start > 30 and not reading.has("not_pay_label", sentence):
        return IN_DEMAND
    return worth - (1 if worth and reading.has("discount", sentence) else 0)


def _beside_due(reading: Reading, money: Money, due: Sequence[int]) -> bool:
    """Whether the cell to the left holds a due date: "Pay in full by 10 November", then the sum."""
    left = reading.letter.left_of(reading.letter.line_at(money.start))
    return any(reading.letter.line_at(place) in left for place in due)


def _preference(money: Money, ties: Sequence[Money], sums: Sequence[Money]) -> tuple[bool, int, Decimal, int]:
    same = sum(1 for other in ties if other.value == money.value)
    return adds_up(money, sums), same, money.value, -money.start


def adds_up(total: Money, sums: Sequence[Money]) -> bool:
    """Whether the sums listed directly before ``total`` add up to it, as they do in a bill."""
    rest = total.value
    earlier = [money for money in sums if money.start < total.start][-LONGEST_TABLE:]
    for count, money in enumerate(reversed(earlier), start=1):
        rest -= money.value
        if rest <= 0:
            return rest == 0 and count > 1
    return False
