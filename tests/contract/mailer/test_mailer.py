"""The promises of every mailer."""

from email import message_from_bytes
from email.policy import default

import pytest

from cloud.adapters.local.mailer_folder import FolderMailer
from cloud.bootstrap import open_mailer
from cloud.errors import RetryLaterError
from cloud.ports.mailer import OutgoingMail
from tests.conftest import settings_for
from tests.mail_server import LoopbackMailServer

CONTENT = b"From: a@example.org\r\nTo: b@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\nhello\r\n"
MAIL = OutgoingMail("01a1fe17-bbdb-7353-a349-1d619de000f1", 1_795_257_700_000, "b@example.org", CONTENT)


@pytest.fixture
def folder(tmp_path):
    """A mailer into a folder, and what it sent."""
    sent = tmp_path / "outbox"
    return FolderMailer(sent), lambda: [file.read_bytes() for file in sorted(sent.glob("*"))]


@pytest.fixture
def smtp(tmp_path):
    """A mailer by SMTP, and what it sent."""
    with LoopbackMailServer(tmp_path) as server:
        yield open_mailer(settings_for(tmp_path, smtp_url=server.url())), lambda: [one.content for one in server.mails]


@pytest.fixture(params=["folder", "smtp"])
def mailer(request):
    """A mailer, and what it sent."""
    return request.getfixturevalue(request.param)


def test_a_mail_goes_out_byte_for_byte(mailer):
    sender, sent = mailer
    assert sender.send(MAIL)
    assert sent() == [CONTENT]


def test_the_same_mail_twice_is_one_mail_with_one_name(mailer):
    sender, sent = mailer
    assert sender.send(MAIL) == sender.send(MAIL)
    assert len(sent()) == 1


def test_two_mails_are_two(mailer):
    sender, sent = mailer
    sender.send(MAIL)
    sender.send(OutgoingMail("another", MAIL.created_at, MAIL.recipient, CONTENT))
    assert len(sent()) == 2


@pytest.mark.parametrize("content", [b"Subject: no end of a line", b"Subject: dots\r\n\r\n.\r\n..\r\n.hidden\r\n"])
def test_no_content_ends_a_mail_early(mailer, content):
    sender, sent = mailer
    sender.send(OutgoingMail("odd", MAIL.created_at, MAIL.recipient, content))
    assert [one.rstrip() for one in sent()] == [content.rstrip()]


def test_the_folder_holds_files_that_mail_programs_open_named_by_their_time(tmp_path):
    name = FolderMailer(tmp_path / "outbox").send(MAIL)
    assert name == "20261121T104140Z-01a1fe17-bbdb-7353-a349-1d619de000f1.eml"
    message = message_from_bytes((tmp_path / "outbox" / name).read_bytes(), policy=default)
    assert message["Subject"] == "Grüße"


def test_a_disk_that_takes_nothing_is_a_passing_fault(tmp_path):
    (tmp_path / "outbox").write_text("no folder")
    with pytest.raises(RetryLaterError):
        FolderMailer(tmp_path / "outbox").send(MAIL)
