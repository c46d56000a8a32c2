"""Letters by a hand that knew no rule, photographed by other means than the samples, go the whole way to an e-mail."""

import json
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from cloud.notifications import wording
from tests.journey.demo.runs import demo, mails, rows

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
NAMES = ("vet", "kfz", "friend")
FACTS = ("sender", "due_date", "amount", "currency", "category")
# What is not read as a person reads it: (letter, fact) -> (what is stored instead, what is hard about it).
# None stands for a fact that is absent.
KNOWN_MISSES: dict[tuple[str, str], tuple[str | None, str]] = {}


@dataclass(frozen=True, slots=True)
class Told:
    """What the database keeps of one letter and the e-mail that its owner got."""

    stored: dict[str, str | None]
    mail: EmailMessage


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> dict[str, Told]:
    data = tmp_path_factory.mktemp("foreign") / "data"
    photographs = [option for name in NAMES for option in ("--photo", str(HERE / f"{name}.jpg"))]
    run = demo(data, *photographs, "--exit", "--every", "0")
    assert run.status == 0, run.output
    letters = rows(data, f"SELECT episode_id, {', '.join(FACTS)} FROM letters ORDER BY id")  # noqa: S608 - our columns
    sent = mails(data)
    assert len(letters) == len(sent) == len(NAMES)
    return {
        name: Told(dict(zip(FACTS, facts, strict=True)), sent[episode])
        for name, (episode, *facts) in zip(NAMES, letters, strict=True)
    }


def truth(name: str) -> dict[str, str | None]:
    return json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("fact", FACTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_foreign_letter_is_stored_with_its_true_facts(told, name, fact):
    true, stored = truth(name)[fact], told[name].stored[fact]
    if (name, fact) in KNOWN_MISSES:
        instead, reason = KNOWN_MISSES[name, fact]
        assert true != instead, "a known miss that is none"
        assert stored == instead, f"the miss changed ({reason}); if it is {true!r} now, take it off the table"
    else:
        assert stored == true


@pytest.mark.parametrize("name", NAMES)
def test_the_email_of_a_foreign_letter_says_what_the_letter_says(told, name):
    mail = told[name].mail.get_body(("plain",)).get_content()
    for fact, shown in shown_facts(name).items():
        if (name, fact) not in KNOWN_MISSES:
            assert shown in mail, f"the e-mail lacks the {fact} {shown}:\n{mail}"


def test_the_email_of_a_letter_that_asks_for_nothing_shows_no_sum_and_no_deadline(told):
    facts, mail = truth("friend"), told["friend"].mail.get_body(("plain",)).get_content()
    assert (facts["due_date"], facts["amount"]) == (None, None)
    for word in ("Due date", "Amount", "By:", "Pay", "£"):
        assert word not in mail, f"the letter asks for nothing, but its e-mail says {word!r}:\n{mail}"
    assert "Nothing needs to be done" in mail


def shown_facts(name: str) -> dict[str, str]:
    """Return what a true fact looks like to a person; a fact that the letter has not is not looked for."""
    facts = truth(name)
    shown = {"sender": facts["sender"]}
    if facts["due_date"]:
        shown["due_date"] = wording.day(facts["due_date"])
    if facts["amount"]:
        shown["amount"] = wording.money(facts["amount"], facts["currency"])
    return shown
