"""Queued e-mails on their way through a mail server: what becomes of each, and who is told."""

from email import message_from_bytes
from email.policy import default

import pytest

from cloud.adapters.local.mailer_smtp import SmtpMailer
from cloud.adapters.local.mailer_smtp_server import mail_server, tls_context
from cloud.lambdas.records import run_records, to_record
from cloud.mail.model import CORRELATION_HEADER
from tests.mail_server import DROPS, TAKEN, LoopbackMailServer
from tests.unit.cloud.fakes import FakeOcrEngine, deliver, lease, with_ports
from tests.unit.cloud.messages import dlq, photo, rows


@pytest.fixture
def server(app, tmp_path):
    """A mail server that takes the application's mails."""
    with LoopbackMailServer(tmp_path) as server:
        mailer = SmtpMailer(mail_server(server.url()), "pillarbox@localhost", tls_context(None))
        object.__setattr__(app, "ports", with_ports(app, ocr_engine=FakeOcrEngine(), mailer=mailer).ports)
        yield server


@pytest.fixture
def mail_job(app, home, server):
    """The job of a delivery's only mail."""
    assert server
    deliver(app, home, photo())
    while (job := lease(app)).stage != "send_mail":
        run_records(job.stage, {"Records": [to_record(job)]})
    return job


def send(job):
    """Return whether the job is dealt with."""
    return not run_records(job.stage, {"Records": [to_record(job)]})["batchItemFailures"]


def state(app):
    return rows(app, "SELECT state, reason, provider_id FROM mail_outbox")[0]


def counted(app):
    """Return the lines of /metrics about mails."""
    return [
        line for line in app.metrics.exposed(list).decode().splitlines() if line.startswith("pillarbox_mails_total{")
    ]


def test_a_delivery_is_told_with_its_image_and_its_story(app, home, server, mail_job):
    assert home
    assert send(mail_job)
    assert state(app) == ("sent", None, TAKEN)
    (mail,) = server.mails
    message = message_from_bytes(mail.content, policy=default)
    assert mail.recipients == ["owner@example.org"]
    assert "£84.20" in str(message["Subject"])
    assert [part.get_content_type() for part in message.walk() if part.get_content_maintype() == "image"] != []
    assert message[CORRELATION_HEADER].replace(" ", "") == mail_job.correlation_id
    assert message["Message-ID"].startswith("<delivery.")


def test_a_server_that_is_busy_keeps_the_mail_waiting(app, server, mail_job):
    server.ways.answers["RCPT"] = "451 4.7.1 greylisted"
    assert not send(mail_job)
    assert state(app) == ("pending", None, None)
    server.ways.answers.clear()
    assert send(mail_job)
    assert state(app) == ("sent", None, TAKEN)
    told = [f'pillarbox_mails_total{{outcome="{outcome}"}} 1.0' for outcome in ("again", "done")]
    assert sorted(counted(app)) == told


def test_a_mail_that_is_refused_waits_in_the_dlq_with_the_words_of_the_server(app, server, mail_job):
    server.ways.answers["RCPT"] = "550 5.1.1 no such person"
    assert send(mail_job)
    found, reason, _ = state(app)
    assert (found, reason) == ("failed", dlq(app)[0][-1])
    assert reason.endswith("it said: 550 5.1.1 no such person")
    assert counted(app) == ['pillarbox_mails_total{outcome="parked"} 1.0']


def test_a_password_that_is_refused_parks_no_mail_and_is_told_in_the_log(app, server, mail_job, caplog):
    server.ways.answers["MAIL"] = "530 5.7.0 Authentication required"
    assert not send(mail_job)
    assert dlq(app) == []
    assert "check user and password in PILLARBOX_SMTP_URL" in caplog.text


def test_a_mail_that_may_have_been_taken_comes_again_with_its_message_id(app, server, mail_job):
    server.ways.answers["CONTENT"] = DROPS
    assert not send(mail_job)
    server.ways.answers.clear()
    assert send(mail_job)
    first, second = (message_from_bytes(mail.content) for mail in server.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert state(app)[0] == "sent"
