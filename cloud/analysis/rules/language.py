"""Which language a letter is written in: the commonest little words decide."""

from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.lexicon import LANGUAGES, category_words, lexicon

# Fewer different little words than this prove nothing: a statement of account may have none.
FEWEST_WORDS = 3
# Then the words of trades and labels decide, which are rarer and say more.
FEWEST_LABELS = 2
LABELS = ("pay_label", "due_label", "date_label", "reference_invoice", "reference_customer", "title", "weekday")


def language_of(letter: LetterText) -> str | None:
    """Return "en", "de", "fr" or "es", None when too few known words decide."""
    little = {name: _weight(letter, name, ("stop",)) for name in LANGUAGES}
    best = max(LANGUAGES, key=lambda name: little[name])
    if little[best][0] >= FEWEST_WORDS:
        return best
    labels = {name: _weight(letter, name, LABELS)[0] + _trade_words(letter, name) for name in LANGUAGES}
    best = max(LANGUAGES, key=lambda name: labels[name])
    return best if labels[best] >= FEWEST_LABELS else None


def _trade_words(letter: LetterText, language: str) -> int:
    """Return how many kinds of strong words for some category the letter has."""
    classes = category_words(language).values()
    return sum(bool(kind[weight].search(letter.folded)) for kind in classes for weight in ("decisive", "strong"))


def _weight(letter: LetterText, language: str, groups: tuple[str, ...]) -> tuple[int, int]:
    """Return how many different words of the groups the letter has, and how many in all."""
    found = [word for group in groups for word in lexicon(language)[group].findall(letter.folded)]
    return len(set(found)), len(found)
