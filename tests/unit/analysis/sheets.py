"""Short letters for tests of one rule: rows of a typewritten page in, a reading or an analysis out."""

from datetime import date

from cloud.analysis.model import Analysis
from cloud.analysis.rules.reading import Reading, read
from cloud.analysis.service import analyse
from tests.unit.analysis.letter_files import typed

RECEIVED_ON = date(2026, 11, 6)

ENGLISH = ("Bellwood Council", "1 Park Row, Leeds LS1 5HN", "", "4 November 2026", "", "Dear Mrs Example,", "")
GERMAN = (
    "Stadtwerke Bellwald GmbH",
    "Am Markt 1, 12345 Bellwald",
    "",
    "4. November 2026",
    "",
    "Sehr geehrte Frau Muster,",
    "",
)
FRENCH = (
    "Mairie de Bellefontaine",
    "1 place de la Mairie, 31000 Toulouse",
    "",
    "Le 4 novembre 2026",
    "",
    "Madame,",
    "",
)
SPANISH = (
    "Ayuntamiento de Bellavista",
    "Plaza Mayor 1, 28001 Madrid",
    "",
    "4 de noviembre de 2026",
    "",
    "Estimada señora:",
    "",
)


def sheet(head: tuple[str, ...], *rows: str) -> Reading:
    """Return a letter with that head and those rows, prepared for the rules."""
    return read(typed([*head, *rows]), RECEIVED_ON)


def analysed(head: tuple[str, ...], *rows: str) -> Analysis:
    """Return the analysis of a letter with that head and those rows."""
    found = analyse(typed([*head, *rows]), RECEIVED_ON)
    assert isinstance(found, Analysis)
    return found
