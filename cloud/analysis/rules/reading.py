"""What every rule is given: the letter, its language's words, its dates, and the day it arrived."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from cloud.analysis.rules.dates import FoundDate, find_dates
from cloud.analysis.rules.language import language_of
from cloud.analysis.rules.letter_date import letter_date
from cloud.analysis.rules.letter_text import LetterText, Span
from cloud.analysis.rules.lexicon import Lexicon, lexicon
from cloud.ports.ocr_engine import OcrLine

# A letter in a language without a lexicon is read with the words of this one.
FALLBACK = "en"
# "nicht ausgeglichen", "has not been paid": a denial stands directly before what it denies.
NEGATION_REACH = 24
# What a letter says counts only where no condition stands in its sentence.
_CONDITIONS = {"en": ("if ", "unless"), "de": ("falls", "wenn", "sofern", "soweit"), "fr": ("si ",), "es": ("si ",)}


@dataclass(frozen=True, slots=True)
class Reading:
    """One letter, prepared."""

    letter: LetterText
    language: str | None
    words: Lexicon
    dates: tuple[FoundDate, ...]
    written: FoundDate | None
    received_on: date

    @property
    def letter_day(self) -> date:
        """The letter's own date, the day of arrival when it has none."""
        return self.written.value if self.written else self.received_on

    def has(self, group: str, span: Span) -> bool:
        """Whether a phrase of ``group`` stands inside ``span``."""
        return bool(self.words[group].search(self.letter.folded, span.start, span.end))

    def last(self, group: str, start: int, end: int) -> int:
        """Return where the last phrase of ``group`` inside the stretch ends, -1 when there is none."""
        return max((match.end() for match in self.words[group].finditer(self.letter.folded, start, end)), default=-1)


def read(lines: Sequence[OcrLine], received_on: date) -> Reading:
    """Return the lines prepared for the rules."""
    letter = LetterText(lines)
    language = language_of(letter)
    words = lexicon(language or FALLBACK)
    dates = find_dates(letter, language, received_on)
    written = letter_date(letter, words, dates, received_on)
    if written is not None:
        dates = find_dates(letter, language, written.value)
    return Reading(letter, language, words, dates, written, received_on)


def says(reading: Reading, group: str) -> bool:
    """Whether a phrase of ``group`` stands in a sentence without a condition and without a "not" before it."""
    conditions = _CONDITIONS[reading.words.language]
    for match in reading.words[group].finditer(reading.letter.folded):
        sentence = reading.letter.sentence_at(match.start())
        before = " " + reading.letter.folded[sentence.start : match.start()]
        conditional = any(f" {condition}" in before for condition in conditions)
        denied = reading.has("negation", Span(max(match.start() - NEGATION_REACH, sentence.start), match.start()))
        if not conditional and not denied:
            return True
    return False
