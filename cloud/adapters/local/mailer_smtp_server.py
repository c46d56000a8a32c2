"""Which server takes our mails: what PILLARBOX_SMTP_URL, PILLARBOX_SMTP_CA and PILLARBOX_MAIL_FROM say, checked."""

import ssl
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

from cloud.accounts.model import normal_email
from cloud.errors import ConfigurationError, RefusedError
from cloud.settings import LOOPBACK


class Security(StrEnum):
    """What keeps others from reading along: TLS from the first byte (RFC 8314), STARTTLS (RFC 3207), or nothing."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


# Of submission with TLS from the first byte, and without (RFC 8314 section 3.3, RFC 6409 section 3.1).
PORTS = {"smtps": 465, "smtp": 587}
_EXPECTED = (
    "expected PILLARBOX_SMTP_URL as smtps://user:password@mail.example:465, or smtp://user:password@mail.example:587 "
    "for STARTTLS,"
)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mails are handed over, and who we are there; no ``user`` is nobody."""

    host: str
    port: int
    security: Security
    user: str = ""
    password: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Return host and port as people write them."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


def mail_server(url: str) -> MailServer:
    """Return the server that an address names; raises ConfigurationError, which never tells what came: a password."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        raise _wrong("got another host or port") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise _wrong("got another scheme, or no host")
    if parts.path.strip("/") or parts.fragment:
        raise _wrong("got more behind the port")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if bool(user) != bool(password):
        raise _wrong("got a user without a password, or a password without a user")
    security = _security(parts)
    if security is Security.NONE and user and parts.hostname not in LOOPBACK:
        raise _wrong("got tls=none, by which everybody between could read the password")
    return MailServer(parts.hostname, port or PORTS[parts.scheme], security, user, password)


def tls_context(authority: Path | None) -> ssl.SSLContext:
    """Return how certificates are checked, by this authority alone where one is given; raises ConfigurationError."""
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # that of TLS too
        raise ConfigurationError(
            f"expected PILLARBOX_SMTP_CA to be a PEM file of certificates, got {authority}: {error.strerror}"
        ) from error


def sender(mail_from: str, server: MailServer) -> str:
    """Return the address that PILLARBOX_MAIL_FROM holds; raises ConfigurationError for one that no server sends for."""
    expected = (
        f"expected PILLARBOX_MAIL_FROM as an address that {server.host} lets you send from, such as "
        f"Pillarbox <you@example.org>, got {mail_from[:200]!r}"
    )
    address = parseaddr(mail_from)[1]
    try:
        normal_email(address)
    except RefusedError:
        raise ConfigurationError(expected) from None
    if not mail_from.isprintable() or (address.endswith("@localhost") and server.host not in LOOPBACK):
        raise ConfigurationError(expected)
    return address


def _security(parts: SplitResult) -> Security:
    asked = parse_qs(parts.query, keep_blank_values=True)
    if not parts.query:
        if parts.scheme == "smtps":
            return Security.TLS
        return Security.NONE if parts.hostname in LOOPBACK else Security.STARTTLS
    chosen = {"none": Security.NONE, "starttls": Security.STARTTLS}.get(asked.pop("tls", [""])[-1])
    if parts.scheme == "smtps" or asked or chosen is None:
        raise _wrong("got another option than ?tls=starttls or ?tls=none behind smtp://")
    return chosen


def _wrong(came: str) -> ConfigurationError:
    advice = "write signs such as @ : / ? # % of the user or password as % and two digits"
    return ConfigurationError(f"{_EXPECTED} {came}; {advice}")
