"""The mailer by SMTP against a server with real TLS and AUTH that goes wrong in every way it can."""

import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest

from cloud.adapters.local.mailer_smtp import MOST_REMEMBERED, PAUSE_S, Patience, SmtpMailer
from cloud.adapters.local.mailer_smtp_server import MailServer, Security, mail_server, sender, tls_context
from cloud.errors import ConfigurationError, RefusedError, RetryLaterError
from cloud.ports.mailer import OutgoingMail
from tests.mail_server import CREDENTIALS, DROPS, HANGS, OTHER_NAME, PASSWORD, TAKEN, USER, LoopbackMailServer
from tests.ports import KeptPort

FROM, TO = "pillarbox@example.org", "owner@example.org"
STARTTLS = "?tls=starttls"
# For servers that hang: nothing that a test expects depends on how soon others answer.
IMPATIENT = Patience(0.3, 0.3)


def written(body="hello\n", subject="Grüße", number="1"):
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"], message["Subject"] = FROM, TO, subject
    message["Message-ID"] = f"<delivery.{number}@example.org>"
    message.set_content(body)
    return OutgoingMail(f"mail-{number}", 1_795_257_700_000, TO, message.as_bytes())


MAIL = written()


@pytest.fixture
def serving(tmp_path):
    """Start servers that run until the test ends."""
    running = []

    def start(**ways):
        server = LoopbackMailServer(tmp_path, **ways)
        running.append(server.__enter__())
        return server

    yield start
    for server in running:
        server.__exit__()


def mailer_to(server, credentials="", query="", host="127.0.0.1", patience=None):
    """Return a mailer to a server, by its address, that trusts its authority if it has one."""
    authority = server.ca if server.ca.exists() else None
    return SmtpMailer(
        mail_server(server.url(credentials, query, host)), FROM, tls_context(authority), patience=patience
    )


def retried(mailer, mail=MAIL):
    with pytest.raises(RetryLaterError) as caught:
        mailer.send(mail)
    return str(caught.value)


def refused(mailer, mail=MAIL):
    with pytest.raises(RefusedError) as caught:
        mailer.send(mail)
    return str(caught.value)


@pytest.mark.parametrize("mechanisms", [("PLAIN",), ("LOGIN",), ("PLAIN", "LOGIN")])
@pytest.mark.parametrize(("ways", "query"), [({"tls": True}, ""), ({"starttls": True}, STARTTLS), ({}, "?tls=none")])
def test_a_mail_is_taken_with_and_without_tls_by_each_way_to_say_who_we_are(serving, ways, query, mechanisms):
    server = serving(asks_who=True, mechanisms=mechanisms, **ways)
    assert mailer_to(server, CREDENTIALS, query).send(MAIL) == TAKEN
    (mail,) = server.mails
    assert (mail.sender, mail.recipients, mail.content) == (FROM, [TO], MAIL.content)
    assert message_from_bytes(mail.content, policy=default)["Subject"] == "Grüße"


def test_what_a_mail_is_given_with_it_says_its_size_and_no_more_than_it_needs(serving):
    server = serving(smtputf8=True)
    mailer_to(server).send(MAIL)
    assert server.mails[0].options == [f"SIZE={len(MAIL.content)}"]


def test_letters_beyond_ascii_go_as_they_are_where_the_server_takes_them(serving):
    mail, server = written("Schöne Grüße\n"), serving()
    assert not mail.content.isascii()
    mailer_to(server).send(mail)
    assert server.mails[0].content == mail.content
    assert server.mails[0].options[0] == "BODY=8BITMIME"


def test_letters_beyond_ascii_are_encoded_where_it_does_not(serving):
    server = serving(hidden=("8BITMIME",))
    mailer_to(server).send(written("Schöne Grüße\n.\n.hidden\n"))
    content = server.mails[0].content
    assert content.isascii()
    message = message_from_bytes(content, policy=default)
    assert message.get_content().splitlines() == ["Schöne Grüße", ".", ".hidden"]
    assert (message["Subject"], message["Message-ID"]) == ("Grüße", "<delivery.1@example.org>")


def test_an_address_beyond_ascii_needs_a_server_that_takes_it(serving):
    mail = OutgoingMail("x", 0, "jörg@example.org", MAIL.content)
    assert "SMTPUTF8" in refused(mailer_to(serving()), mail)
    server = serving(smtputf8=True)
    assert mailer_to(server).send(mail) == TAKEN
    assert server.mails[0].recipients == ["jörg@example.org"]
    assert "SMTPUTF8" in server.mails[0].options


def test_lone_line_ends_become_whole_ones_and_end_no_mail(serving):
    server = serving()
    mailer_to(server).send(OutgoingMail("x", 0, TO, b"Subject: x\n\na\r.\nb\n.\nMAIL FROM:<evil@example.org>\n"))
    assert server.mails[0].content == b"Subject: x\r\n\r\na\r\n.\r\nb\r\n.\r\nMAIL FROM:<evil@example.org>\r\n"


def test_lines_that_begin_with_a_dot_arrive_as_they_were(serving):
    mail, server = written(".\n..\n.hidden\nend.\n"), serving()
    mailer_to(server).send(mail)
    assert server.mails[0].content == mail.content


def test_a_mail_that_was_taken_is_not_handed_over_again(serving):
    server = serving()
    mailer = mailer_to(server)
    assert mailer.send(MAIL) == mailer.send(MAIL) == TAKEN
    assert len(server.mails) == 1
    mailer._taken |= {str(number): "" for number in range(MOST_REMEMBERED)}  # noqa: SLF001 - a thousand mails are slow
    mailer.send(written(number="2"))
    mailer.send(MAIL)
    assert len(server.mails) == 3


@pytest.mark.parametrize("command", ["GREETING", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT"])
@pytest.mark.parametrize("answer", ["421 4.3.2 too busy", "451 4.7.1 greylisted", "out of place", "no SMTP at all"])
def test_what_is_no_final_answer_is_tried_again(serving, command, answer):
    if answer == "out of place":
        answer = "250 go on" if command in ("GREETING", "STARTTLS", "DATA") else "354 go on"
    server = serving(starttls=True, answers={command: answer})
    told = retried(mailer_to(server, CREDENTIALS, STARTTLS))
    assert told.startswith(f"expected 127.0.0.1:{server.port} to ")
    assert "no SMTP: " in told or answer[0].isdigit()


@pytest.mark.parametrize("command", ["RCPT", "DATA", "CONTENT"])
def test_a_recipient_or_mail_that_is_refused_for_good_is_parked_with_the_words_of_the_server(serving, command):
    server = serving(answers={command: "550 5.1.1 no such person here"})
    mailer = mailer_to(server)
    assert refused(mailer).endswith("it said: 550 5.1.1 no such person here")
    server.ways.answers.clear()
    assert mailer.send(written(number="2")) == TAKEN


def test_a_mail_that_is_too_large_is_refused_at_its_size_already(serving):
    assert "552 5.3.4" in refused(mailer_to(serving(answers={"MAIL": "552 5.3.4 larger than we take"})))


@pytest.mark.parametrize(
    ("command", "answer", "advice"),
    [
        ("GREETING", "554 5.7.1 your network is blocked", "is this the server for outgoing mail?"),
        ("STARTTLS", "554 5.7.0 not here", "use smtps:// and its port"),
        ("AUTH", "535 5.7.8 bad credentials", "check user and password in PILLARBOX_SMTP_URL"),
        ("MAIL", "553 5.7.1 not your address", "set PILLARBOX_MAIL_FROM"),
        ("RCPT", "530 5.7.0 authentication required", "check user and password in PILLARBOX_SMTP_URL"),
    ],
)
def test_what_only_the_settings_can_put_right_parks_no_mail_and_says_what_to_do(serving, command, answer, advice):
    server = serving(starttls=True, answers={command: answer})
    told = retried(mailer_to(server, CREDENTIALS, STARTTLS))
    assert told.startswith("expected 127.0.0.1:")
    assert f"it said: {answer}; {advice}" in told


def test_a_server_of_old_is_greeted_its_way(serving):
    server = serving(answers={"EHLO": "502 what is EHLO?"})
    assert mailer_to(server).send(written("Schöne Grüße\n")) == TAKEN
    assert server.mails[0].content.isascii()


def test_a_wrong_password_is_not_tried_again_and_again(serving):
    server = serving(tls=True)
    mailer = mailer_to(server, "ann%40example.org:wrong@")
    now = mailer.clock()
    mailer.clock = lambda: now
    first = retried(mailer)
    assert "535" in first
    assert retried(mailer, written(number="2")).startswith(first)
    assert server.connections == 1
    now += PAUSE_S
    assert retried(mailer) == first
    assert server.connections == 2


def test_a_password_that_cannot_be_looked_up_now_is_tried_again_at_once(serving):
    server = serving(tls=True, answers={"AUTH": "454 4.7.0 not now"})
    mailer = mailer_to(server, CREDENTIALS)
    retried(mailer)
    server.ways.answers.clear()
    assert mailer.send(MAIL) == TAKEN


def test_a_server_that_asks_for_a_password_and_gets_none_parks_no_mail(serving):
    assert "check user and password" in retried(mailer_to(serving(tls=True, asks_who=True)))


def test_a_server_without_a_way_to_say_who_we_are_is_told_of(serving):
    told = retried(mailer_to(serving(mechanisms=(), tls=True), CREDENTIALS))
    assert "AUTH PLAIN or LOGIN" in told


@pytest.mark.parametrize("command", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "MIDST"])
@pytest.mark.parametrize("how", [HANGS, DROPS])
def test_a_server_that_hangs_or_goes_away_before_the_end_gets_the_mail_later(serving, command, how):
    server = serving(answers={command: how})
    retried(mailer_to(server, patience=IMPATIENT if how == HANGS else None))
    assert server.mails == []
    server.ways.answers.clear()
    assert mailer_to(server).send(MAIL) == TAKEN
    assert len(server.mails) == 1


@pytest.mark.parametrize("how", [HANGS, DROPS])
def test_a_mail_of_which_nobody_knows_whether_it_was_taken_comes_again_as_the_same(serving, how):
    server = serving(answers={"CONTENT": how})
    mailer = mailer_to(server, patience=IMPATIENT if how == HANGS else None)
    while not server.mails:  # a busy machine may not come so far at once
        retried(mailer)
    server.ways.answers.clear()
    mailer_to(server).send(MAIL)
    ids = [message_from_bytes(mail.content)["Message-ID"] for mail in server.mails]
    assert len(ids) == 2
    assert set(ids) == {"<delivery.1@example.org>"}


@pytest.mark.parametrize("how", [DROPS, "500 what?", "no SMTP"])
def test_a_mail_that_was_taken_is_sent_however_the_server_takes_leave(serving, how):
    server = serving(answers={"QUIT": how})
    assert mailer_to(server).send(MAIL) == TAKEN


def test_a_server_that_is_away_gets_the_mail_later():
    port = KeptPort()
    mailer = SmtpMailer(mail_server(f"smtp://127.0.0.1:{port.number}"), FROM, tls_context(None))
    assert retried(mailer).endswith("Connection refused")
    port.close()


def test_a_name_without_an_address_is_tried_again():
    # So long that no resolver asks the network for it.
    nowhere = MailServer("a." * 150 + "example", 25, Security.NONE)
    assert "expected a.a.a." in retried(SmtpMailer(nowhere, FROM, tls_context(None)))


@pytest.mark.parametrize(("ways", "query"), [({"tls": True}, ""), ({"starttls": True}, STARTTLS)])
def test_a_certificate_of_another_name_or_authority_is_not_trusted_and_parks_no_mail(serving, ways, query, tmp_path):
    server = serving(**ways)
    told = retried(mailer_to(server, CREDENTIALS, query, host=OTHER_NAME))
    assert "not valid for '127.1'" in told
    assert "PILLARBOX_SMTP_CA" in told
    server.ca = tmp_path / "none"
    assert "PILLARBOX_SMTP_CA" in retried(mailer_to(server, CREDENTIALS, query))
    assert server.mails == []


def test_no_password_leaves_without_tls_where_a_server_offers_none(serving):
    server = serving()
    told = retried(mailer_to(server, CREDENTIALS, STARTTLS))
    assert "to offer STARTTLS, it does not" in told
    assert "smtps://" in told


def test_tls_where_there_is_none_is_told_with_both_kinds(serving):
    server = serving()
    server.ways.tls = True  # of its address only
    told = retried(mailer_to(server))
    assert "to speak TLS" in told
    assert "465" in told


def test_words_of_a_server_are_one_short_line_without_what_steers_a_terminal(serving):
    server = serving(answers={"RCPT": f"550-no \x1b[31m\u202e\r\n550-\x07{'x' * 1000}\r\n550 end"})
    told = refused(mailer_to(server))
    assert told.isprintable()
    assert "550 no [31m x" in told
    assert len(told) < 300


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_server_that_says_back_what_it_heard_does_not_tell_the_password(serving, mechanism):
    server = serving(mechanisms=(mechanism,), answers={"AUTH": f"500 what is TOLD, {PASSWORD}?"})
    mailer = mailer_to(server, CREDENTIALS)
    told = retried(mailer)
    assert f"500 what is {mechanism}" in told
    assert PASSWORD not in told + repr(mail_server(server.url(CREDENTIALS)))
    assert not re.search(r"[A-Za-z0-9+/]{20}", told)


@pytest.mark.parametrize(
    ("url", "host", "port", "security"),
    [
        ("smtps://mail.example", "mail.example", 465, Security.TLS),
        ("smtp://mail.example", "mail.example", 587, Security.STARTTLS),
        ("smtp://Mail.Example:2525/", "mail.example", 2525, Security.STARTTLS),
        ("smtp://relay.lan:25?tls=none", "relay.lan", 25, Security.NONE),
        ("smtp://localhost:25", "localhost", 25, Security.NONE),
        ("smtp://[::1]:25?tls=starttls", "::1", 25, Security.STARTTLS),
        (" smtp://me:secret@127.0.0.1?tls=none\n", "127.0.0.1", 587, Security.NONE),
    ],
)
def test_an_address_says_where_and_how(url, host, port, security):
    found = mail_server(url)
    assert (found.host, found.port, found.security) == (host, port, security)


def test_signs_of_user_and_password_are_written_with_percent():
    found = mail_server(f"smtps://{CREDENTIALS}mail.example")
    assert (found.user, found.password) == (USER, PASSWORD)
    assert PASSWORD not in repr(found)


@pytest.mark.parametrize(
    "url",
    [
        *("secret", "mysql://me:secret@mail.example", "smtps://", "smtps://:465", "smtps://me:secret@:465"),
        *("smtps://me:secret@mail.example:99999", "smtps://me:secret@mail.example:port", "smtps://[::1"),
        *("smtps://me:sec/ret@mail.example", "smtps://me:12#secret@mail.example", "smtps://me:12?secret@mail.example"),
        *("smtps://me@mail.example", "smtps://:secret@mail.example", "smtps://me:secret@mail..example"),
        *("smtp://me:secret@mail.example?tls=none", "smtps://mail.example?tls=none", "smtp://mail.example?tls=no"),
        *("smtp://mail.example?starttls", "smtp://mail.example?tls=none&secret=1"),
    ],
)
def test_another_address_is_refused_with_an_example_and_without_its_password(url):
    with pytest.raises(ConfigurationError, match="expected PILLARBOX_SMTP_URL as smtps://user:password@") as caught:
        mail_server(url)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_a_file_of_no_authority_is_refused(tmp_path, content):
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)
    with pytest.raises(ConfigurationError, match="expected PILLARBOX_SMTP_CA to be a PEM file"):
        tls_context(file)


def test_the_address_of_the_sender_is_that_within_its_name():
    away, here = mail_server("smtps://mail.example"), mail_server("smtp://localhost:25")
    assert sender('"Box, the" <Box@Example.org>', away) == "Box@Example.org"
    assert sender("Pillarbox <pillarbox@localhost>", here) == "pillarbox@localhost"
    for wrong in ("Pillarbox <pillarbox@localhost>", "", "nobody", "Ö <ö@example.org>", "a@b.example\r\nx"):
        with pytest.raises(ConfigurationError, match="expected PILLARBOX_MAIL_FROM as an address"):
            sender(wrong, away)
