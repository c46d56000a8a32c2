"""What a letter says: each thing once, the surest proof first, inside its line."""

from dataclasses import replace

import pytest

from cloud.letters.model import Fact
from cloud.notifications.findings import (
    QUOTE_MARGIN,
    ReadLetter,
    asks,
    findings,
    quote,
    short_findings,
    summary,
    what_to_do,
)
from tests.unit.notifications.deliveries import APPOINTMENT_READ, BILL, BILL_READ, fact


def test_what_the_owner_looks_for_comes_first() -> None:
    assert [one.kind for one in findings(BILL_READ)] == ["due_date", "amount", "reference", "sender"]


def test_a_mail_leaves_out_what_stands_above_its_list() -> None:
    assert [one.kind for one in short_findings(BILL_READ)] == ["due_date", "amount", "reference"]


def test_what_to_do_is_not_repeated_by_the_date_and_the_amount_it_names() -> None:
    assert asks(BILL_READ) == []
    bare = replace(BILL_READ, letter=replace(BILL, what_to_do=None))
    assert [(one.name, one.value) for one in asks(bare)] == [("By", "2026-12-07"), ("Amount", "84.20 GBP")]


def test_what_to_do_names_the_weekday_of_its_day_once() -> None:
    assert what_to_do(BILL) == "Pay £84.20 to Northmoor Energy by Monday 7 December 2026 (reference 8504 2217 936)."
    assert what_to_do(replace(BILL, what_to_do=what_to_do(BILL))) == what_to_do(BILL)
    assert what_to_do(replace(BILL, due_date=None)) == BILL.what_to_do
    assert what_to_do(replace(BILL, what_to_do=None)) == ""


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("N. writes about “Bill”. It asks for £84.20 by 7 December 2026.", "N. writes about “Bill”."),
        ("N. writes about “Bill”. It asks for £84.20 by 9 December 2026.", None),
        (
            "N. writes about “Bill”. It thanks you. The total is £84.20. See page 3.",
            "N. writes about “Bill”. It thanks you. See page 3.",
        ),
        ("The total is £84.20.", None),
        ("", None),
    ],
)
def test_a_summary_does_not_repeat_what_to_do(told: str, shown: str | None) -> None:
    assert summary(replace(BILL, summary=told)) == (told if shown is None else shown)
    assert summary(replace(BILL, summary=told, what_to_do=None)) == told


def test_a_possible_date_is_shown_even_when_what_to_do_names_it() -> None:
    (ask,) = asks(ReadLetter(BILL, (fact(BILL, "due_date", "2026-12-07", "7 December 2026", "possible"),)))
    assert ask.is_possible
    assert ask.value == "2026-12-07"


def test_an_appointment_is_on_a_day_not_by_it() -> None:
    assert [one.name for one in asks(APPOINTMENT_READ)] == ["On"]


def test_a_value_that_one_place_states_is_sure() -> None:
    both = (
        fact(BILL, "amount", "84.20 GBP", "£84.20", "possible"),
        fact(BILL, "amount", "84.20 GBP", "Total to pay £84.20"),
    )
    assert not ReadLetter(BILL, both).is_possible("amount")
    assert ReadLetter(BILL, both[:1]).is_possible("amount")
    assert not ReadLetter(BILL, ()).is_possible("amount")


def test_another_possible_value_does_not_make_the_shown_one_unsure() -> None:
    facts = (
        fact(BILL, "due_date", "2026-12-07", "7 December 2026"),
        fact(BILL, "due_date", "2026-12-24", "December 2026", "possible"),
    )
    assert not ReadLetter(BILL, facts).is_possible("due_date")


def test_a_quote_stands_in_its_line() -> None:
    shown = quote(BILL.text, fact(BILL, "due_date", "2026-12-07", "7 December 2026"))
    assert (shown.before, shown.words, shown.after) == ("Please pay by ", "7 December 2026", "")


def test_a_long_line_is_cut_at_words() -> None:
    text = "word " * 40 + "42 EUR" + " more" * 40
    letter = replace(BILL, text=text)
    shown = quote(text, fact(letter, "amount", "42 EUR", "42 EUR"))
    assert shown.before.startswith("…word ")
    assert shown.after.endswith(" more…")
    assert len(shown.line) <= 2 * QUOTE_MARGIN + len("42 EUR") + 2


def test_a_quote_of_another_text_stands_alone() -> None:
    elsewhere = Fact("amount", "1 EUR", "1 EUR", (0,), 3, 8, 0.9, "stated")
    assert quote(BILL.text, elsewhere).line == "1 EUR"
