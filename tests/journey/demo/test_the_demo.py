"""The main job, whole, with real processes: letters fall into the box and their owner gets the e-mails."""

import re
import shutil
import signal
from email.message import EmailMessage
from html import unescape
from pathlib import Path

import pytest

from simulator.sample_letters import sample_letters
from tests.journey.demo.runs import demo, interrupted, mails, rows
from tools.commands.demo import INTERRUPTED

pytestmark = pytest.mark.slow

MAIL_OF = "SELECT provider_id FROM mail_outbox WHERE episode_id = '{}'"
WORD = re.compile(r"\w{5,}")


def test_three_runs_on_one_folder_make_three_then_six_then_nine_deliveries_letters_and_emails(tmp_path):
    for expected in (3, 6, 9):
        run = demo(tmp_path, "--letters", "3", "--exit", "--every", "0")
        assert run.status == 0, run.output
        assert len(mails(tmp_path)) == expected
        assert rows(tmp_path, "SELECT count(*) FROM letters") == [(expected,)]
        assert rows(tmp_path, "SELECT count(*) FROM episodes WHERE kind = 'delivery'") == [(expected,)]
        assert rows(tmp_path, "SELECT count(*) FROM episodes") == [(expected,)]
    assert_each_delivery_has_its_own_letter(tmp_path, 9)


# One death in every stage of a letter's way: (name, moment, SQL that returns a row in the transaction about to commit).
DEATHS = (
    ("the opening of letter 1 is lost before its commit", "before", "opened >= 1"),
    ("the close of letter 1 is stored but nobody was told", "after", "closed >= 1"),
    ("the grant of letter 2 is stored but not sent", "after", "granted >= 2"),
    ("the upload of letter 2 is on disk but not in the database", "before", "uploaded >= 2"),
    ("the announcement of letter 3 is stored but not acknowledged", "after", "announced >= 3"),
    ("letter 3 is being read", "later", "reading >= 3"),
    ("the words of letter 4 are lost before their commit", "before", "read >= 4"),
    ("letter 4 is analysed but not stored", "before", "letters >= 4"),
    ("delivery 5 is judged but not written", "after", "settled >= 5"),
    ("the e-mail of letter 5 is in the folder but not marked as sent", "before", "sent >= 5"),
    ("the e-mail of letter 6 is queued but not sent", "after", "mails >= 6"),
)
COUNTS = {
    "opened": "SELECT count(*) FROM mailbox_events WHERE event_type = 'open'",
    "closed": "SELECT count(*) FROM mailbox_events WHERE event_type = 'close'",
    "granted": "SELECT count(*) FROM images",
    "uploaded": "SELECT count(*) FROM images WHERE uploaded_at IS NOT NULL",
    "announced": "SELECT count(*) FROM images WHERE announced_at IS NOT NULL",
    "reading": "SELECT count(*) FROM jobs WHERE stage = 'read_image' AND tries > 0",
    "read": "SELECT count(*) FROM ocr_runs",
    "letters": "SELECT count(*) FROM letters",
    "settled": "SELECT count(*) FROM episodes WHERE settled_at IS NOT NULL",
    "mails": "SELECT count(*) FROM mail_outbox",
    "sent": "SELECT count(*) FROM mail_outbox WHERE state = 'sent'",
}


def test_the_server_dies_once_in_every_stage_and_nothing_is_lost_or_doubled(tmp_path):
    book = tmp_path / "deaths.tsv"
    book.write_text("".join(f"{name}\t{moment}\t{sql_of(condition)}\n" for name, moment, condition in DEATHS))
    data = tmp_path / "data"
    deaths = Path(__file__).parent / "deaths"
    options = ("--letters", "6", "--exit", "--every", "0")

    run = demo(data, *options, PYTHONPATH=str(deaths), PILLARBOX_TEST_DEATHS=str(book))

    assert run.status == 0, run.output
    assert book.with_suffix(".done").read_text().splitlines() == [name for name, _, _ in DEATHS], run.output
    assert run.output.count("the server ended with status -9; started again") == len(DEATHS)
    assert len(mails(data)) == 6
    assert rows(data, "SELECT count(*), count(DISTINCT sha256) FROM images") == [(6, 6)]
    assert rows(data, "SELECT count(*) FROM episodes") == [(6,)]
    assert_each_delivery_has_its_own_letter(data, 6)


def test_a_photograph_given_by_hand_falls_in_like_any_letter_and_bad_ones_and_strange_devices_are_refused(tmp_path):
    # A mail server that the environment names gets nothing of a demo.
    mail_server = {"PILLARBOX_SMTP_URL": "smtps://me:secret@mail.invalid"}
    run = demo(tmp_path / "data", "--letters", "1", "--exit", "--every", "0", **mail_server)
    assert run.status == 0, run.output
    stored = next((tmp_path / "data" / "images").rglob("*.jpg"))
    photo = tmp_path / "my letter.JPG"
    shutil.copy(stored, photo)
    text = tmp_path / "notes.jpg"
    text.write_text("this is no image")

    refused = demo(tmp_path / "data", "--photo", str(text), "--exit")
    assert refused.status == 1
    assert "expected a complete JPEG or PNG" in refused.output

    # The very same image again is a delivery with an e-mail, but no second letter.
    again = demo(tmp_path / "data", "--photo", str(photo), "--exit")
    assert again.status == 0, again.output
    assert len(mails(tmp_path / "data")) == 2
    assert rows(tmp_path / "data", "SELECT count(*) FROM letters") == [(1,)]
    assert rows(tmp_path / "data", "SELECT state FROM images ORDER BY id") == [("letter",), ("duplicate",)]

    # Devices that the database does not know are refused before anything starts.
    shutil.copytree(tmp_path / "data" / "devices", tmp_path / "elsewhere" / "devices")
    strange = demo(tmp_path / "elsewhere", "--letters", "1", "--exit")
    assert strange.status == 1
    assert "in the database, it is not there" in strange.output
    assert "server runs" not in strange.output


def test_a_run_that_was_interrupted_in_the_middle_of_a_letter_leaves_the_next_its_own_letters(tmp_path):
    assert interrupted(tmp_path, "letter 1: ", signal.SIGTERM) == INTERRUPTED
    assert interrupted(tmp_path, "door opened, event stored", signal.SIGKILL) == -signal.SIGKILL
    assert interrupted(tmp_path, "image announced", signal.SIGTERM) == INTERRUPTED

    run = demo(tmp_path, "--letters", "1", "--exit")

    assert run.status == 0, run.output
    told, samples = mails(tmp_path), sample_letters()
    assert rows(tmp_path, "SELECT count(*) FROM episodes WHERE settled_at IS NULL OR closed_at IS NULL") == [(0,)]
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT sha256) FROM images") == [(len(told),) * 2]
    [(newest, text)] = rows(tmp_path, "SELECT episode_id, text FROM letters ORDER BY id DESC LIMIT 1")
    assert shared(words_of(samples[3].text), words_of(text)) > 0.85
    assert told_facts(told[newest]) == truth_of(samples[3])
    assert f"e-mail in the outbox: {Path(rows(tmp_path, MAIL_OF.format(newest))[0][0]).name}" in run.output


def sql_of(condition: str) -> str:
    what, _, number = condition.partition(" >= ")
    return f"SELECT 1 WHERE ({COUNTS[what]}) >= {number}"


def assert_each_delivery_has_its_own_letter(data: Path, count: int) -> None:
    """Compare by content: letter n is the reading of sample n, and its e-mail tells what the sample's truth says."""
    samples = sample_letters()
    stored = rows(data, "SELECT episode_id, text FROM letters ORDER BY id")
    assert len(stored) == count
    told = mails(data)
    for number, (episode_id, text) in enumerate(stored):
        sample = samples[number % len(samples)]
        assert shared(words_of(sample.text), words_of(text)) > 0.85, (
            f"letter {number + 1} is no reading of {sample.name}"
        )
        assert told_facts(told[episode_id]) == truth_of(sample), f"the e-mail of {sample.name}"


def told_facts(mail: EmailMessage) -> dict[str, str | None]:
    """Return sender, due date and amount as the e-mail's items name them; the text has to say the same to a person."""
    html, text = (mail.get_body((kind,)).get_content() for kind in ("html", "plain"))
    due_date = re.search(r'<time itemprop="due_date" datetime="([\d-]+)"', html)
    amount = re.search(r'<data itemprop="amount" value="([\d.]+) [A-Z]{3}"', html)
    sender = re.search(r'<span itemprop="sender">(.+?)</span>', html)
    told = {"sender": unescape(sender[1]) if sender else None}
    told |= {"due_date": due_date[1] if due_date else None, "amount": amount[1] if amount else None}
    for value in filter(None, told.values()):
        assert value in text, f"the text part lacks {value}:\n{text}"
    return told


def truth_of(sample) -> dict[str, str | None]:
    truth = sample.truth
    return {
        "sender": truth.sender,
        "due_date": truth.due_date.isoformat() if truth.due_date else None,
        "amount": str(truth.amount) if truth.amount else None,
    }


def words_of(text: str) -> set[str]:
    return set(WORD.findall(text.casefold()))


def shared(expected: set[str], found: set[str]) -> float:
    """Return the smaller of recall and precision: all of the sample was read, and of no other letter."""
    return len(expected & found) / max(len(expected), len(found), 1)
