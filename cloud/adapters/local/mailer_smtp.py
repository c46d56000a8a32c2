"""An SMTP server as the mailer: it takes each mail and brings it on its way (RFC 5321)."""

import base64
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.policy import SMTP as AS_LINES

from cloud.accounts.mails import one_line
from cloud.adapters.local.mailer_smtp_server import MailServer, Security
from cloud.errors import PillarboxError, RefusedError, RetryLaterError
from cloud.ports.mailer import OutgoingMail

# Of what a server says: as much as a row of the outbox keeps.
LONGEST_ANSWER = 200
# Mails that were taken and are remembered: more than can be asked for again by jobs that could not be ended.
MOST_REMEMBERED = 1000
# For an answer to our farewell, which nothing depends on.
FAREWELL_S = 5
# After a refused password: asked again and again, many servers shut an address out.
PAUSE_S = 300
# Anything that says "who are you?", at whatever command (RFC 4954 section 6).
_UNKNOWN_USER = frozenset((530, 534, 535, 538))
_TOO_LARGE = 552
_LINE_END = re.compile(rb"\r\n|\r|\n")
_CREDENTIALS = "check user and password in PILLARBOX_SMTP_URL; many providers want a password made for programs"


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: for a connection and each answer, and for the answer to a whole mail.

    Who gives up too early on the latter sends the mail twice: RFC 5321 section 4.5.3.2.6 asks for ten minutes.
    """

    answer_s: float = 60
    whole_mail_s: float = 600


@dataclass(frozen=True, slots=True)
class _Step:
    """What a server is asked for, and what to do where it refuses for good; "" is nothing, the mail is at fault."""

    asked: str
    advice: str = ""


_GREETING = _Step("greet us", "is this the server for outgoing mail? See PILLARBOX_SMTP_URL")
_TLS = _Step("begin TLS", "use smtps:// and its port in PILLARBOX_SMTP_URL where it has one")
_LOGIN = _Step("accept our user and password", _CREDENTIALS)
_SENDER = _Step("accept our address", "set PILLARBOX_MAIL_FROM to one that this user may send from")
_RECIPIENT = _Step("accept the recipient")
_CONTENT = _Step("take the mail")


class SmtpMailer:
    """Hands each mail to one server, over a connection of its own; what it took is not handed over twice.

    Where a connection breaks after the last byte, nobody knows whether the mail was taken, and it is handed over again:
    its Message-ID stays the same, by which a mail program may tell that the two are one. So it is when the server
    is killed at that moment. A fault of the settings throws no mail away: it waits until they are put right.
    """

    def __init__(
        self, server: MailServer, sender: str, context: ssl.SSLContext, *, patience: Patience | None = None
    ) -> None:
        self._server = server
        self._sender = sender
        self._context = context
        self._patience = patience or Patience()
        self._taken: dict[str, str] = {}
        self._shut_out: tuple[float, str] | None = None
        self.clock: Callable[[], float] = time.monotonic

    def send(self, mail: OutgoingMail) -> str:
        """Return what the server said when it took the mail, often its number there.

        Raises RefusedError where it refuses the recipient or the mail for good (5xx); RetryLaterError for all else.
        """
        if mail.mail_id not in self._taken:
            self._wait_after_refusal()
            said = self._hand_over(replace(mail, content=_LINE_END.sub(b"\r\n", mail.content)))
            self._taken[mail.mail_id] = said
            if len(self._taken) > MOST_REMEMBERED:
                del self._taken[next(iter(self._taken))]
        return self._taken[mail.mail_id]

    def _wait_after_refusal(self) -> None:
        if self._shut_out and self.clock() < self._shut_out[0] + PAUSE_S:
            raise RetryLaterError(f"{self._shut_out[1]} (the next try is in {PAUSE_S // 60} minutes at the latest)")

    def _hand_over(self, mail: OutgoingMail) -> str:
        try:
            with self._connected() as smtp:
                self._greet(smtp)
                self._log_in(smtp)
                fitting = replace(mail, content=_fitting(smtp, mail.content))
                self._address(smtp, fitting)
                return self._give(smtp, fitting.content)
        except smtplib.SMTPConnectError as error:
            raise self._refusal(_GREETING, error.smtp_code, error.smtp_error) from error
        except OSError as error:  # smtplib's own and those of TLS too
            raise RetryLaterError(self._broken(error)) from error

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        server, wait_s = self._server, self._patience.answer_s
        # The name is set below: smtplib would ask the network for this machine's.
        smtp: smtplib.SMTP
        if server.security is Security.TLS:
            smtp = smtplib.SMTP_SSL(server.host, server.port, "localhost", timeout=wait_s, context=self._context)
        else:
            smtp = smtplib.SMTP(server.host, server.port, "localhost", timeout=wait_s)
        try:
            smtp.local_hostname = _own_literal(smtp)
            yield smtp
        finally:
            with suppress(OSError):  # what was taken is taken, whatever is said now
                _wait_at_most(smtp, FAREWELL_S)
                smtp.quit()
            smtp.close()

    def _greet(self, smtp: smtplib.SMTP) -> None:
        """Say who we are and hear what the server can; over TLS where it does not begin with that."""
        self._hello(smtp)
        if self._server.security is not Security.STARTTLS:
            return
        if not smtp.has_extn("starttls"):
            raise RetryLaterError(
                f"expected {self._server.place} to offer STARTTLS, it does not; use smtps:// and its port for TLS in "
                "PILLARBOX_SMTP_URL, or ?tls=none without a password where the way there is your own"
            )
        try:
            smtp.starttls(context=self._context)
        except smtplib.SMTPResponseException as error:
            raise self._refusal(_TLS, error.smtp_code, error.smtp_error) from error
        self._hello(smtp)

    def _hello(self, smtp: smtplib.SMTP) -> None:
        code, said = smtp.ehlo()
        if 500 <= code < 600:  # a server of old
            code, said = smtp.helo()
        self._expect(_GREETING, code, said)

    def _log_in(self, smtp: smtplib.SMTP) -> None:
        """Authenticate (RFC 4954) by PLAIN, else by LOGIN, once: smtplib tries every way, and knows ASCII alone."""
        server = self._server
        if not server.user:
            return
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        if "PLAIN" in offered:
            code, said = smtp.docmd("AUTH PLAIN", _base64(f"\0{server.user}\0{server.password}"))
        elif "LOGIN" in offered:
            code, said = smtp.docmd("AUTH LOGIN")
            for answer in (server.user, server.password):
                code, said = smtp.docmd(_base64(answer)) if code == 334 else (code, said)
        else:
            raise RetryLaterError(
                f"expected {server.place} to offer AUTH PLAIN or LOGIN, got {one_line(' '.join(offered))[:100]!r}; "
                "leave user and password out of PILLARBOX_SMTP_URL where it wants none"
            )
        try:
            self._expect(_LOGIN, code, said)
        except RetryLaterError as error:
            if 500 <= code < 600:
                self._shut_out = self.clock(), str(error)
            raise
        self._shut_out = None

    def _address(self, smtp: smtplib.SMTP, mail: OutgoingMail) -> None:
        options = []
        if not _head(mail.content).isascii() or not mail.recipient.isascii():
            if not smtp.has_extn("smtputf8"):
                raise RefusedError(
                    f"expected {self._server.place} to take addresses beyond ASCII (SMTPUTF8), it does not"
                )
            options = ["SMTPUTF8"]
        if not mail.content.isascii():
            options.append("BODY=8BITMIME")
        if smtp.has_extn("size"):
            options.append(f"SIZE={len(mail.content)}")
        code, said = smtp.mail(self._sender, options)
        self._expect(_CONTENT if code == _TOO_LARGE else _SENDER, code, said)
        self._expect(_RECIPIENT, *smtp.rcpt(mail.recipient))

    def _give(self, smtp: smtplib.SMTP, content: bytes) -> str:
        _wait_at_most(smtp, self._patience.whole_mail_s)
        try:
            code, said = smtp.data(content)
        except smtplib.SMTPDataError as error:  # it does not want to hear the mail
            raise self._refusal(_CONTENT, error.smtp_code, error.smtp_error) from error
        self._expect(_CONTENT, code, said)
        return self._words(code, said)

    def _expect(self, step: _Step, code: int, said: bytes | str) -> None:
        if code // 100 != 2:
            raise self._refusal(step, code, said)

    def _refusal(self, step: _Step, code: int, said: bytes | str) -> PillarboxError:
        text = f"expected {self._server.place} to {step.asked}, it said: {self._words(code, said)}"
        advice = _CREDENTIALS if code in _UNKNOWN_USER else step.advice
        if not 500 <= code < 600:
            return RetryLaterError(text)
        return RetryLaterError(f"{text}; {advice}") if advice else RefusedError(text)

    def _words(self, code: int, said: bytes | str) -> str:
        """Return an answer as one line that is not too long; some servers say back what they were told."""
        text = _bytes(said).decode(errors="replace")
        if self._server.password:
            user, password = self._server.user, self._server.password
            for secret in (password, _base64(password), _base64(f"\0{user}\0{password}")):
                text = text.replace(secret, "…")
        return f"{code if code > 0 else 'no SMTP:'} {one_line(text)}"[:LONGEST_ANSWER]

    def _broken(self, error: OSError) -> str:
        place = self._server.place
        if isinstance(error, ssl.SSLCertVerificationError):
            return (
                f"expected a certificate of {place} that can be trusted, got one that cannot: {error.verify_message}; "
                "name the server as its certificate does, or its own authority's PEM file in PILLARBOX_SMTP_CA"
            )
        if isinstance(error, ssl.SSLError):
            return (
                f"expected {place} to speak TLS, got {error.reason or error}; smtps:// is for TLS from the first byte "
                "(465), smtp:// for STARTTLS (587)"
            )
        return f"expected {place} to take the mail, got: {one_line(error.strerror or str(error))[:LONGEST_ANSWER]}"


def _wait_at_most(smtp: smtplib.SMTP, seconds: float) -> None:
    if smtp.sock:
        smtp.sock.settimeout(seconds)


def _own_literal(smtp: smtplib.SMTP) -> str:
    """Return our end of the connection as who has no name says it (RFC 5321 section 4.1.3)."""
    address = smtp.sock.getsockname()[0] if smtp.sock else ""
    is_v6 = smtp.sock is not None and smtp.sock.family == socket.AF_INET6
    return f"[IPv6:{address}]" if is_v6 else f"[{address}]"


def _fitting(smtp: smtplib.SMTP, content: bytes) -> bytes:
    """Return a mail as the server can take it: where it takes ASCII alone (RFC 6152), with the rest encoded."""
    if content.isascii() or smtp.has_extn("8bitmime"):
        return content
    return message_from_bytes(content, policy=AS_LINES.clone(cte_type="7bit")).as_bytes()


def _head(content: bytes) -> bytes:
    return content.partition(b"\r\n\r\n")[0]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _bytes(said: bytes | str) -> bytes:
    return said.encode() if isinstance(said, str) else said
