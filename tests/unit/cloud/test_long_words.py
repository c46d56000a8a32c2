"""A letter with words longer than anybody keeps is kept without them: half of a number would be a wrong one."""

from datetime import date

import pytest
from sqlalchemy import String

from cloud.analysis.model import LONGEST_RAW, LONGEST_VALUE, MOST_LINES
from cloud.analysis.rules import recipient, reference, sender, titles
from cloud.analysis.rules.money import MOST_DIGITS
from cloud.analysis.service import analyse
from cloud.tables import facts, letters
from tests.unit.analysis.letter_files import typed
from tests.unit.cloud.fakes import LETTER, FakeMailer, FakeOcrEngine, deliver, drain, with_ports
from tests.unit.cloud.messages import dlq, photo, rows

SHORT = ("sender", "recipient", "subject", "reference", "amount", "currency")
NO_AMOUNT = {"amount": None, "currency": None}
# What stands in a letter, what stands there instead, and what nobody can say any more.
LONG = {
    "sender": ("Northmoor Energy Ltd", f"Northmoor {'Energy' * 100} Ltd", {"sender": None}),
    "recipient": ("Mr J. Owner", f"Anna {'Maria' * 100} Example", {"recipient": None}),
    "subject": ("Your electricity bill", f"Your electricity bill {'again ' * 120}", {"subject": None}),
    "reference": ("NE-2026-4711", f"{'NE-2026-' * 20}4711", {"reference": None}),
    "amount": ("£84.20", f"£{'999,' * 8}999.00", NO_AMOUNT),
    "amount of many noughts": ("£84.20", f"£{'0' * 3000}84.20", NO_AMOUNT),
    "e-mail address": ("Date: 10 November 2026", f"{'service.' * 200}desk@example.org", {}),
    "website": ("Date: 10 November 2026", f"www.{'northmoor-' * 200}energy.example", {}),
}


def letter_with(printed, long):
    assert any(printed in line for line in LETTER)
    return tuple(line.replace(printed, long) for line in LETTER)


def read(words):
    return analyse(FakeOcrEngine(words).read(b""), date(2026, 11, 12))


def in_short(letter):
    return {name: getattr(letter, name) for name in SHORT}


@pytest.mark.parametrize(("printed", "long", "unknown"), LONG.values(), ids=LONG)
def test_what_is_longer_than_anybody_keeps_is_left_out_whole(printed, long, unknown):
    found = read(letter_with(printed, long))
    assert in_short(found) == in_short(read(LETTER)) | unknown
    assert long[:40] not in f"{found.summary} {found.what_to_do}"
    assert long.strip() in found.text
    for fact in found.facts:
        assert long[:40] not in fact.raw
        assert fact.raw == found.text[fact.char_start : fact.char_end]


@pytest.mark.parametrize(("printed", "long"), [one[:2] for one in LONG.values()], ids=LONG)
def test_a_letter_is_kept_without_what_is_too_long_in_it(app, home, printed, long):
    app = with_ports(app, ocr_engine=FakeOcrEngine(letter_with(printed, long)), mailer=FakeMailer())
    deliver(app, home, photo())
    drain(app)
    assert dlq(app) == []
    assert len(app.ports.mailer.sent) == 1
    found = read(letter_with(printed, long))
    assert rows(app, "SELECT sender, recipient, subject, reference, amount, currency FROM letters") == [
        tuple(in_short(found).values())
    ]
    stored = rows(app, "SELECT value, raw FROM facts ORDER BY char_start, kind")
    assert stored == [(fact.value, fact.raw) for fact in found.facts]


def test_the_next_reference_is_taken_where_the_first_is_too_long():
    printed, long, _ = LONG["reference"]
    assert read((*letter_with(printed, long), "Customer number: 8504 2217")).reference == "8504 2217"


@pytest.mark.parametrize(
    ("word", "found"), [("Bellwood", "Bellwood Borough Council"), ("Bellwood" * 40, "Borough Council")]
)
def test_a_letterhead_in_two_lines_is_one_name_unless_a_line_is_too_long(word, found):
    text = ("Dear Mrs Example,", "", "We have received what you sent us, with thanks.", "It is all we need by now.")
    head = (f"# {word}", "# Borough Council", "", "", *text)
    assert analyse(typed(head), date(2026, 11, 12)).sender == found


def test_no_more_is_kept_than_a_column_holds():
    held = {name: column.type.length for name, column in letters.c.items() if isinstance(column.type, String)}
    assert held["sender"] >= 2 * sender.LONGEST_NAME + 1
    assert held["recipient"] >= recipient.LONGEST_NAME
    assert held["subject"] >= titles.LONGEST
    assert held["reference"] >= reference.LONGEST
    assert MOST_DIGITS + len(".00") <= held["amount"]
    assert len(f"{'9' * MOST_DIGITS}.00 EUR") <= LONGEST_VALUE <= facts.c.value.type.length
    assert facts.c.raw.type.length >= LONGEST_RAW
    assert len(",".join(["9999"] * MOST_LINES)) <= facts.c.line_ids.type.length
