"""Which of the fifteen kinds a letter is: weighted words, then the boundary rules of docs/decisions/0031."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from cloud.analysis.model import LetterCategory
from cloud.analysis.rules.blocks import Blocks
from cloud.analysis.rules.lexicon import category_words
from cloud.analysis.rules.reading import FALLBACK, Reading
from cloud.analysis.rules.signs import is_bill_for_an_animal, signs_of

WEIGHTS = {"decisive": 5.0, "strong": 2.0, "medium": 0.8, "weak": 0.25}
# Words in the head, in the subject and in the sender's name say more than words in passing.
HEAD_FACTOR, SUBJECT_FACTOR, SENDER_FACTOR = 1.4, 2.0, 2.2
# Under this score nothing is known; the margin over the runner-up gives the confidence.
FLOOR = 2.0
ABSTAINED = 0.2


@dataclass(frozen=True, slots=True)
class Judgement:
    """A category and how sure we are of it, 0 to 1."""

    category: LetterCategory
    confidence: float


def category_of(reading: Reading, blocks: Blocks, subject: str, sender: str) -> Judgement:
    """Return the category; miscellaneous with a low confidence stands for "I do not know"."""
    scores = scores_of(reading, blocks, subject, sender)
    for category, sign in signs_of(reading, blocks, sender).items():
        scores[category] += sign
    ranked = sorted(scores, key=lambda category: -scores[category])
    best, second = ranked[0], ranked[1]
    if scores[best] < FLOOR:
        return Judgement(LetterCategory.MISCELLANEOUS, ABSTAINED)
    margin = (scores[best] - scores[second]) / scores[best]
    if best is LetterCategory.HEALTHCARE_MEDICAL and is_bill_for_an_animal(reading, subject):
        best = LetterCategory.FINANCIAL_BILLING
    return Judgement(best, round(min(0.5 + margin, 0.98), 2))


def scores_of(reading: Reading, blocks: Blocks, subject: str, sender: str) -> dict[LetterCategory, float]:
    """Return the weight of the evidence for each category; a word counts once, where it says most."""
    letter = reading.letter
    head_end = letter.span_of(min(blocks.head_end, len(letter.lines) - 1)).start if letter.lines else 0
    words = category_words(reading.language or FALLBACK)
    texts = (
        (letter.folded[head_end:], 1.0),
        (letter.folded[:head_end], HEAD_FACTOR),
        (subject, SUBJECT_FACTOR),
        (sender, SENDER_FACTOR),
    )
    return {LetterCategory(name): _score(classes, texts) for name, classes in words.items()}


def _score(classes: Mapping[str, re.Pattern[str]], texts: tuple[tuple[str, float], ...]) -> float:
    weights: dict[str, float] = {}
    for text, factor in texts:
        for name, pattern in classes.items():
            for phrase in pattern.findall(text):
                weights[phrase] = max(weights.get(phrase, 0.0), WEIGHTS[name] * factor)
    return sum(weights.values())
