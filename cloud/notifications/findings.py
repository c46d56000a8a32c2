"""What a letter says, as its owner is told it: each thing once, with the words that prove it."""

import re
from dataclasses import dataclass

from cloud.letters.model import Fact, Letter
from cloud.notifications import wording

POSSIBLE = "possible"
# So much of the line around a quote is shown on each side, in characters.
QUOTE_MARGIN = 60

_LOOKED_FOR = ("due_date", "amount", "appointment_time", "collection_date", "reference", "iban", "letter_date")
_ORDER = {kind: place for place, kind in enumerate(_LOOKED_FOR)}
_FIGURE = re.compile(r"\d+(?:[.,:]\d+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?]) +")
_NOT_IN_MAILS = ("language", "sender", "recipient", "subject", "sender_website", "sender_email", "sender_phone")


@dataclass(frozen=True, slots=True)
class ReadLetter:
    """A letter with the facts that its values rest on."""

    letter: Letter
    facts: tuple[Fact, ...]

    def is_possible(self, kind: str) -> bool:
        """Whether the owner should confirm the letter's value of this kind: only possible facts prove it."""
        shown = getattr(self.letter, kind)
        values = {shown, f"{shown} {self.letter.currency}"}
        return {fact.tier for fact in self.facts if fact.kind == kind and fact.value in values} == {POSSIBLE}


@dataclass(frozen=True, slots=True)
class Ask:
    """A date or an amount shown beside what to do."""

    kind: str
    name: str
    value: str
    is_possible: bool


@dataclass(frozen=True, slots=True)
class Quote:
    """Words of a letter between what stands before and after them in the same line."""

    before: str
    words: str
    after: str

    @property
    def line(self) -> str:
        """The quote as one piece."""
        return f"{self.before}{self.words}{self.after}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the letter says, with every place that proves it, the surest first."""

    kind: str
    value: str
    proofs: tuple[Fact, ...]

    @property
    def is_possible(self) -> bool:
        """Whether the owner should confirm it."""
        return self.proofs[0].tier == POSSIBLE

    @property
    def confidence(self) -> float:
        """How sure the surest proof is, from 0 to 1."""
        return self.proofs[0].confidence


def asks(read: ReadLetter) -> list[Ask]:
    """Return the due date and the amount, unless what to do says them already and they are sure."""
    letter, said, found = read.letter, read.letter.what_to_do or "", []
    if letter.due_date and (read.is_possible("due_date") or wording.day(letter.due_date) not in said):
        name = "On" if any(fact.kind == "appointment_time" for fact in read.facts) else "By"
        found.append(Ask("due_date", name, letter.due_date, read.is_possible("due_date")))
    if letter.amount and (read.is_possible("amount") or wording.money(letter.amount, letter.currency) not in said):
        amount = f"{letter.amount} {letter.currency or ''}".strip()
        found.append(Ask("amount", "Amount", amount, read.is_possible("amount")))
    return found


def what_to_do(letter: Letter) -> str:
    """Return what to do with the weekday of its due date, "" when there is nothing to do."""
    said = letter.what_to_do or ""
    if not letter.due_date or wording.weekday(letter.due_date) in said:
        return said
    return said.replace(wording.day(letter.due_date), wording.weekday(letter.due_date))


def summary(letter: Letter) -> str:
    """Return the summary without what the reader is told above it: sentences whose every figure what to do names."""
    first, *others = _SENTENCE_END.split(letter.summary)
    said = _figures(letter.what_to_do or "")
    return " ".join([first, *(one for one in others if not _figures(one) or _figures(one) - said)])


def findings(read: ReadLetter) -> list[Finding]:
    """Return what the letter says, each kind and value once: what the owner looks for first, then as it is written."""
    proofs: dict[tuple[str, str], list[Fact]] = {}
    for fact in sorted(read.facts, key=lambda one: (one.tier == POSSIBLE, -one.confidence, one.char_start)):
        proofs.setdefault((fact.kind, fact.value), []).append(fact)
    found = [Finding(kind, value, tuple(facts)) for (kind, value), facts in proofs.items()]
    return sorted(found, key=lambda one: (_ORDER.get(one.kind, len(_ORDER)), one.proofs[0].char_start))


def short_findings(read: ReadLetter) -> list[Finding]:
    """Return what an e-mail lists: no names, which stand above it, and no due date but the one that counts.

    Contacts, and other dates that may matter, are on the letter's page.
    """
    listed = (finding for finding in findings(read) if finding.kind not in _NOT_IN_MAILS)
    return [finding for finding in listed if finding.kind != "due_date" or finding.value == read.letter.due_date]


def quote(text: str, fact: Fact) -> Quote:
    """Return the words that prove a fact inside their printed line, which often says what they mean."""
    if text[fact.char_start : fact.char_end] != fact.raw:
        return Quote("", fact.raw, "")
    before = text[: fact.char_start].rpartition("\n")[2]
    after = text[fact.char_end :].partition("\n")[0]
    return Quote(_end_of(before), fact.raw, _start_of(after))


def _figures(words: str) -> set[str]:
    return set(_FIGURE.findall(words))


def _end_of(words: str) -> str:
    return words if len(words) <= QUOTE_MARGIN else f"…{words[-QUOTE_MARGIN:].partition(' ')[2]}"


def _start_of(words: str) -> str:
    return words if len(words) <= QUOTE_MARGIN else f"{words[:QUOTE_MARGIN].rpartition(' ')[0]}…"
