from datetime import date

import pytest

from cloud.analysis.rules.dates import find_dates
from cloud.analysis.rules.day_order import DayOrder, day_order
from cloud.analysis.rules.letter_text import LetterText
from tests.unit.analysis.letter_files import typed

WRITTEN = date(2026, 11, 4)


def dates(text, language="en", written=WRITTEN):
    return [found.value.isoformat() for found in find_dates(LetterText(typed([text])), language, written)]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("by 30 November 2026", "en"),
        ("by the 30th of November, 2026", "en"),
        ("by November 30, 2026", "en"),
        ("by Nov. 30th, 2026", "en"),
        ("by 30-Nov-26", "en"),
        ("by 2026-11-30", "en"),
        ("£ by 30/11/2026", "en"),
        ("by 11/30/2026", "en"),
        ("due30November2026", "en"),
        ("bis zum 30.11.2026", "de"),
        ("bis zum30.11.2026", "de"),
        ("bis zum 30. 11. 2026", "de"),
        ("am 3O.l1.2026", "de"),
        ("am 30.11.26", "de"),
        ("am 30. November 2026", "de"),
        ("am 30.11.", "de"),
        ("avant le 30 novembre 2026", "fr"),
        ("le 30/11", "fr"),
        ("antes del 30 de noviembre de 2026", "es"),
        ("30 de nov. de 2026", "es"),
    ],
)
def test_one_day_is_found_however_it_is_written(text, language):
    assert dates(text, language) == ["2026-11-30"]


@pytest.mark.parametrize(
    "text",
    [
        "Reference 2026-118834, 12 months",
        "version 1.10.11.2026.4",
        "Tel. 01.45.67.89.10",
        "May 2026",
        "section 12 may apply",
        "31 February 2026",
        "1.234,56 EUR",
        "IBAN DE89 3704 0044 0532 0130 00",
        "Room 12.10",
        "30/30/2026",
    ],
)
def test_what_only_looks_like_a_date_is_none(text):
    assert dates(text) == []


def test_a_month_with_accent_or_without_is_the_same():
    assert dates("1er décembre 2026", "fr") == dates("1er decembre 2026", "fr") == ["2026-12-01"]


def test_the_typewriters_umlaut_is_understood():
    assert dates("3. Maerz 2027", "de") == dates("3. März 2027", "de") == ["2027-03-03"]


def test_both_ends_of_a_period_are_found():
    assert dates("01.08.2026-31.10.2026", "de") == ["2026-08-01", "2026-10-31"]


def test_a_time_of_day_is_no_year():
    assert dates("3 December 14:30") == ["2026-12-03"]


def test_a_day_without_a_year_is_the_next_one_after_the_letter():
    assert dates("on 3 January") == ["2027-01-03"]


def test_a_day_without_a_year_is_not_sure():
    assert [found.sure for found in find_dates(LetterText(typed(["on 3 January"])), "en", WRITTEN)] == [False]


def test_a_birth_year_in_two_digits_lies_in_the_past():
    assert dates("born 12.05.71", "de") == ["1971-05-12"]


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("paid on 25/10/2026", DayOrder.DAY_FIRST),
        ("paid on 10/25/2026", DayOrder.MONTH_FIRST),
        ("£12.00 to Leeds LS1 4AB", DayOrder.DAY_FIRST),
        ("mailed to Boise, ID 83702 (208) 555-0147", DayOrder.MONTH_FIRST),
        ("on November 4, 2026", DayOrder.MONTH_FIRST),
        ("on 4 November 2026", DayOrder.DAY_FIRST),
        ("on 3/4/2026", DayOrder.UNKNOWN),
        ("25/10/2026 and 10/25/2026", DayOrder.UNKNOWN),
    ],
)
def test_other_evidence_decides_between_day_and_month(text, order):
    assert day_order(text.lower(), "en") is order


def test_outside_english_the_day_comes_first():
    assert day_order("3/4/2026", "fr") is DayOrder.DAY_FIRST


def test_without_evidence_an_ambiguous_date_is_not_sure():
    found = find_dates(LetterText(typed(["please pay by 3/4/2026"])), "en", date(2026, 2, 1))
    assert [each.sure for each in found] == [False]


def test_a_date_whose_numbers_are_equal_needs_no_evidence():
    found = find_dates(LetterText(typed(["please pay by 4/4/2026"])), "en", date(2026, 2, 1))
    assert [(each.value, each.sure) for each in found] == [(date(2026, 4, 4), True)]
