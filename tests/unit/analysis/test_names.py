import pytest

from tests.unit.analysis.sheets import ENGLISH, GERMAN, analysed

ADDRESS = ("Mrs Anna Example", "14 Harbour Lane", "Bristol BS1 5TY", "")


def test_the_letterhead_names_the_sender():
    assert analysed(ENGLISH, "Please reply by 30 November 2026.").sender == "Bellwood Council"


def test_the_recipient_over_the_address_is_not_the_sender():
    found = analysed(
        ("Hartwell Energy Ltd", "PO Box 1, Leeds LS1 1AA", "", *ADDRESS, "Dear Mrs Example,"),
        "Your bill is enclosed with this letter.",
    )
    assert (found.sender, found.recipient) == ("Hartwell Energy Ltd", "Mrs Anna Example")


def test_the_return_address_line_names_the_sender():
    head = (
        "Kranich Möbelhaus e.K. | Industriestr. 14 | 90441 Nürnberg",
        "",
        "Frau Petra Vogt",
        "Gartenstraße 21",
        "90443 Nürnberg",
        "",
        "Sehr geehrte Frau Vogt,",
    )
    found = analysed(head, "anbei erhalten Sie unsere Rechnung.")
    assert (found.sender, found.recipient) == ("Kranich Möbelhaus e.K.", "Frau Petra Vogt")


def test_the_name_over_the_writers_own_address_is_given_in_full():
    head = ("Margaret Ellison", "Orchard Cottage", "Church Lane", "Wetherby Magna", "Ludlow SY8 9ZZ", "")
    rows = ("The roof was mended at last, and the apples were heavy this year.", "", "Yours ever,", "Margaret")
    found = analysed((*head, "Dear Joan and Peter,", ""), *rows)
    assert (found.sender, found.recipient) == ("Margaret Ellison", "Joan and Peter")


def test_a_large_name_over_the_kind_of_organisation_is_one_sender():
    head = ("# Threebridges", "Borough Council", "Town Hall, Market Place, Leeds LS1 5HN", "", "Dear occupier,", "")
    assert analysed(head, "Please tell us who lives here.").sender == "Threebridges Borough Council"


def test_a_doctor_has_a_letterhead_and_is_not_the_patient():
    head = ("Dr. med. Henning Paasche", "Kurallee 9 · 31812 Bad Pyrmont", "", "Frau", "Ines Wolter", "Brunnenstr. 14")
    found = analysed((*head, "31812 Bad Pyrmont", "", "Sehr geehrte Frau Wolter,", ""), "anbei Ihre Rechnung.")
    assert (found.sender, found.recipient) == ("Dr. med. Henning Paasche", "Ines Wolter")


@pytest.mark.parametrize(
    ("head", "sender"),
    [
        (("# NEW WINDOWS FOR LESS THAN YOU THINK", "ClearView of Stockport"), "ClearView of Stockport"),
        (("flinkpost            Wir haben Ihr Paket abgegeben",), "flinkpost"),
        (("Gasluz Levante            FACTURA", "C/ Colón 40, 46004 Valencia", "gasluz.example"), "Gasluz Levante"),
    ],
)
def test_a_headline_or_title_is_not_the_sender(head, sender):
    assert analysed((*head, ""), "www.example.org/more and a few more words to read here.").sender == sender


def test_the_place_of_writing_is_not_the_sender():
    rows = ("Bei uns war die Feuerwehr im Haus, aber nun ist alles gut.", "", "Sei umarmt", "von Deiner Tante Lore")
    assert analysed(("Wismar, den 20. August 2026", "", "Liebe Birgit,", ""), *rows).sender == "Tante Lore"


def test_a_private_letter_is_from_who_signed_it():
    found = analysed(
        ("Dearest Molly,",), "I hope you liked the party. See you in the summer!", "", "Lots of love", "Grandma Joan"
    )
    assert found.sender == "Grandma Joan"


def test_an_address_over_a_private_letter_is_the_writers_own():
    found = analysed(
        ("Martha Quill", "3 Mill Lane", "Bristol BS1 5TY", "", "Dear Ben,"),
        "The garden is full of apples and we think of you every day.",
        "",
        "With love from us all",
        "Granny Martha",
    )
    assert (found.sender, found.recipient) == ("Martha Quill", "Ben")


def test_a_name_in_capitals_is_spelt_as_the_letter_spells_it_elsewhere():
    found = analysed(
        ("OAK & ELM INSURANCE", "PO Box 1, Leeds LS1 1AA", "", *ADDRESS, "Dear Mrs Example,"),
        "Thank you for choosing Oak & Elm Insurance for your home.",
    )
    assert found.sender == "Oak & Elm Insurance"


def test_a_web_address_speaks_for_a_name_with_umlauts():
    head = ("Dächer Grünwald", "Ihr Betrieb am See", "", "Frau Petra Vogt", "Gartenstraße 21", "90443 Nürnberg", "")
    found = analysed((*head, "Sehr geehrte Frau Vogt,"), "anbei unsere Rechnung.", "", "www.daecher-gruenwald.de")
    assert found.sender == "Dächer Grünwald"


def test_the_department_under_the_house_is_not_the_sender():
    head = ("Hospital St Anne", "Admissions Office", "1 Long Street, Leeds LS1 4AB", "", "Dear Mr Poe,")
    assert analysed(head, "Please bring this letter to the ward on the day.").sender == "Hospital St Anne"


def test_a_slogan_is_not_the_sender():
    assert (
        analysed(
            ("Lichtnetz GmbH", "# Jetzt Glasfaser sichern!"), "Surfen Sie mit bis zu 1000 Mbit ab 19,99 € im Monat."
        ).sender
        == "Lichtnetz GmbH"
    )


@pytest.mark.parametrize(
    ("rows", "subject"),
    [
        (("Re: Rent review, Flat 6", "", "Please amend your standing order."), "Rent review, Flat 6"),
        (("Your electricity bill", "", "This bill is for the last three months."), "Your electricity bill"),
        (("Bill for 2026 and the next year",), "Bill for 2026 and the next year"),
        (("Re   Rent review, Flat 6", "", "Please amend your standing order."), "Rent review, Flat 6"),
        (
            ("Who lives with you? We need a reply", "", "Please fill in the form."),
            "Who lives with you? We need a reply",
        ),
        (
            ("Planning application at 17 Church Lane: single storey rear extension",),
            "Planning application at 17 Church Lane: single storey rear extension",
        ),
    ],
)
def test_the_subject_is_labelled_or_stands_by_the_salutation(rows, subject):
    assert analysed(ENGLISH, *rows).subject == subject


@pytest.mark.parametrize(
    "row",
    [
        "Thank you for your card. It made me laugh out loud in the middle of the post office",
        "Every year the law requires us to check that the register is right. We wrote to you",
        "Jane Pemberton",
        "Your adviser: Jane Pemberton",
        "Ref: OPH/77120/26",
        "Account number 8504 2217",
        "Item ref: LP-26-88120",
        "Date of statement: 4 November 2026",
        "Thank you!",
        "November 2026",
        "14 Harbour Lane",
        "To all residents of Mill Street",
        "please find enclosed",
    ],
)
def test_running_text_names_and_numbers_are_no_subject(row):
    running_on = "and so on and so forth until the line is full and the text goes on below it,"
    assert analysed(ENGLISH, row, running_on, "and on. And ends there at last.").subject is None


def test_the_largest_line_is_the_title_where_nobody_is_greeted():
    rows = (
        "Larkspur & Pine",
        "3 Mill Lane, Bristol BS1 5TY",
        "",
        "# The big winter event",
        "",
        "www.larkspur-pine.example",
    )
    assert analysed((), *rows).subject == "The big winter event"


def test_who_talks_to_the_reader_on_top_says_what_the_letter_is_about():
    rows = (
        "Your bin day is changing",
        "",
        "Fenland Borough Council",
        "",
        "From Monday we will empty your bins on Thursdays.",
    )
    assert analysed((), *rows).subject == "Your bin day is changing"


def test_partners_are_one_sender():
    head = ("HOLBROOK, DIAZ & STERN LLP", "400 Court Street, Dayton, OH 45402", "", "Dear Mr. Cole:", "")
    assert analysed(head, "This firm represents your neighbour.").sender == "HOLBROOK, DIAZ & STERN LLP"


def test_a_label_beside_its_value_is_no_subject():
    rows = ("Previous balance      £50.00", "Payments received      £50.00", "Amount due      £12.10")
    assert analysed((*ENGLISH[:4], ""), *rows).subject is None


def test_a_title_over_the_salutation_is_not_read_into_it():
    title = "Your car insurance: contribution for the year 2027"
    rows = ("We have worked out anew what your car will cost you in the coming year, which is less.",) * 2
    found = analysed((*ENGLISH[:4], "", title, "", "Dear Mrs Example,", ""), *rows)
    assert found.subject == title


def test_a_german_subject_stands_over_the_salutation():
    head = (*GERMAN[:4], "", "Ihre Jahresabrechnung Strom", "", "Sehr geehrte Frau Muster,")
    assert analysed(head, "anbei erhalten Sie Ihre Rechnung für das Jahr.").subject == "Ihre Jahresabrechnung Strom"


@pytest.mark.parametrize(
    ("rows", "reference"),
    [
        (("Invoice number: INV-2026/0418", "Customer number: 4711"), "INV-2026/0418"),
        (("Please quote your account number 8504 2217 936 when you pay.", "Bill number NE-26-118"), "8504 2217 936"),
        (("Case no. J7QZ1193",), "J7QZ1193"),
        (("Patient no. BH 20417",), "BH 20417"),
        (("Account number      8504 2217",), "8504 2217"),
        (("Reference      Date", "AB-118834      4 November 2026"), "AB-118834"),
    ],
)
def test_the_reference_is_what_the_letter_asks_to_quote(rows, reference):
    assert analysed(ENGLISH, *rows).reference == reference


@pytest.mark.parametrize("row", ["Ref: 4 November 2026", "Account ending", "Reference", "Invoice date 04/11/2026"])
def test_what_follows_a_label_is_not_always_a_reference(row):
    assert analysed(ENGLISH, row, "We write to you about the park.").reference is None
