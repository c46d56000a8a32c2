"""The day a letter was written: a labelled date, else one that stands alone near the top."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from cloud.analysis.rules.dates import FoundDate, weekday_pattern
from cloud.analysis.rules.labels import label_texts, nearest
from cloud.analysis.rules.letter_text import LetterText
from cloud.analysis.rules.lexicon import Lexicon

# "Springfield, 4 November 2026": a place before a date that stands alone.
_PLACE = re.compile(r"[\s\w.'\-/()]{2,30}[,.]?\s*(?:den|le|the|a|el|am)?\s*")
# A date that stands alone counts as the letter's within this share of its lines.
TOP_SHARE = 0.5
# Letters are dated ahead by a few days, and clocks are wrong.
CLOCK_DAYS = 4
LONGEST_LABEL = 45


def letter_date(letter: LetterText, words: Lexicon, dates: Sequence[FoundDate], received_on: date) -> FoundDate | None:
    """Return the date of the letter, None when no date is labelled as such or stands alone near the top.

    A letter is not written after it arrived, so what lies ahead of ``received_on`` is another date.
    """
    past = [found for found in dates if found.value <= received_on + timedelta(days=CLOCK_DAYS)]
    labelled = [found for found in past if found.sure and _is_labelled(letter, words, found)]
    alone = [found for found in past if _stands_alone(letter, found)]
    return next(iter(labelled or alone), None)


def _is_labelled(letter: LetterText, words: Lexicon, found: FoundDate) -> bool:
    groups = {name: words[name] for name in ("date_label", "not_due_label", "due_label", "until", "appointment_label")}
    groups["not_due_label"] = re.compile(r"(?!)")
    texts = label_texts(letter, found.start)
    return any(len(text) <= LONGEST_LABEL and nearest(groups, text) == "date_label" for text in texts)


def _stands_alone(letter: LetterText, found: FoundDate) -> bool:
    line = letter.line_at(found.start)
    if line > TOP_SHARE * len(letter.lines) + 4:
        return False
    text, span = letter.folded_line(line), letter.span_of(line)
    before, after = text[: found.start - span.start], text[found.end - span.start :]
    before = weekday_pattern().sub("", before)
    return not re.search(r"[a-z\d]", after) and (not re.search(r"[a-z\d]", before) or bool(_PLACE.fullmatch(before)))
