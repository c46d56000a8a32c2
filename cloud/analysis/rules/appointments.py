"""Appointments: the days on which somebody has to be somewhere, and at what time."""

import re
from collections.abc import Iterator

from cloud.analysis.model import Tier
from cloud.analysis.rules.labels import label_texts, nearest
from cloud.analysis.rules.letter_text import Span
from cloud.analysis.rules.reading import Reading

RANK, HINT, EVENT = 3, 1, 0
# The time stands within so many characters after the date, or before it.
TIME_REACH = 60
# "Date:" belongs to an appointment that is named within so many lines above.
NAMED_WITHIN = 9

_TIME = re.compile(
    r"(?<![\d.,:/£$€])(?P<hour>[01]?\d|2[0-3])(?:\s?(?P<mark>[:.h])\s?(?P<minute>[0-5]\d)(?![\d.])|(?=\s?(?:a\.?m|p\.?m|uhr|h(?![a-z])|o'clock|horas)))"
    r"(?:\s?(?P<half>a\.?m\.?|p\.?m\.?|uhr|h(?![a-z])|o'clock|hrs?|horas))?"
)


def judged(reading: Reading, start: int, end: int) -> tuple[int, Tier] | None:
    """Return rank and tier of the date at ``start`` as an appointment, None when it is none."""
    sentence = reading.letter.sentence_at(start)
    timed = time_near(reading, start, end) is not None
    if reading.has("appointment", sentence) and not _is_promise_or_offer(reading, sentence, start):
        optional = reading.has("optional", Span(sentence.start, start)) or _is_open_to_all(reading, sentence)
        return (RANK, Tier.STATED) if timed and not optional else (HINT, Tier.POSSIBLE)
    if _is_labelled(reading, start) and _named_above(reading, "appointment", start):
        return (RANK, Tier.STATED) if timed else (HINT, Tier.POSSIBLE)
    if timed and (_named_above(reading, "event", start) or _named_above(reading, "departure", start)):
        return EVENT, Tier.POSSIBLE
    return None


def time_near(reading: Reading, start: int, end: int) -> tuple[int, int, str] | None:
    """Return where the time of day beside the date stands and the time as HH:MM."""
    folded = reading.letter.folded
    after = _times(folded, end, min(end + TIME_REACH, len(folded)))
    before = _times(folded, max(start - TIME_REACH, 0), start)
    return next(after, None) or next(iter(list(before)[::-1]), None)


def _times(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    for match in _TIME.finditer(text, start, end):
        hour, half = int(match["hour"]), (match["half"] or "").replace(".", "")
        if match["mark"] == "." and not half and not _after_at(text, match.start()):
            continue
        if half == "pm" and hour < 12:
            hour += 12
        elif half == "am" and hour == 12:
            hour = 0
        yield match.start(), match.end(), f"{hour:02d}:{match['minute'] or '00'}"


def _after_at(text: str, start: int) -> bool:
    """14.30 is a time after "at", else it may be a price."""
    return bool(
        re.search(
            r"(?:\bat|\bum|\bab|time|uhrzeit|hora|heure|von|from|\bà|\ba las|,)\s*:?\s*$",
            text[max(start - 14, 0) : start],
        )
    )


def _is_open_to_all(reading: Reading, sentence: Span) -> bool:
    """Whether this is a members' or public meeting that the sentence announces without asking the owner to come."""
    return reading.has("meeting", sentence) and not reading.has("addressed", sentence)


def _is_promise_or_offer(reading: Reading, sentence: Span, start: int) -> bool:
    return reading.has("offer", sentence) or reading.has("not_us", Span(sentence.start, start))


def _is_labelled(reading: Reading, start: int) -> bool:
    groups = {"appointment_label": reading.words["appointment_label"]}
    texts = label_texts(reading.letter, start)
    return not texts or any(nearest(groups, text) for text in texts)


def _named_above(reading: Reading, group: str, start: int) -> bool:
    line = reading.letter.line_at(start)
    first = reading.letter.span_of(max(line - NAMED_WITHIN, 0)).start
    return reading.has(group, Span(first, reading.letter.span_of(line).end))
