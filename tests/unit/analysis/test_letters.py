"""The development letters as a whole: floors under what the rules understand, and no wrong stated due date at all."""

import re
import unicodedata

import pytest

from cloud.analysis.model import Analysis, Tier
from cloud.analysis.service import analyse
from tests.unit.analysis.letter_files import letter_files

LETTERS = letter_files()
FOUND = {letter.name: analyse(letter.lines, letter.received_on) for letter in LETTERS}


def understood(letter):
    found = FOUND[letter.name]
    assert isinstance(found, Analysis)
    return found


def plain(text):
    letters = unicodedata.normalize("NFKD", text or "").encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", " ", letters).strip()


def alike(found, wanted):
    one, other = plain(found), plain(wanted)
    return one == other or bool(one and other and (one in other or other in one))


def day(found):
    return found.due_date.isoformat() if found.due_date else None


def share(good):
    results = [good(letter) for letter in LETTERS]
    results = [result for result in results if result is not None]
    return sum(results) / len(results)


def test_there_are_letters_of_every_language():
    assert {understood(letter).language for letter in LETTERS} >= {"en", "de", "fr", "es"}


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)
def test_a_stated_due_date_is_right(letter):
    found = understood(letter)
    if found.due_tier is Tier.STATED:
        assert day(found) in (letter.truth["due_date"], *letter.truth.get("also_due_dates", ()))


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)
def test_an_amount_is_right_or_missing(letter):
    found = understood(letter)
    assert found.amount in (None, letter.truth["amount"], *letter.truth.get("also_amounts", ()))


@pytest.mark.parametrize("letter", LETTERS, ids=lambda letter: letter.name)
def test_every_fact_quotes_the_letter(letter):
    found = understood(letter)
    assert found.text == "\n".join(line.text for line in letter.lines)
    for fact in found.facts:
        assert fact.raw == found.text[fact.char_start : fact.char_end] != ""
        assert fact.raw in "\n".join(letter.lines[line].text for line in fact.line_ids)


def test_nine_of_ten_due_dates_are_found():
    assert share(lambda one: day(understood(one)) == one.truth["due_date"] if one.truth["due_date"] else None) >= 0.9


def test_nine_of_ten_amounts_are_found():
    assert share(_amount_right) >= 0.9


def test_nine_of_ten_senders_are_found():
    assert share(lambda one: alike(understood(one).sender, one.truth["sender"])) >= 0.9


def test_nine_of_ten_subjects_are_right():
    assert (
        share(lambda one: alike(understood(one).subject, one.truth["subject"]) if one.truth.get("subject") else None)
        >= 0.9
    )


def test_nine_of_ten_categories_are_right():
    wanted = lambda one: (one.truth["category"], *one.truth.get("also_categories", ()))  # noqa: E731
    assert share(lambda one: understood(one).category in wanted(one)) >= 0.9


def test_nine_of_ten_action_statuses_are_right():
    assert share(_status_right) >= 0.9


def _amount_right(letter):
    accepted = (letter.truth["amount"], *letter.truth.get("also_amounts", ()))
    return understood(letter).amount in accepted if letter.truth["amount"] else None


def _status_right(letter):
    wanted = letter.truth.get("action_status") or ("require-action" if letter.truth["due_date"] else None)
    return understood(letter).action_status == wanted if wanted else None
