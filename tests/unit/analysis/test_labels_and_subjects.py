"""What only says when, how much or which number something is, is nobody's subject."""

import pytest

from tests.unit.analysis.sheets import analysed

ENGLISH = ("Halden Savings Bank", "12 High Street, York YO1 8QN", "", "Mr Tom Reed", "4 Elm Road", "York YO10 3AB", "")
GERMAN = ("Sparkasse Halden", "Hauptstr. 12, 10115 Berlin", "", "Herrn", "Tom Reed", "Ulmenweg 4", "10117 Berlin", "")
NOTHING_TO_DO = {
    ENGLISH: ("Dear Mr Reed,", "Your balance on 31 October 2026 was £1,204.20. You need do nothing."),
    GERMAN: ("Sehr geehrter Herr Reed,", "Ihr Kontostand am 31. Oktober 2026 betrug 1.204,20 EUR."),
}


def subject_with(head, *rows):
    salutation, body = NOTHING_TO_DO[head]
    return analysed((*head, *rows, "", salutation, ""), body).subject


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        (ENGLISH, ("Date of statement: 3 November 2026",)),
        (ENGLISH, ("Date of statement 3 November 2026",)),
        (ENGLISH, ("Date of statement", "3 November 2026")),
        (ENGLISH, ("Statement period: 1 October 2026 to 31 October 2026",)),
        (ENGLISH, ("Closing balance: £1,204.20",)),
        (ENGLISH, ("Amount due: £84.20",)),
        (GERMAN, ("Datum des Auszugs: 3. November 2026",)),
        (GERMAN, ("Datum des Auszugs 3. November 2026",)),
        (GERMAN, ("Abrechnungszeitraum: 1.10.2026 - 31.10.2026",)),
    ],
)
def test_a_label_with_its_value_is_no_subject(head, rows):
    assert subject_with(head, *rows) is None


@pytest.mark.parametrize(
    ("head", "row"),
    [
        (ENGLISH, "Your statement of 3 November 2026"),
        (ENGLISH, "Your bank statement for October 2026"),
        (ENGLISH, "Annual review: what changes on 1 January 2027"),
        (GERMAN, "Kontoauszug Oktober 2026"),
        (GERMAN, "Ihr Kontoauszug vom 3. November 2026"),
    ],
)
def test_a_title_with_a_date_is_one_still(head, row):
    assert subject_with(head, row) == row
