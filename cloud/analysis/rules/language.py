"""Which language a letter is written in: the commonest little words decide."""

from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.lexicon import LANGUAGES, lexicon

# A letter of four words may still have three of them from the list; fewer prove nothing.
FEWEST_WORDS = 3


def language_of(letter: LetterText) -> str | None:
    """Return "en", "de", "fr" or "es", None when too few known words decide."""
    counts = {name: len(set(lexicon(name)["stop"].findall(letter.folded))) for name in LANGUAGES}
    totals = {name: len(lexicon(name)["stop"].findall(letter.folded)) for name in LANGUAGES}
    best = max(LANGUAGES, key=lambda name: (counts[name] * 2 + totals[name], name))
    return best if counts[best] >= FEWEST_WORDS else None
