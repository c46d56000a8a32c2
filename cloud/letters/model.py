"""A letter, its facts, and when two images show the same letter."""

from dataclasses import dataclass

# Two readings of one sheet share nearly all runs of words; two letters of one sender rarely half (letters-lab figures).
SAME_LETTER = 0.85
SHINGLE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact with the quoted words that prove it: ``text[char_start:char_end] == raw``."""

    kind: str
    value: str
    raw: str
    line_ids: tuple[int, ...]
    char_start: int
    char_end: int
    confidence: float
    tier: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter as its row is; ``due_date`` is an ISO date, ``amount`` a decimal number as text."""

    id: str
    household_id: str
    mailbox_id: str
    episode_id: str | None
    arrived_at: int
    language: str | None
    category: str
    category_confidence: float
    action_status: str
    sender: str | None
    recipient: str | None
    subject: str | None
    summary: str
    what_to_do: str | None
    due_date: str | None
    amount: str | None
    currency: str | None
    reference: str | None
    text: str
    created_at: int


def same_letter(one: str, other: str) -> bool:
    """Return whether two texts are readings of the same letter (Jaccard similarity of word shingles, Broder 1997)."""
    first, second = _shingles(one), _shingles(other)
    if not first or not second:
        return False
    return len(first & second) >= SAME_LETTER * len(first | second)


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = text.casefold().split()
    return {tuple(words[start : start + SHINGLE_WORDS]) for start in range(len(words) - SHINGLE_WORDS + 1)}
