"""What is left to do: the action status, the summary and the sentence that says what to do."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from cloud.analysis.model import ActionStatus, LetterCategory
from cloud.analysis.rules.letter_text import Span
from cloud.analysis.rules.reading import Reading, says

_SIGNS = {"GBP": "£", "USD": "$", "EUR": "€", "CHF": "CHF "}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the facts of a letter add up to."""

    sender: str | None
    subject: str | None
    category: LetterCategory
    status: ActionStatus
    due: date | None
    due_is_stated: bool
    time: str | None
    amount: Decimal | None
    currency: str | None
    reference: str | None
    is_appointment: bool
    collected: bool


def nothing_to_pay(reading: Reading) -> bool:
    """Whether the letter says that no payment by the owner is due."""
    return says(reading, "no_payment") or says(reading, "collected")


def status_of(reading: Reading, category: LetterCategory, *, has_due: bool, has_amount: bool) -> ActionStatus:
    """Return what the owner still has to do; a due date outweighs thanks for an earlier payment."""
    if has_due and category is not LetterCategory.MARKETING_PROMOTIONS:
        return ActionStatus.REQUIRE_ACTION
    if says(reading, "done"):
        return ActionStatus.ACTION_DONE
    idle = category in (LetterCategory.MARKETING_PROMOTIONS, LetterCategory.PERSONAL_SOCIAL)
    if idle or says(reading, "nothing_to_do") or nothing_to_pay(reading):
        return ActionStatus.NO_ACTION_NEEDED
    whole = Span(0, len(reading.letter.text))
    asked = reading.has("request", whole) or (has_amount and reading.has("urgent", whole))
    return ActionStatus.REQUIRE_ACTION if asked else ActionStatus.NO_ACTION_NEEDED


def what_to_do(outcome: Outcome) -> str | None:
    """Return one sentence in English, None when there is nothing to do."""
    if outcome.status is not ActionStatus.REQUIRE_ACTION:
        return None
    sentence = _deed(outcome) + _until(outcome)
    reference = f" (reference {outcome.reference})" if outcome.reference else ""
    doubt = " Please confirm the date." if outcome.due and not outcome.due_is_stated else ""
    return f"{sentence}{reference}.{doubt}"


def summary_of(outcome: Outcome) -> str:
    """Return one or two plain English sentences; names and the subject stay in the letter's own words."""
    who = outcome.sender or "An unnamed sender"
    about = f" about “{outcome.subject}”" if outcome.subject else ""
    first = f"{who} writes{about}."
    return f"{first} {_consequence(outcome)}".strip()


def money(amount: Decimal, currency: str) -> str:
    """Return an amount as people write it: £84.20."""
    return f"{_SIGNS.get(currency, currency + ' ')}{amount:,.2f}"


def day(value: date) -> str:
    """Return a date as people write it: 30 November 2026."""
    return f"{value.day} {value:%B %Y}"


def _deed(outcome: Outcome) -> str:
    whom = outcome.sender or "the sender"
    if outcome.is_appointment:
        return f"Be at {whom}"
    if outcome.amount is not None and outcome.currency and not outcome.collected:
        return f"Pay {money(outcome.amount, outcome.currency)} to {whom}"
    return f"Reply to {whom}" if outcome.due else f"Read what {whom} asks for"


def _until(outcome: Outcome) -> str:
    if outcome.due is None:
        return ""
    if outcome.is_appointment:
        return f" on {day(outcome.due)}" + (f" at {outcome.time}" if outcome.time else "")
    return f" by {day(outcome.due)}"


def _consequence(outcome: Outcome) -> str:
    amount = money(outcome.amount, outcome.currency) if outcome.amount is not None and outcome.currency else None
    if outcome.collected and amount:
        return f"{amount} will be collected; there is nothing to pay by hand."
    if outcome.is_appointment and outcome.due:
        return f"The appointment is on {day(outcome.due)}" + (f" at {outcome.time}." if outcome.time else ".")
    if outcome.status is ActionStatus.ACTION_DONE:
        return "It confirms what has been done; nothing is left to do."
    if outcome.status is ActionStatus.NO_ACTION_NEEDED:
        return "Nothing needs to be done."
    due = f" by {day(outcome.due)}" if outcome.due else ""
    return f"It asks for {amount}{due}." if amount else f"It asks for an answer or action{due}."
