"""What reading a letter yields: facts, each with the words that prove it, and what follows from them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class LetterCategory(StrEnum):
    """The fifteen kinds of letters; docs/decisions/0031 has the rule for each pair that could be confused."""

    OFFICIAL_GOVERNMENT = "official-government"
    FINANCIAL_BILLING = "financial-billing"
    BANKING_INSURANCE = "banking-insurance"
    EMPLOYMENT_HR = "employment-hr"
    EDUCATION_ACADEMIC = "education-academic"
    HEALTHCARE_MEDICAL = "healthcare-medical"
    LEGAL_COMPLIANCE = "legal-compliance"
    LOGISTICS_DELIVERY = "logistics-delivery"
    PERSONAL_SOCIAL = "personal-social"
    REAL_ESTATE_UTILITIES = "real-estate-utilities"
    SUBSCRIPTION_MEMBERSHIP = "subscription-membership"
    MARKETING_PROMOTIONS = "marketing-promotions"
    TRAVEL_TICKETING = "travel-ticketing"
    NONPROFIT_NGO = "nonprofit-ngo"
    MISCELLANEOUS = "miscellaneous"


class ActionStatus(StrEnum):
    """What the owner still has to do."""

    REQUIRE_ACTION = "require-action"
    ACTION_DONE = "action-done"
    NO_ACTION_NEEDED = "no-action-needed"


class Tier(StrEnum):
    """How sure a fact is: the letter says so, or it may be so and the owner is asked to confirm."""

    STATED = "stated"
    POSSIBLE = "possible"


class FactKind(StrEnum):
    """What a fact is about."""

    LANGUAGE = "language"
    SENDER = "sender"
    SENDER_WEBSITE = "sender_website"
    SENDER_EMAIL = "sender_email"
    SENDER_PHONE = "sender_phone"
    RECIPIENT = "recipient"
    SUBJECT = "subject"
    LETTER_DATE = "letter_date"
    DUE_DATE = "due_date"
    APPOINTMENT_TIME = "appointment_time"
    COLLECTION_DATE = "collection_date"
    AMOUNT = "amount"
    REFERENCE = "reference"
    IBAN = "iban"


# Characters of a fact, and lines over which it may go: a longer one is a misreading, half of it would prove nothing.
LONGEST_VALUE, LONGEST_RAW, MOST_LINES = 500, 1000, 30


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the letter says; ``raw`` is exactly ``text[char_start:char_end]`` of the letter's text.

    ``value`` is normalised: a date is ISO 8601, a time HH:MM, an amount "84.20 GBP", an IBAN without spaces.
    """

    kind: FactKind
    value: str
    raw: str
    line_ids: tuple[int, ...]
    char_start: int
    char_end: int
    confidence: float
    tier: Tier


@dataclass(frozen=True, slots=True)
class Analysis:
    """What the letter means; None stands for "the letter does not say".

    ``text`` is what the facts' offsets refer to; ``amount`` is a decimal number as text ("84.20").
    """

    text: str
    language: str | None
    category: LetterCategory
    category_confidence: float
    action_status: ActionStatus
    sender: str | None
    recipient: str | None
    subject: str | None
    summary: str
    what_to_do: str | None
    letter_date: date | None
    due_date: date | None
    due_tier: Tier | None
    amount: str | None
    currency: str | None
    reference: str | None
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class NoLetter:
    """There is nothing to analyse; ``reason`` is shown to the owner."""

    reason: str
