"""How the owner is told of letters, in e-mails and on pages: money, days and facts in the words a person would use."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

# Currencies with a symbol that everyone reads; others are written after the amount by their code (ISO 4217).
SYMBOLS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹"}

# A time that may be wrong by more is none.
MOST_HOURS = 48

CATEGORIES = {
    "official-government": "Government",
    "financial-billing": "Bill or payment",
    "banking-insurance": "Bank or insurance",
    "employment-hr": "Work",
    "education-academic": "School or university",
    "healthcare-medical": "Health",
    "legal-compliance": "Legal",
    "logistics-delivery": "Parcel or delivery",
    "personal-social": "Personal",
    "real-estate-utilities": "Home and utilities",
    "subscription-membership": "Subscription or membership",
    "marketing-promotions": "Advertising",
    "travel-ticketing": "Travel or tickets",
    "nonprofit-ngo": "Charity",
    "miscellaneous": "Other",
}
ACTIONS = {
    "require-action": "Something to do",
    "action-done": "Done",
    "no-action-needed": "Nothing to do",
}
FACTS = {
    "due_date": "Due date",
    "amount": "Amount",
    "appointment_time": "Time",
    "collection_date": "Collection date",
    "letter_date": "Dated",
    "iban": "IBAN",
    "sender_website": "Website",
    "sender_email": "E-mail",
    "sender_phone": "Phone",
}
LANGUAGES = {"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "nl": "Dutch"}

# Unicode's embeddings, overrides and isolates (UAX #9) can make a mail header or plain text read backwards.
_BIDI_CONTROLS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def local(milliseconds: int, time_zone: str) -> datetime:
    """Return the moment in the household's zone; an empty zone is the machine's."""
    zone = ZoneInfo(time_zone) if time_zone else None
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).astimezone(zone)


def door(opened_at: int | None, closed_at: int | None, noticed_at: int, time_zone: str) -> str:
    """Return when a door was opened and closed, as far as it was reported, without a full stop; times in Unix ms.

    ``noticed_at`` is said where neither was reported.
    """
    opened, closed = (local(at, time_zone) if at is not None else None for at in (opened_at, closed_at))
    if opened is None and closed is None:
        return f"Noticed at {local(noticed_at, time_zone):%H:%M}"
    if opened is None:
        return f"Closed at {closed:%H:%M}; no opening was reported"
    if closed is None:
        return f"Opened at {opened:%H:%M}; no closing was reported"
    if opened.date() != closed.date():
        return f"Opened on {weekday(opened)} at {opened:%H:%M}, closed on {weekday(closed)} at {closed:%H:%M}"
    same = f"{opened:%H:%M}" == f"{closed:%H:%M}"
    return f"Opened and closed at {closed:%H:%M}" if same else f"Opened at {opened:%H:%M}, closed at {closed:%H:%M}"


def day(value: date | str) -> str:
    """Return a day as "30 November 2026"; text that is no ISO 8601 date comes back as it is."""
    try:
        known = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    return f"{known.day} {known:%B %Y}"


def weekday(value: date | str) -> str:
    """Return a day as "Monday 30 November 2026"; text that is no ISO 8601 date comes back as it is."""
    try:
        known = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return str(value)
    return f"{known:%A} {day(known)}"


def money(amount: str, currency: str | None) -> str:
    """Return an amount as "£1,084.20" or "1,084.20 CHF"; text that is no number comes back as it is."""
    number = _number(amount)
    if number is None:
        return f"{amount} {currency or ''}".strip()
    sign, figure = "-" if number < 0 else "", f"{abs(number):,f}"
    symbol = SYMBOLS.get(currency or "")
    return f"{sign}{symbol}{figure}" if symbol else f"{sign}{figure} {currency or ''}".strip()


def category(name: str) -> str:
    """Return a letter category in plain words."""
    return CATEGORIES.get(name, _plain_name(name))


def action(name: str) -> str:
    """Return an action status in plain words."""
    return ACTIONS.get(name, _plain_name(name))


def language(code: str | None) -> str | None:
    """Return the English name of a language, its code when we have none."""
    return LANGUAGES.get(code, code) if code else None


def fact_name(kind: str) -> str:
    """Return what a fact is about, in plain words."""
    return FACTS.get(kind, _plain_name(kind))


def fact_value(kind: str, value: str) -> str:
    """Return a fact's normalised value as a person writes it."""
    if kind.endswith("_date"):
        return weekday(value) if kind == "due_date" else day(value)
    if kind == "amount":
        return money(*_split_amount(value))
    if kind == "iban":
        return " ".join(value[start : start + 4] for start in range(0, len(value), 4))
    if kind == "language":
        return language(value) or value
    return value


def fact_line(kind: str, value: str) -> str:
    """Return a fact's value for plain text, where it could be misread followed by its unmistakable form.

    A due date is given in ISO 8601 too, an amount without its separator: elsewhere "1,084" is a little more than one.
    """
    shown = fact_value(kind, value)
    if kind == "amount":
        return shown if _split_amount(value)[0] in shown else f"{shown} ({value})"
    return f"{shown} ({value})" if kind == "due_date" and shown != value else shown


def one_line(text: str, limit: int = 0) -> str:
    """Return the text on one line without control characters, cut to ``limit`` characters (0: uncut).

    For headers and lists: line breaks, tabs and marks that change the reading direction cannot act there.
    """
    plain = _BIDI_CONTROLS.sub("", text)
    plain = "".join(" " if unicodedata.category(one) in {"Cc", "Zl", "Zp", "Cs"} else one for one in plain)
    line = " ".join(plain.split())
    return f"{line[: limit - 1].rstrip()}…" if 0 < limit < len(line) else line


def plain_text(text: str) -> str:
    """Return the text with its line feeds but no other control characters, for the text part of an e-mail."""
    return "\n".join(one_line(line) for line in text.splitlines())


def sentence(text: str) -> str:
    """Return the text with a capital at its start and a full stop at its end."""
    text = text.strip()
    return f"{text[:1].upper()}{text[1:]}{'' if text[-1:] in '.!?…' else '.'}"


def listed(names: list[str]) -> str:
    """Return names as "A, B and C"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else ""


def bound(err_ms: int) -> str:
    """Return how wrong a time shown in minutes may be, as in ", ±3 min"; "" for less than a minute."""
    minutes = round(err_ms / 60_000)
    if minutes < 1:
        return ""
    if minutes < 120:
        return f", ±{minutes} min"
    hours = round(minutes / 60)
    if hours <= MOST_HOURS:
        return f", ±{hours} h"
    return ", or earlier: the board did not know the time"


def counted(number: int, one: str, many: str = "") -> str:
    """Return "1 letter" or "3 letters"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _plain_name(name: str) -> str:
    return name.replace("_", " ").replace("-", " ").capitalize()


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _split_amount(value: str) -> tuple[str, str | None]:
    amount, _, currency = value.partition(" ")
    return amount, currency or None
