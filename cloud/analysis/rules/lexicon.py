"""The words that rules look for: TOML files, one per language, compiled to patterns over folded text."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from cloud.analysis.rules.letter_text import folded

LANGUAGES = ("en", "de", "fr", "es")

# Typewriters and OCR spell these out, or read ß as B.
_SPELLINGS = {"ä": "ae?", "ö": "oe?", "ü": "ue?", "ß": "(?:ss?|b)", "œ": "oe?", " ": r"[\s\-]{0,2}", "'": r"['\s]?"}
SHORTEST_OPEN = 6
_NOTHING = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The words of one language by group; a group is a pattern that matches any of its phrases."""

    language: str
    groups: Mapping[str, re.Pattern[str]]

    def __getitem__(self, group: str) -> re.Pattern[str]:
        """Return the pattern of a group; one that the language does not have matches nothing."""
        return self.groups.get(group, _NOTHING)


@cache
def lexicon(language: str) -> Lexicon:
    """Return the words of ``language``; read from disk at the first use."""
    tables = tomllib.loads(_file(f"{language}.toml"))
    return Lexicon(language, {group: pattern(phrases) for group, phrases in tables["words"].items()})


@cache
def category_words(language: str) -> Mapping[str, Mapping[str, re.Pattern[str]]]:
    """Return category → weight class → pattern for ``language``."""
    tables = tomllib.loads(_file(f"{language}.toml"))["category"]
    return {
        category: {
            weight: pattern(_open(phrase, language) for phrase in phrases) for weight, phrases in classes.items()
        }
        for category, classes in tables.items()
    }


@cache
def months(language: str) -> tuple[tuple[int, tuple[str, ...]], ...]:
    """Return (1 to 12, its folded names) for ``language``, with the spelling of typewriters (maerz)."""
    tables = tomllib.loads(_file(f"{language}.toml"))
    return tuple(
        (number, tuple({folded(name) for name in names} | {_typed(name) for name in names}))
        for number, names in enumerate(tables["months"], start=1)
    )


@cache
def numbers(language: str) -> Mapping[str, int]:
    """Return the folded number words of ``language``."""
    return {folded(word): number for word, number in tomllib.loads(_file(f"{language}.toml"))["numbers"].items()}


def pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for whole phrases; ``*`` at an end lets the word go on there, as German compounds do."""
    ordered = sorted(phrases, key=len, reverse=True)
    return re.compile("|".join(map(_phrase, ordered))) if ordered else _NOTHING


def _open(phrase: str, language: str) -> str:
    """German joins words: Mitglieder begins Mitgliederverwaltung. Short ones begin too many others."""
    return f"{phrase}*" if language == "de" and len(phrase) >= SHORTEST_OPEN and phrase[-1].isalpha() else phrase


def _typed(name: str) -> str:
    return folded(name.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))


def _phrase(phrase: str) -> str:
    words = phrase.lower().strip("*")
    body = "".join(_SPELLINGS.get(character) or re.escape(folded(character)) for character in words)
    start = "" if phrase.startswith("*") or not words[0].isalpha() else "(?<![a-z])"
    end = "" if phrase.endswith("*") or not words[-1].isalpha() else "(?![a-z])"
    return f"{start}{body}{end}"


def _file(name: str) -> str:
    return files("cloud.analysis.rules").joinpath("lexicon", name).read_text(encoding="utf-8")
