"""Understanding a letter by rules alone: the same lines and day of arrival always give the same analysis."""

import operator
from collections.abc import Iterator, Sequence
from datetime import date

from cloud.analysis.model import (
    LONGEST_RAW,
    LONGEST_VALUE,
    MOST_LINES,
    Analysis,
    Fact,
    FactKind,
    LetterCategory,
    NoLetter,
    Tier,
)
from cloud.analysis.rules import action, appointments
from cloud.analysis.rules.amounts import AmountToPay, amount_to_pay
from cloud.analysis.rules.blocks import blocks_of
from cloud.analysis.rules.category import Judgement, category_of
from cloud.analysis.rules.due_date import EVENT, DueDate, due_dates
from cloud.analysis.rules.iban import find_ibans
from cloud.analysis.rules.letter_text import LetterText, Span, folded, is_legible
from cloud.analysis.rules.reading import Reading, read, says
from cloud.analysis.rules.recipient import Recipient, recipient_of
from cloud.analysis.rules.reference import Reference, reference_of
from cloud.analysis.rules.sender import Sender, contacts_of, sender_of
from cloud.analysis.rules.subject import Subject, subject_of
from cloud.ports.ocr_engine import OcrLine, OcrPage

# Fewer words than this are a stamp, a name tag, the headline of a letter too blurred to read; the shortest letter known
# to us, the card of a courier, has three times as many.
FEWEST_WORDS = 8
# A possible due date below this rank would be noise beside a better one.
DUE_DATES_KEPT = 3


def analyse(page: OcrPage | Sequence[OcrLine], received_on: date) -> Analysis | NoLetter:
    """Return what the letter means, or why there is no letter; ``received_on`` is the day it arrived."""
    lines = page.lines if isinstance(page, OcrPage) else page
    words = sum(
        1
        for line in filter(is_legible, lines)
        for word in line.text.split()
        if any(map(str.isalpha, word)) and len(word) > 1
    )
    if not words:
        return NoLetter("no text found: a blank page, or an image too blurred to read")
    if words < FEWEST_WORDS:
        return NoLetter(f"no letter: only {words} word{'s' if words > 1 else ''} could be read")
    return _analysed(read(lines, received_on))


def _analysed(reading: Reading) -> Analysis:
    blocks = blocks_of(reading)
    recipient = recipient_of(reading, blocks)
    sender = sender_of(reading, blocks, recipient)
    taken = _taken(reading.letter, recipient, sender)
    subject = subject_of(reading, blocks, taken, folded(sender.name if sender else ""))
    judgement = category_of(
        reading, blocks, folded(subject.text if subject else ""), folded(sender.name if sender else "")
    )
    advert = judgement.category is LetterCategory.MARKETING_PROMOTIONS
    due = due_dates(reading, advert=advert, nothing_to_pay=action.nothing_to_pay(reading))
    amount = amount_to_pay(reading, judgement.category, [one.start for one in due])
    found = _Found(reading, judgement, recipient, sender, subject, due, amount, reference_of(reading))
    return found.analysis()


class _Found:
    """What the rules found in one letter, and how it becomes an analysis."""

    def __init__(  # noqa: PLR0913, PLR0917 - one argument per rule
        self,
        reading: Reading,
        judgement: Judgement,
        recipient: Recipient | None,
        sender: Sender | None,
        subject: Subject | None,
        due: tuple[DueDate, ...],
        amount: AmountToPay | None,
        reference: Reference | None,
    ) -> None:
        self._reading, self._judgement = reading, judgement
        self._recipient, self._sender, self._subject = recipient, sender, subject
        self._due, self._amount, self._reference = due, amount, reference

    def analysis(self) -> Analysis:
        """Return the analysis."""
        outcome = self._outcome()
        best = self._due[0] if self._due else None
        return Analysis(
            text=self._reading.letter.text,
            language=self._reading.language,
            category=self._judgement.category,
            category_confidence=self._judgement.confidence,
            action_status=outcome.status,
            sender=outcome.sender,
            recipient=self._recipient.name if self._recipient else None,
            subject=outcome.subject,
            summary=action.summary_of(outcome),
            what_to_do=action.what_to_do(outcome),
            letter_date=self._reading.written.value if self._reading.written else None,
            due_date=outcome.due,
            due_tier=best.tier if best else None,
            amount=str(outcome.amount) if outcome.amount is not None else None,
            currency=outcome.currency,
            reference=outcome.reference,
            facts=tuple(sorted(filter(_is_kept, self._facts()), key=lambda fact: (fact.char_start, fact.kind))),
        )

    def _outcome(self) -> action.Outcome:
        best = self._due[0] if self._due else None
        time = appointments.time_near(self._reading, best.start, best.end) if best and self._is_appointment else None
        stated = best is not None and best.tier is Tier.STATED
        return action.Outcome(
            sender=self._sender.name if self._sender else None,
            subject=self._subject.text if self._subject else None,
            category=self._judgement.category,
            status=action.status_of(
                self._reading, self._judgement.category, has_due=self._demands, has_amount=self._amount is not None
            ),
            due=best.value if best else None,
            due_is_stated=stated,
            time=time[2] if time else None,
            amount=self._amount.money.value if self._amount else None,
            currency=self._amount.money.currency if self._amount else None,
            reference=self._reference.text if self._reference else None,
            is_appointment=self._is_appointment,
            collected=says(self._reading, "collected"),
        )

    @property
    def _demands(self) -> bool:
        """Whether the letter wants something by a day; a day it only offers counts where it asks for nothing else."""
        best = self._due[0] if self._due else None
        if best is None or best.rank == EVENT:
            return False
        return best.tier is Tier.STATED or not self._reading.has(
            "nothing_to_do", Span(0, len(self._reading.letter.text))
        )

    @property
    def _is_appointment(self) -> bool:
        return bool(self._due) and self._due[0].rank == appointments.RANK

    def _facts(self) -> Iterator[Fact]:
        yield from self._names()
        yield from self._dates()
        if self._amount:
            money = self._amount.money
            yield self._fact(
                FactKind.AMOUNT, f"{money.value} {money.currency}", money.start, money.end, self._amount.tier
            )
        if self._reference:
            yield self._fact(FactKind.REFERENCE, self._reference.text, self._reference.start, self._reference.end)
        for iban, start, end in find_ibans(self._reading.letter):
            yield self._fact(FactKind.IBAN, iban, start, end)

    def _names(self) -> Iterator[Fact]:
        if self._sender:
            yield self._fact(FactKind.SENDER, self._sender.name, self._sender.start, self._sender.end)
        if self._recipient:
            yield self._fact(FactKind.RECIPIENT, self._recipient.name, self._recipient.start, self._recipient.end)
        if self._subject:
            yield self._fact(FactKind.SUBJECT, self._subject.text, self._subject.start, self._subject.end)
        for kind, start, end in contacts_of(self._reading):
            yield self._fact(FactKind(kind), self._reading.letter.text[start:end], start, end)

    def _dates(self) -> Iterator[Fact]:
        written = self._reading.written
        if written:
            yield self._fact(FactKind.LETTER_DATE, written.value.isoformat(), written.start, written.end)
        for due in self._due[:DUE_DATES_KEPT]:
            yield self._fact(FactKind.DUE_DATE, due.value.isoformat(), due.start, due.end, due.tier)
        if self._is_appointment:
            time = appointments.time_near(self._reading, self._due[0].start, self._due[0].end)
            if time:
                yield self._fact(FactKind.APPOINTMENT_TIME, time[2], time[0], time[1])

    def _fact(self, kind: FactKind, value: str, start: int, end: int, tier: Tier = Tier.STATED) -> Fact:
        letter = self._reading.letter
        lines = letter.line_ids(start, end)
        read_well = min(letter.lines[line].confidence for line in lines)
        confidence = round(read_well * (0.95 if tier is Tier.STATED else 0.6), 4)
        return Fact(kind, value, letter.text[start:end], lines, start, end, confidence, tier)


def _is_kept(fact: Fact) -> bool:
    lengths = len(fact.value), len(fact.raw), len(fact.line_ids)
    return all(map(operator.le, lengths, (LONGEST_VALUE, LONGEST_RAW, MOST_LINES)))


def _taken(letter: LetterText, recipient: Recipient | None, sender: Sender | None) -> frozenset[int]:
    lines = set(recipient.lines) if recipient else set()
    return frozenset(lines | {letter.line_at(sender.start)} if sender else lines)
