"""Sample letters hold together as real ones do: sums add up, weekdays are right, nobody real is named."""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import accumulate

import pytest

from simulator.sample_letters import SampleLetter, sample_letters
from simulator.sample_letters.letter import BarcodeBlock, TableBlock

LETTERS = sample_letters()
MONTHS = {
    "January": 1, "February": 2, "March": 3, "April": 4, "May": 5, "June": 6, "July": 7, "August": 8, "September": 9,
    "October": 10, "November": 11, "December": 12, "Januar": 1, "Februar": 2, "März": 3, "Mai": 5, "Juni": 6, "Juli": 7,
    "Oktober": 10, "Dezember": 12,
}  # fmt: skip
WEEKDAYS = {
    "Monday": 0, "Tuesday": 1, "Wednesday": 2, "Thursday": 3, "Friday": 4, "Saturday": 5, "Sunday": 6, "Montag": 0,
    "Dienstag": 1, "Mittwoch": 2, "Donnerstag": 3, "Freitag": 4, "Samstag": 5, "Sonntag": 6,
}  # fmt: skip
DATED_WEEKDAY = re.compile(rf"({'|'.join(WEEKDAYS)}),? (?:dem )?(\d+)\.? ?({'|'.join(MONTHS)}|\d+\.)(?: ?(\d{{4}}))?")
NUMERIC_DATE = {"de": re.compile(r"\b(\d\d)\.(\d\d)\.(\d{4})"), "en": re.compile(r"\b(\d\d)/(\d\d)/(\d{4})")}
MINUS = "\N{EN DASH}"  # as letters print it
AMOUNT = re.compile(rf"{MINUS}?(?:EUR |[£$])?{MINUS}?\d{{1,3}}(?:[.,]\d{{3}})*[.,]\d\d(?: €)?")
# Numbers kept for fiction: Ofcom's drama ranges, 555-01xx, and the Bundesnetzagentur's 030 23125
PHONE = re.compile(r"\b0\d{2,4} \d{3,5}[- ]\d{3,4}\b|\b030 [\d-]+|\b1-\d{3}-\d{3}-\d{4}\b")
FICTION = re.compile(
    r"01632 960 \d{3}|0808 157 0\d{3}|020 7946 0\d{3}|07700 900 \d{3}|1-800-555-01\d\d|030 23125-\d{3}"
)

each_letter = pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)


@each_letter
def test_an_amount_to_pay_is_the_sum_of_the_rows_above_it(letter: SampleLetter) -> None:
    amount = letter.truth.amount
    columns = [list(_amounts(block)) for block in letter.blocks if isinstance(block, TableBlock)]
    tables = [column[: column.index(amount)] for column in columns if amount in column[1:]]
    sums = [total for above in tables for total in accumulate(reversed(above))]
    assert not tables or amount in sums


@each_letter
def test_every_date_falls_on_the_weekday_that_is_written_before_it(letter: SampleLetter) -> None:
    for weekday, day, month, year in DATED_WEEKDAY.findall(letter.text):
        number = MONTHS.get(month) or int(month.rstrip("."))
        assert date(int(year or 2026), number, int(day)).weekday() == WEEKDAYS[weekday]


@each_letter
def test_every_date_in_figures_exists(letter: SampleLetter) -> None:
    for first, second, year in NUMERIC_DATE[letter.truth.language].findall(letter.text):
        day, month = sorted((int(first), int(second)), reverse=True) if int(second) > 12 else (int(first), int(second))
        assert date(int(year), month, day)


@each_letter
def test_telephone_numbers_are_those_kept_for_fiction(letter: SampleLetter) -> None:
    without_ibans = re.sub(r"IBAN [A-Z0-9 ]+", "", letter.text)
    assert [number for number in PHONE.findall(without_ibans) if not FICTION.fullmatch(number)] == []


@each_letter
def test_addresses_of_the_net_end_in_example(letter: SampleLetter) -> None:
    hosts = re.findall(r"(?:@|www\.)([a-z0-9.-]+[a-z])", letter.text)
    assert [host for host in hosts if not host.endswith(".example")] == []


@each_letter
def test_a_letter_fills_a_page_and_holds_more_figures_than_its_answers(letter: SampleLetter) -> None:
    figures = re.findall(r"\d+", letter.text)
    assert len(figures) > 6
    assert 100 < len(letter.text.split()) < 360


@each_letter
def test_a_barcode_holds_a_number_that_is_printed_in_the_letter(letter: SampleLetter) -> None:
    printed = re.sub(r"[^A-Z0-9]", "", letter.text)
    for block in letter.blocks:
        if isinstance(block, BarcodeBlock):
            assert block.code[:10] in printed


def test_the_letters_are_of_all_fifteen_categories_and_of_both_languages() -> None:
    assert len({letter.truth.category for letter in LETTERS}) == 15
    assert {letter.truth.language for letter in LETTERS} == {"en", "de"}


def test_some_letters_ask_for_nothing_some_for_an_answer_and_some_for_money() -> None:
    asked = {(letter.truth.due_date is not None, letter.truth.amount is not None) for letter in LETTERS}
    assert asked == {(False, False), (True, False), (True, True)}


def test_the_first_nine_letters_show_many_kinds() -> None:
    first = LETTERS[:9]
    assert len({letter.truth.category for letter in first}) >= 7
    assert {letter.truth.currency for letter in first} == {"GBP", "USD", "EUR", None}


def _amounts(table: TableBlock) -> Iterator[Decimal]:
    for *_, cell in table.rows:
        if AMOUNT.fullmatch(cell):
            cents = int(re.sub(r"\D", "", cell))
            yield Decimal(-cents if MINUS in cell else cents) / 100
