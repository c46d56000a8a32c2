"""The day the letter demands action: a labelled date, a "by" with a demand, an appointment, a term in days."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from cloud.analysis.model import Tier
from cloud.analysis.rules import appointments
from cloud.analysis.rules.dates import FoundDate
from cloud.analysis.rules.labels import label_texts, nearest, stripped
from cloud.analysis.rules.letter_text import Span
from cloud.analysis.rules.reading import Reading
from cloud.analysis.rules.relative_terms import Anchor, Term, find_terms

# A demand further ahead than this is the end of a contract, a birth in the wrong century, a maturity.
LATEST_DAYS = 550
# Without a date of its own a letter may have been on its way for this long.
POST_DAYS = 21
# A mere hint further ahead than this is more likely a contract's end.
HINT_DAYS = 120
# Phrases such as "is the last day" follow the date within so many characters.
AFTER_REACH = 40

LABEL, APPOINTMENT, TERM, HINT, EVENT = 4, 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class DueDate:
    """A day on which the letter wants something done."""

    start: int
    end: int
    value: date
    tier: Tier
    rank: int


def due_dates(reading: Reading, *, advert: bool, nothing_to_pay: bool) -> tuple[DueDate, ...]:
    """Return the due dates, the best first.

    An ``advert``'s dates end offers; where there is ``nothing_to_pay`` a date of payment asks nothing of the owner.
    """
    found = [due for due in _all(reading) if not (nothing_to_pay and _is_payment(reading, due))]
    if advert:
        found = [due for due in found if due.rank == APPOINTMENT]
    found.sort(key=lambda due: (due.tier is not Tier.STATED, -due.rank, due.value, due.start))
    return tuple(_doubted(found))


def _all(reading: Reading) -> Iterator[DueDate]:
    for found in reading.dates:
        judged = _judged(reading, found)
        if judged:
            rank, tier = judged
            yield DueDate(
                found.start, found.end, found.value, tier if _certain(reading, found) else Tier.POSSIBLE, rank
            )
    yield from _terms(reading)


def _doubted(found: list[DueDate]) -> Iterator[DueDate]:
    """Two different days stated by equally good words: the owner must say which."""
    best = [due for due in found if due.tier is Tier.STATED and due.rank == LABEL]
    doubtful = len({due.value for due in best}) > 1 and best[0].rank == LABEL
    for due in found:
        tier = Tier.POSSIBLE if doubtful and due in best else due.tier
        yield DueDate(due.start, due.end, due.value, tier, due.rank)


def _judged(reading: Reading, found: FoundDate) -> tuple[int, Tier] | None:
    sentence = reading.letter.sentence_at(found.start)
    ends = _range_of(reading, found)
    label = _label(reading, found) if ends is None else _label_of_period(reading, found, *ends)
    if label == "not_due_label" or not _may_be_due(reading, found, sentence):
        return None
    if label == "until" and reading.has("kept", sentence):
        return LABEL, Tier.STATED
    demanded = label == "until" and reading.has("demand", sentence)
    if demanded or label == "due_label" or _has_due_after(reading, found, sentence):
        return _weighed(reading, found, sentence, LABEL)
    return appointments.judged(reading, found.start, found.end) or _hinted(reading, found, label, sentence)


def _may_be_due(reading: Reading, found: FoundDate, sentence: Span) -> bool:
    if not _in_time(reading, found.value) or _is_letter_date(reading, found):
        return False
    return not reading.has("cancelled", Span(sentence.start, found.start))


def _hinted(reading: Reading, found: FoundDate, label: str | None, sentence: Span) -> tuple[int, Tier] | None:
    """Judge a "by" whose demand is not in our lexicon: the owner is asked."""
    soon = found.value - reading.letter_day <= timedelta(days=HINT_DAYS)
    if label != "until" or not soon or _weighed(reading, found, sentence, HINT) is None:
        return None
    return HINT, Tier.POSSIBLE


def _label(reading: Reading, found: FoundDate) -> str | None:
    groups = {name: reading.words[name] for name in ("due_label", "not_due_label", "until")}
    names = (nearest(groups, text) for text in label_texts(reading.letter, found.start))
    return next((name for name in names if name), None)


def _label_of_period(reading: Reading, found: FoundDate, first: FoundDate, last: FoundDate) -> str:
    """Tell "term of payment: 1 September to 5 November", which is due on its last day, from any other period."""
    due = re.compile(
        rf"(?:{reading.words['due_label'].pattern})\W*(?:(?:{reading.words['before_range'].pattern})\s*)?$"
    )
    texts = label_texts(reading.letter, first.start)
    return "due_label" if found is last and any(due.search(text) for text in texts) else "not_due_label"


def _weighed(reading: Reading, found: FoundDate, sentence: Span, rank: int) -> tuple[int, Tier] | None:
    """Take back what is the sender's own promise, an offer's end or a legal remedy; doubt what is optional."""
    before = Span(sentence.start, found.start)
    if reading.has("offer", sentence) or reading.has("remedy", sentence) or _is_promise(reading, before):
        return None
    if reading.has("discount", sentence) or _row_has(reading, "discount", found.start):
        return HINT, Tier.POSSIBLE
    optional = reading.last("optional", before.start, before.end) >= 0
    return (HINT, Tier.POSSIBLE) if optional else (rank, Tier.STATED)


def _is_promise(reading: Reading, before: Span) -> bool:
    """Whether the words before the date promise ("we will reply by") rather than demand ("we ask you to reply by")."""
    promise = max(reading.last(group, before.start, before.end) for group in ("not_us", "credit_label"))
    if promise < 0:
        return False
    demands = [m.start() for m in reading.words["demand"].finditer(reading.letter.folded, promise, before.end)]
    you = re.compile(r"(?<![a-z])(?:you|sie|vous|usted)(?![a-z])")
    return not demands or not you.search(reading.letter.folded, promise, before.end)


def _row_has(reading: Reading, group: str, offset: int) -> bool:
    line = reading.letter.line_at(offset)
    cells = (line, *reading.letter.left_of(line))
    return any(reading.words[group].search(reading.letter.folded_line(cell)) for cell in cells)


def _has_due_after(reading: Reading, found: FoundDate, sentence: Span) -> bool:
    after = reading.letter.folded[found.end : min(found.end + AFTER_REACH, sentence.end)]
    return bool(re.match(rf"[\s,)]*(?:{reading.words['due_after'].pattern})(?!\s(?:war|gewesen|was|were))", after))


def _in_time(reading: Reading, value: date) -> bool:
    day = reading.letter_day
    earliest = day if reading.written else day - timedelta(days=POST_DAYS)
    return earliest <= value <= day + timedelta(days=LATEST_DAYS)


def _is_letter_date(reading: Reading, found: FoundDate) -> bool:
    return reading.written is not None and (found.start, found.end) == (reading.written.start, reading.written.end)


def _range_of(reading: Reading, found: FoundDate) -> tuple[FoundDate, FoundDate] | None:
    """Return both ends of the "from … to …" that the date belongs to: a period, not a day."""
    folded = reading.letter.folded
    for other in reading.dates:
        first, second = sorted((found, other), key=lambda each: each.start)
        between = folded[first.end : second.start]
        if other is found or len(between) > 24 or "\n" in between.strip():
            continue
        if re.fullmatch(rf"\s*(?:{reading.words['range'].pattern}|[-/])\s*(?:the|den|le|el|am|al|dem)?\s*", between):
            until = reading.words["until"].fullmatch(stripped(between).strip())
            return (first, second) if not until or _opens_range(reading, first) else None
    return None


def _opens_range(reading: Reading, first: FoundDate) -> bool:
    before = reading.letter.folded[max(first.start - 20, 0) : first.start]
    return nearest({"before_range": reading.words["before_range"]}, before) is not None or "\n" in before


def _certain(reading: Reading, found: FoundDate) -> bool:
    """Whether the value is beyond doubt; without a year it is when the letter is dated and the day follows soon."""
    if found.sure:
        return True
    has_year = bool(re.search(r"\d{4}", reading.letter.text[found.start : found.end]))
    return not has_year and reading.written is not None and found.value - reading.letter_day <= timedelta(days=120)


def _is_payment(reading: Reading, due: DueDate) -> bool:
    sentence = reading.letter.sentence_at(due.start)
    if due.rank == APPOINTMENT or reading.has("request", sentence):
        return False
    return (
        reading.has("payment", sentence)
        or _row_has(reading, "payment", due.start)
        or sentence.end - sentence.start < 40
    )


def _terms(reading: Reading) -> Iterator[DueDate]:
    for term in find_terms(reading.letter, reading.words.language):
        sentence = reading.letter.sentence_at(term.start)
        demanded = reading.has("demand", sentence) or _row_has(reading, "due_label", term.start)
        judged = _weighed(reading, _placed(term, reading), sentence, TERM) if demanded else None
        if judged:
            yield _from_term(reading, term, *judged)


def _placed(term: Term, reading: Reading) -> FoundDate:
    return FoundDate(term.start, term.end, reading.letter_day, sure=True)


def _from_term(reading: Reading, term: Term, rank: int, tier: Tier) -> DueDate:
    """Only a term that says it runs from the letter's date, on a letter that has one, is stated."""
    counted = term.anchor is Anchor.LETTER and reading.written is not None and term.unit != "working_days"
    start = reading.received_on if term.anchor is Anchor.RECEIPT else reading.letter_day
    tier = tier if counted else Tier.POSSIBLE
    return DueDate(term.start, term.end, term.after(start), tier, rank)
