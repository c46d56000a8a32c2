import pytest

from cloud.analysis.rules.iban import checksum_holds, find_ibans
from cloud.analysis.rules.letter_text import LetterText
from tests.unit.analysis.letter_files import typed


def ibans(text):
    return [iban for iban, _, _ in find_ibans(LetterText(typed([text])))]


# From the register of ISO 13616: https://www.swift.com/standards/data-standards/iban
@pytest.mark.parametrize(
    "printed",
    [
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "FR14 2004 1010 0505 0001 3M02 606",
        "ES9121000418450200051332",
    ],
)
def test_a_number_with_a_right_checksum_is_found(printed):
    assert ibans(f"IBAN {printed} BIC X") == [printed.replace(" ", "")]


def test_one_wrong_digit_is_noticed():
    assert ibans("IBAN DE89 3704 0044 0532 0130 01") == []


def test_the_place_of_the_number_is_kept():
    letter = LetterText(typed(["to IBAN DE89 3704 0044 0532 0130 00, thank you"]))
    ((_, start, end),) = find_ibans(letter)
    assert letter.text[start:end] == "DE89 3704 0044 0532 0130 00"


def test_the_checksum_counts_letters_from_ten():
    assert checksum_holds("GB29NWBK60161331926819")
