"""The answers beside each sample letter are of the right form, and stand in its text."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest

from simulator.sample_letters import SampleLetter, sample_letters

LETTERS = sample_letters()

CATEGORIES = {
    "official-government", "financial-billing", "banking-insurance", "employment-hr", "education-academic",
    "healthcare-medical", "legal-compliance", "logistics-delivery", "personal-social", "real-estate-utilities",
    "subscription-membership", "marketing-promotions", "travel-ticketing", "nonprofit-ngo", "miscellaneous",
}  # fmt: skip
ENGLISH = ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December")  # fmt: skip
GERMAN = ("Januar", "Februar", "März", "April", "Mai", "Juni",
          "Juli", "August", "September", "Oktober", "November", "Dezember")  # fmt: skip
IBAN = re.compile(r"IBAN ([A-Z]{2}\d{2}(?: [A-Z0-9]{1,4})+)")

each_letter = pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)


@each_letter
def test_the_category_is_one_of_the_fifteen(letter: SampleLetter) -> None:
    assert letter.truth.category in CATEGORIES
    assert letter.truth.also_category in CATEGORIES | {None}
    assert letter.truth.also_category != letter.truth.category


@each_letter
def test_an_amount_has_a_currency_and_no_more_than_cents(letter: SampleLetter) -> None:
    amount, currency = letter.truth.amount, letter.truth.currency
    assert (amount is None) == (currency is None)
    assert currency in {"GBP", "USD", "EUR", None}
    assert amount is None or (amount > 0 and amount == round(amount, 2))


@each_letter
def test_names_reference_and_keywords_stand_in_the_letter(letter: SampleLetter) -> None:
    text = " ".join(letter.text.split())
    truth = letter.truth
    for words in (truth.sender, truth.recipient, truth.reference, *truth.keywords):
        assert words is None or words in text


@each_letter
def test_the_amount_stands_in_the_letter_as_its_country_writes_it(letter: SampleLetter) -> None:
    if letter.truth.amount is not None:
        assert any(written in letter.text for written in _written_amounts(letter.truth.amount, letter.truth.language))


@each_letter
def test_the_due_date_stands_in_the_letter_or_so_many_days_after_a_date_in_it(letter: SampleLetter) -> None:
    if letter.truth.due_date is None:
        return
    text = " ".join(letter.text.split())
    days = [0, *(int(number) for number in re.findall(r"(?<![\d.,])(\d{1,2}) (?:days|Tagen?)\b", text))]
    starts = [letter.truth.due_date - timedelta(days=number) for number in days]
    assert any(written in text for start in starts for written in _written_dates(start))


@each_letter
def test_every_iban_has_the_right_check_digits(letter: SampleLetter) -> None:
    for written in IBAN.findall(letter.text):
        iban = written.replace(" ", "")
        assert int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def test_letters_have_their_own_names_and_places_in_the_demo() -> None:
    assert len({letter.name for letter in LETTERS}) == len(LETTERS)
    assert [letter.order for letter in LETTERS] == list(range(1, len(LETTERS) + 1))


def _written_dates(day: date) -> set[str]:
    english, german = ENGLISH[day.month - 1], GERMAN[day.month - 1]
    return {
        f"{day.day} {english} {day.year}",
        f"{english} {day.day}, {day.year}",
        f"{day.month:02}/{day.day:02}/{day.year}",
        f"{day.day}. {german} {day.year}",
        f"{day.day:02}.{day.month:02}.{day.year}",
        day.isoformat(),
    }


def _written_amounts(amount: Decimal, language: str) -> set[str]:
    english = f"{amount:,.2f}"
    german = english.translate(str.maketrans(",.", ".,"))
    return {german, german.removesuffix(",00")} if language == "de" else {english, english.removesuffix(".00")}
