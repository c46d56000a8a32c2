"""International bank account numbers, believed only when their checksum holds (ISO 13616)."""

import re
from collections.abc import Iterator

from cloud.analysis.rules.letter_text import LetterText

_IBAN = re.compile(r"(?<![A-Z\d])[A-Z]{2}\d\d(?:\s?[A-Z\d]{4}){2,7}(?:\s?[A-Z\d]{1,3})?(?![A-Z\d])")
# Lengths by country; a number of another length is no IBAN, whatever its checksum.
LENGTHS = {"DE": 22, "GB": 22, "FR": 27, "ES": 24, "AT": 20, "CH": 21, "NL": 18, "BE": 16, "IT": 27, "IE": 22, "LU": 20}
LENGTHS |= {
    "PT": 25,
    "PL": 28,
    "DK": 18,
    "SE": 24,
    "NO": 15,
    "FI": 18,
    "LI": 21,
    "CZ": 24,
    "MC": 27,
    "LT": 20,
    "EE": 20,
}


def find_ibans(letter: LetterText) -> Iterator[tuple[str, int, int]]:
    """Yield (IBAN without blanks, start, end) for every valid one."""
    for match in _IBAN.finditer(letter.text):
        iban = re.sub(r"\s", "", match[0])
        length = LENGTHS.get(iban[:2], len(iban))
        if len(iban) >= length and checksum_holds(iban[:length]):
            yield iban[:length], match.start(), _end(letter.text, match.start(), length)


def checksum_holds(iban: str) -> bool:
    """Whether the digits, letters counted from A = 10 and the first four moved to the end, leave 1 modulo 97."""
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def _end(text: str, start: int, length: int) -> int:
    end = start
    while length:
        length -= not text[end].isspace()
        end += 1
    return end
