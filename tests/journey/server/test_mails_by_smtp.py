"""A server that sends its e-mails by SMTP: a forgotten password, from the request to the new one."""

import json
import re
from email import message_from_bytes
from email.policy import default

import pytest
from typer.testing import CliRunner

from tests.journey.server.conftest import call
from tests.mail_server import CREDENTIALS, PASSWORD, LoopbackMailServer
from tests.running_server import RunningServer
from tests.waiting import until
from tools.cli import app as program

OWNER, NEW = "owner@example.org", "another horse"
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def mail_server(tmp_path):
    with LoopbackMailServer(tmp_path, starttls=True, asks_who=True) as mail_server:
        yield mail_server


@pytest.fixture
def server(tmp_path, chosen, mail_server):
    """A server on each database that the environment names, with a mail server that wants TLS and a password."""
    assert chosen
    environment = {
        "PILLARBOX_SMTP_URL": mail_server.url(CREDENTIALS, "?tls=starttls"),
        "PILLARBOX_SMTP_CA": str(mail_server.ca),
        "PILLARBOX_MAIL_FROM": "Pillarbox <box@example.org>",
    }
    with RunningServer(tmp_path / "data", **environment) as server:
        yield server


def post(server, path, **body):
    return call(server, "POST", path, body=json.dumps(body).encode(), headers=JSON)


def test_a_forgotten_password_is_set_by_the_link_that_the_mail_server_got(server, mail_server):
    made = CliRunner().invoke(program, ["admin", "user", "create", OWNER, "--data", str(server.data)])
    assert made.exit_code == 0, made.output
    mail_server.ways.answers["MAIL"] = "451 4.3.0 not now"
    assert post(server, "/auth/password/forgot", email=OWNER).status == 202
    until(lambda: server.rows("SELECT tries FROM jobs WHERE tries > 1"), "a second try")
    mail_server.ways.answers.clear()
    (mail,) = until(lambda: mail_server.mails, "the mail")
    message = message_from_bytes(mail.content, policy=default)
    assert (mail.sender, mail.recipients, message["To"].addresses[0].addr_spec) == ("box@example.org", [OWNER], OWNER)
    assert message["Message-ID"].startswith("<account.")
    text = message.get_body(("plain",)).get_content()
    token = re.search(rf"{re.escape(server.url)}/account/reset/([\w-]+)", text)[1]
    assert post(server, "/auth/password/reset", token=token, password=NEW).status == 200
    assert post(server, "/auth/login", email=OWNER, password=NEW).status == 200
    until(lambda: len(mail_server.mails) == 2, "the mail that tells of the new password")
    assert not (server.data / "outbox").exists()
    log = server.log.read_text()
    assert "451 4.3.0 not now" in log
    assert PASSWORD not in log
    assert CREDENTIALS not in log
