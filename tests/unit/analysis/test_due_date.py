from datetime import date

import pytest

from cloud.analysis.model import Tier
from cloud.analysis.rules.due_date import due_dates
from tests.unit.analysis.sheets import ENGLISH, FRENCH, GERMAN, SPANISH, analysed, sheet


def stated(head, *rows):
    found = due_dates(sheet(head, *rows), advert=False, nothing_to_pay=False)
    return [due.value.isoformat() for due in found if due.tier is Tier.STATED][:1]


def possible(head, *rows):
    found = due_dates(sheet(head, *rows), advert=False, nothing_to_pay=False)
    return [due.value.isoformat() for due in found if due.tier is Tier.POSSIBLE][:1]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (ENGLISH, "Please pay £84.20 by 30 November 2026."),
        (ENGLISH, "Your form must reach us no later than Monday 30 November 2026."),
        (ENGLISH, "Payment due date: 30/11/2026"),
        (ENGLISH, "30 November 2026 is the last day to reply."),
        (ENGLISH, "We will hold your parcel until 30 November 2026."),
        (ENGLISH, "Your appointment is on Monday 30 November 2026 at 10.40 am."),
        (GERMAN, "Bitte überweisen Sie den Betrag bis zum 30.11.2026."),
        (GERMAN, "Der Betrag ist am 30.11.2026 fällig."),
        (GERMAN, "Zahlbar bis spätestens 30. November 2026"),
        (GERMAN, "Ihr Termin: Montag, 30.11.2026, 14:30 Uhr"),
        (FRENCH, "Merci de régler cette somme avant le 30 novembre 2026."),
        (FRENCH, "Date limite de paiement : 30/11/2026"),
        (SPANISH, "Rogamos abone el importe antes del 30 de noviembre de 2026."),
        (SPANISH, "Fecha límite de pago: 30/11/2026"),
    ],
)
def test_a_demand_with_a_day_is_a_stated_due_date(head, row):
    assert stated(head, row) == ["2026-11-30"]


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (ENGLISH, "This bill covers 1 November 2026 to 30 November 2026."),
        (ENGLISH, "We will write to you again by 30 November 2026."),
        (ENGLISH, "Your refund will be paid by 30 November 2026."),
        (ENGLISH, "Offer ends 30 November 2026. Save 20% if you order by 30 November 2026."),
        (ENGLISH, "Your previous appointment was cancelled: 30 November 2026 at 9:00."),
        (ENGLISH, "Please pay by 30 October 2026."),
        (ENGLISH, "The new price applies from 30 November 2026."),
        (ENGLISH, "Our office is closed until 30 November 2026."),
        (GERMAN, "Wir werden Ihnen bis zum 30.11.2026 antworten."),
        (GERMAN, "im Zeitraum vom 01.11.2026 bis zum 30.11.2026"),
        (GERMAN, "Das Angebot ist gültig bis zum 30.11.2026."),
        (GERMAN, "Unsere Rechnung war am 30.11.2026 fällig gewesen."),
        (FRENCH, "Vous recevrez votre remboursement avant le 30 novembre 2026."),
        (FRENCH, "Offre valable jusqu'au 30 novembre 2026."),
        (SPANISH, "Le enviaremos una respuesta antes del 30 de noviembre de 2026."),
    ],
)
def test_a_day_that_asks_nothing_of_the_owner_is_not_stated(head, row):
    assert stated(head, row) == []


def test_the_label_may_stand_in_the_cell_to_the_left():
    assert stated(ENGLISH, "Due date              30 November 2026") == ["2026-11-30"]


def test_the_label_may_stand_in_the_cell_above():
    assert stated(ENGLISH, "Account        Due date", "118834         30 November 2026") == ["2026-11-30"]


def test_the_sentence_may_run_over_two_lines():
    first = "Please make sure that your payment of the whole sum named above reaches us by"
    assert stated(ENGLISH, first, "30 November 2026 at the latest, and quote your account number with it.") == [
        "2026-11-30"
    ]


def test_an_appointment_may_be_a_table_of_labels():
    rows = ("We have made an appointment for you:", "Date:     Monday 30 November 2026", "Time:     10:40")
    assert stated(ENGLISH, *rows) == ["2026-11-30"]


@pytest.mark.parametrize(
    ("head", "row", "day"),
    [
        (ENGLISH, "Please pay within 14 days of the date of this letter.", "2026-11-18"),
        (ENGLISH, "Please reply within two weeks of the date of this notice.", "2026-11-18"),
        (GERMAN, "Zahlen Sie bitte innerhalb von 14 Tagen nach Rechnungsdatum.", "2026-11-18"),
        (GERMAN, "Der Betrag ist binnen eines Monats ab Datum dieses Schreibens zu zahlen.", "2026-12-04"),
        (FRENCH, "Veuillez régler sous 30 jours à compter de la date de facture.", "2026-12-04"),
        (SPANISH, "Debe pagar en un plazo de 10 días desde la fecha de esta carta.", "2026-11-14"),
    ],
)
def test_a_term_from_the_letters_date_is_counted(head, row, day):
    assert stated(head, row) == [day]


def test_a_term_from_receipt_is_only_possible():
    row = "Please pay within 14 days of receipt."
    assert (stated(ENGLISH, row), possible(ENGLISH, row)) == ([], ["2026-11-20"])


def test_working_days_skip_the_weekend_and_stay_possible():
    assert possible(ENGLISH, "Please reply within 3 working days of the date of this letter.") == ["2026-11-09"]


@pytest.mark.parametrize(
    "row",
    [
        "You have the right to cancel within 14 days of the date of this letter.",
        "We will reply within 14 days of the date of this letter.",
        "If you are not satisfied you may appeal to the tribunal within 28 days of this notice.",
    ],
)
def test_rights_and_promises_are_no_terms_to_keep(row):
    assert stated(ENGLISH, row) == possible(ENGLISH, row) == []


def test_what_the_owner_may_do_is_only_possible():
    row = "If you do not want to renew, please tell us before 30 November 2026."
    assert (stated(ENGLISH, row), possible(ENGLISH, row)) == ([], ["2026-11-30"])


def test_the_day_of_the_discount_gives_way_to_the_day_of_the_full_sum():
    rows = (
        "If you pay by 16 November 2026 the charge is reduced to £35.00.",
        "The full charge of £70.00 must be paid by 30 November 2026.",
    )
    assert stated(ENGLISH, *rows) == ["2026-11-30"]


def test_two_days_stated_alike_leave_the_choice_to_the_owner():
    rows = ("Please return the form by 20 November 2026.", "Please pay the deposit by 30 November 2026.")
    assert (stated(ENGLISH, *rows), possible(ENGLISH, *rows)) == ([], ["2026-11-20"])


def test_where_money_is_collected_the_day_asks_nothing_of_the_owner():
    found = analysed(
        ENGLISH, "Amount due £32.50", "Payment due: 20 November 2026", "We will collect this sum by direct debit."
    )
    assert (found.due_date, found.action_status) == (None, "no-action-needed")


def test_a_missing_direct_debit_is_not_taken_for_one():
    found = analysed(
        GERMAN,
        "Ein Lastschriftmandat liegt uns nicht vor, es wird nichts abgebucht.",
        "Bitte überweisen Sie 89,90 € bis zum 15.12.2026.",
    )
    assert (found.due_date, found.amount) == (date(2026, 12, 15), "89.90")


def test_without_evidence_for_the_order_of_day_and_month_the_date_is_to_be_confirmed():
    found = analysed(
        (),
        "Notice to the owner of the house",
        "Please return the form by 12/10/2026.",
        "Thank you for your help with this.",
    )
    assert found.due_tier in (Tier.POSSIBLE, None)
