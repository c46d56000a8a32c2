"""Money, days and facts in the words a person would use."""

import pytest

from cloud.notifications import wording


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("84.20", "GBP", "£84.20"),
        ("1318.00", "EUR", "€1,318.00"),
        ("12", "USD", "$12"),
        ("-5.50", "GBP", "-£5.50"),
        ("84.20", "CHF", "84.20 CHF"),
        ("84.20", None, "84.20"),
        ("about ten", "EUR", "about ten EUR"),
        ("NaN", "EUR", "NaN EUR"),
        ("1E+3", "EUR", "€1,000"),
    ],
)
def test_money_is_written_with_its_currency(amount: str, currency: str | None, shown: str) -> None:
    assert wording.money(amount, currency) == shown


@pytest.mark.parametrize(
    ("iso", "shown"), [("2026-11-30", "30 November 2026"), ("2026-02-01", "1 February 2026"), ("soon", "soon")]
)
def test_days_are_written_out(iso: str, shown: str) -> None:
    assert wording.day(iso) == shown


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("due_date", "2026-12-07", "Monday 7 December 2026"),
        ("due_date", "soon", "soon"),
        ("letter_date", "2026-11-20", "20 November 2026"),
        ("amount", "84.20 GBP", "£84.20"),
        ("amount", "84.20", "84.20"),
        ("iban", "DE75512108001245126199", "DE75 5121 0800 1245 1261 99"),
        ("language", "de", "German"),
        ("language", "xx", "xx"),
        ("reference", "R-1", "R-1"),
    ],
)
def test_facts_are_shown_as_people_write_them(kind: str, value: str, shown: str) -> None:
    assert wording.fact_value(kind, value) == shown


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        ("due_date", "2026-12-07", "Monday 7 December 2026 (2026-12-07)"),
        ("due_date", "soon", "soon"),
        ("letter_date", "2026-11-20", "20 November 2026"),
        ("amount", "84.20 GBP", "£84.20"),
        ("amount", "1318.00 EUR", "€1,318.00 (1318.00 EUR)"),
        ("amount", "1318.00 CHF", "1,318.00 CHF (1318.00 CHF)"),
        ("reference", "R-1", "R-1"),
    ],
)
def test_a_line_of_text_adds_what_cannot_be_misread(kind: str, value: str, shown: str) -> None:
    assert wording.fact_line(kind, value) == shown


def test_what_has_no_words_of_its_own_is_spelt_out() -> None:
    assert wording.category("space-travel") == "Space travel"
    assert wording.fact_name("meter_reading") == "Meter reading"
    assert wording.action("wait-a-week") == "Wait a week"
    assert wording.language(None) is None


def test_one_line_is_one_line_and_cut_where_asked() -> None:
    assert wording.one_line("a\r\nb\tc\u2028d\x00e") == "a b c d e"
    assert wording.one_line("one two three", 8) == "one two…"
    assert wording.one_line("short", 8) == "short"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a blank page", "A blank page."), ("Why?", "Why?"), ("", ""), ("£5 were paid ", "£5 were paid.")],
)
def test_a_reason_becomes_a_sentence(text: str, shown: str) -> None:
    assert wording.sentence(text) == shown


def test_lists_and_counts_read_as_english() -> None:
    assert wording.listed([]) == ""
    assert wording.listed(["A"]) == "A"
    assert wording.listed(["A", "B", "C"]) == "A, B and C"
    assert wording.counted(1, "image") == "1 image"
    assert wording.counted(2, "delivery", "deliveries") == "2 deliveries"
