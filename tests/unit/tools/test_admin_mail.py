"""``pillarbox admin mail test`` and what ``pillarbox up`` says of e-mails."""

import json
from email import message_from_bytes
from email.policy import default

import pytest
from typer.testing import CliRunner

from tests.conftest import settings_for
from tests.databases import on_sqlite_alone
from tests.mail_server import CREDENTIALS, HOST, PASSWORD, TAKEN, LoopbackMailServer
from tools.cli import app as program
from tools.commands.up import told_of_mails

pytestmark = on_sqlite_alone
TO = "you@example.org"


@pytest.fixture
def admin(app):
    return lambda *words: CliRunner().invoke(
        program, ["admin", "mail", "test", *words, "--data", str(app.settings.data)]
    )


@pytest.fixture
def mail_server(tmp_path, monkeypatch):
    """A server with TLS and AUTH that the environment names."""
    with LoopbackMailServer(tmp_path, tls=True, asks_who=True) as server:
        monkeypatch.setenv("PILLARBOX_SMTP_URL", server.url(CREDENTIALS))
        monkeypatch.setenv("PILLARBOX_SMTP_CA", str(server.ca))
        monkeypatch.setenv("PILLARBOX_MAIL_FROM", "Pillarbox <box@example.org>")
        yield server


def test_one_mail_is_sent_and_the_server_s_words_are_told(admin, mail_server):
    done = admin(TO)
    place = f"{HOST}:{mail_server.port}"
    assert done.stdout.splitlines()[0] == f"{place} took the e-mail to {TO}: {TAKEN}"
    (mail,) = mail_server.mails
    message = message_from_bytes(mail.content, policy=default)
    assert (mail.sender, mail.recipients, message["To"]) == ("box@example.org", [TO], TO)
    assert message["Subject"] == "Pillarbox can send e-mails"
    told = json.loads(admin(TO, "--json").stdout)
    assert told == {"recipient": TO, "sent": True, "by": place, "answer": TAKEN}
    assert len({message_from_bytes(one.content)["Message-ID"] for one in mail_server.mails}) == 2


@pytest.mark.parametrize(
    ("command", "answer", "advice"),
    [
        ("AUTH", f"535 5.7.8 wrong: {PASSWORD}", "check user and password"),
        ("RCPT", "550 5.1.1 nobody", "550 5.1.1 nobody"),
        ("GREETING", "421 later", "421 later"),
    ],
)
def test_what_goes_wrong_is_one_sentence_without_the_password(admin, mail_server, command, answer, advice):
    mail_server.ways.answers[command] = answer
    done = admin(TO)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("pillarbox: expected 127.0.0.1:")
    assert advice in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert PASSWORD not in done.output


def test_what_is_no_address_goes_nowhere(admin, mail_server):
    assert "expected an e-mail address like name@example.org" in admin("<x>").stderr
    assert mail_server.connections == 0


def test_settings_that_cannot_be_meant_are_told_without_the_password(admin, monkeypatch):
    monkeypatch.setenv("PILLARBOX_SMTP_URL", "smtps://me:sec#ret@mail.example")
    done = admin(TO)
    assert done.exit_code == 1
    assert done.stderr.startswith("pillarbox: expected PILLARBOX_SMTP_URL as smtps://user:password@mail.example:465")
    assert "ret@" not in done.stderr


def test_without_a_mail_server_the_mail_is_a_file_and_that_is_told(admin, app):
    (line,) = admin(TO).stdout.splitlines()
    (file,) = (app.settings.data / "outbox").iterdir()
    assert line == f"PILLARBOX_SMTP_URL names no mail server, so the e-mail is a file: {file}"
    assert json.loads(admin(TO, "--json").stdout)["sent"] is False


def test_the_server_says_at_its_start_where_mails_go(tmp_path, dialect):
    assert dialect
    assert told_of_mails(settings_for(tmp_path)).startswith(f"none is sent, they are files in {tmp_path}/data/outbox;")
    named = settings_for(tmp_path, smtp_url="smtps://me:secret@mail.example")
    assert told_of_mails(named) == "sent by mail.example:465"
