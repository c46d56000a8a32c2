from decimal import Decimal

import pytest

from cloud.analysis.model import LetterCategory
from cloud.analysis.rules.amounts import amount_to_pay
from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.money import find_money, parsed
from tests.unit.analysis.letter_files import typed
from tests.unit.analysis.sheets import ENGLISH, FRENCH, GERMAN, SPANISH, analysed, sheet


@pytest.mark.parametrize(
    ("text", "value", "currency"),
    [
        ("£1,234.56", "1234.56", "GBP"),
        ("$1,234.56", "1234.56", "USD"),
        ("1.234,56 €", "1234.56", "EUR"),
        ("EUR 1.234,56", "1234.56", "EUR"),
        ("1 234,56 €", "1234.56", "EUR"),
        ("CHF 1'234.50", "1234.50", "CHF"),
        ("Fr. 84.-", "84.00", "CHF"),
        ("84,-- EUR", "84.00", "EUR"),
        ("£ 20", "20.00", "GBP"),
        ("1.500 €", "1500.00", "EUR"),
        ("100 Euro", "100.00", "EUR"),
    ],
)
def test_sums_are_read_in_the_writing_of_each_country(text, value, currency):
    (money,) = find_money(LetterText(typed([f"Total {text}"])))
    assert (money.value, money.currency) == (Decimal(value), currency)


@pytest.mark.parametrize(
    "text", ["12 %", "9.40 am", "30.11.2026", "388 kWh", "-£61.35", "Friday 12.30", "01632 960 218"]
)
def test_other_numbers_are_no_money(text):
    assert find_money(LetterText(typed([f"Total £5.00   {text}"])))[1:] == ()


def test_a_separator_before_two_digits_is_a_decimal_one():
    assert (parsed("1.000"), parsed("1.00")) == (Decimal("1000.00"), Decimal("1.00"))


def to_pay(head, *rows):
    found = amount_to_pay(sheet(head, *rows), LetterCategory.FINANCIAL_BILLING, ())
    return str(found.money.value) if found else None


@pytest.mark.parametrize(
    ("head", "rows", "value"),
    [
        (ENGLISH, ("Subtotal      £80.00", "VAT           £16.00", "Total to pay      £96.00"), "96.00"),
        (ENGLISH, ("Previous balance      £50.00", "Payments received      £50.00", "Amount due      £12.10"), "12.10"),
        (GERMAN, ("Nettobetrag      100,00 €", "MwSt. 19 %      19,00 €", "Rechnungsbetrag      119,00 €"), "119.00"),
        (
            GERMAN,
            ("Rechnungsbetrag      119,00 €", "Mahngebühr      5,00 €", "Gesamtforderung      124,00 €"),
            "124.00",
        ),
        (
            GERMAN,
            ("Rechnungsbetrag      900,00 €", "geleistete Abschläge      800,00 €", "Nachzahlung      100,00 €"),
            "100.00",
        ),
        (FRENCH, ("Total HT      50,00 €", "TVA      10,00 €", "Net à payer      60,00 €"), "60.00"),
        (SPANISH, ("Base imponible      50,00 €", "IVA      10,50 €", "Total a pagar      60,50 €"), "60.50"),
    ],
)
def test_the_sum_to_pay_is_neither_a_part_nor_the_tax_nor_the_past(head, rows, value):
    assert to_pay(head, *rows) == value


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (ENGLISH, "Your account is in credit by £45.00. We will refund £45.00 to you."),
        (ENGLISH, "Closing balance      £1,204.11"),
        (ENGLISH, "Save up to £200.00 on a new boiler."),
        (GERMAN, "Es ergibt sich ein Guthaben von 48,70 €, das wir Ihnen überweisen."),
        (FRENCH, "Un remboursement de 20,00 € vous sera versé."),
        (SPANISH, "Le ingresaremos 20,00 € en concepto de devolución."),
    ],
)
def test_credits_balances_and_offers_are_not_to_be_paid(head, row):
    assert to_pay(head, row) is None


def test_of_two_totals_the_one_that_adds_up_is_meant():
    rows = ("Water      £40.00", "Sewerage      £22.00", "Total      £62.00", "Total last year      £58.00")
    assert to_pay(ENGLISH, *rows) == "62.00"


def test_a_salary_is_not_to_be_paid():
    found = analysed(
        ENGLISH, "Offer of employment", "Your salary will be £46,500.00 a year. We offer you the position of cook."
    )
    assert found.amount is None


def test_the_sum_beside_the_day_is_the_one_that_is_due():
    assert analysed(ENGLISH, "Pay in full by 30 November 2026      £168.22").amount == "168.22"
