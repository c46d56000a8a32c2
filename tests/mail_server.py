"""A mail server on loopback (aiosmtpd) that takes mails, and goes wrong where a test wants it to."""

import asyncio
import ssl
import threading
from dataclasses import dataclass, field

from aiosmtpd.smtp import SMTP, AuthResult

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority

HOST = "127.0.0.1"
# The same place, by a name that its certificate does not hold.
OTHER_NAME = "127.1"
USER, PASSWORD = "ann@example.org", "p@ss:wörd/1?"
CREDENTIALS = "ann%40example.org:p%40ss%3Aw%C3%B6rd%2F1%3F@"
HANGS, DROPS = "hangs", "drops"
TAKEN = "250 2.0.0 Ok: queued as 4F9D195432B6"


@dataclass(frozen=True)
class TakenMail:
    """A mail as it came, with its envelope and the options of MAIL."""

    sender: str
    recipients: list[str]
    content: bytes
    options: list[str]


@dataclass
class Ways:
    """What a server offers and asks for, and what it answers in place of the right thing.

    ``answers`` go by command, GREETING for what it says first, CONTENT for its answer to a whole mail, MIDST while that
    comes. An answer is a line, HANGS or DROPS.
    """

    tls: bool = False
    starttls: bool = False
    asks_who: bool = False
    mechanisms: tuple[str, ...] = ("PLAIN", "LOGIN")
    smtputf8: bool = False
    hidden: tuple[str, ...] = ()
    answers: dict[str, str] = field(default_factory=dict)


class LoopbackMailServer:
    """Runs in a thread of its own until the block ends; ``mails`` are what it took, ``connections`` how many came."""

    def __init__(self, folder, **ways):
        self.ways, self.mails, self.connections = Ways(**ways), [], 0
        self.ca, self._context = folder / "ca.pem", None
        if self.ways.tls or self.ways.starttls:
            self._context = _context(folder)
        self.transports = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="mail server")

    def __enter__(self):
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(self, *_):
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join()

    def url(self, credentials="", query="", host=HOST):
        return f"{'smtps' if self.ways.tls else 'smtp'}://{credentials}{host}:{self.port}{query}"

    async def _serve(self):
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        tls = self._context if self.ways.tls else None
        listener = await self._loop.create_server(self._session, HOST, 0, ssl=tls)
        self.port = listener.sockets[0].getsockname()[1]
        self._ready.set()
        await self._end.wait()
        listener.close()
        for transport in self.transports:
            # Debian bookworm's Python 3.11.2 raises AttributeError where a connection with TLS has ended already.
            if not transport.is_closing():
                transport.abort()

    def _session(self):
        ways = self.ways
        return _Session(
            self,
            _Handler(self),
            loop=self._loop,
            hostname="mail.example",
            enable_SMTPUTF8=ways.smtputf8,
            tls_context=self._context if ways.starttls else None,
            auth_require_tls=ways.starttls,
            auth_exclude_mechanism={"PLAIN", "LOGIN"} - {*ways.mechanisms},
            authenticator=_authenticated,
        )


class _Session(SMTP):
    """One connection."""

    def __init__(self, server, *given, **options):
        super().__init__(*given, **options)
        self._of = server

    def connection_made(self, transport):
        self._of.connections += self._original_transport is None
        self._of.transports.add(transport)
        super().connection_made(transport)

    async def _handle_client(self):
        if not await self._instead("GREETING"):
            await super()._handle_client()

    async def smtp_EHLO(self, hostname):
        await self._instead("EHLO") or await super().smtp_EHLO(hostname)

    async def smtp_STARTTLS(self, arg):
        await self._instead("STARTTLS") or await super().smtp_STARTTLS(arg)

    async def smtp_AUTH(self, arg):
        await self._instead("AUTH", told=arg) or await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg):
        if self._of.ways.asks_who and not self.session.authenticated:
            await self.push("530 5.7.0 Authentication required")
        else:
            await self._instead("MAIL") or await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg):
        await self._instead("RCPT") or await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg):
        if "MIDST" in self._of.ways.answers:
            await self.push("354 go on")
            await self._reader.readuntil(b"\r\n")
            await self._instead("MIDST")
        else:
            await self._instead("DATA") or await super().smtp_DATA(arg)

    async def smtp_QUIT(self, arg):
        await self._instead("QUIT") or await super().smtp_QUIT(arg)

    async def _instead(self, command, told=""):
        """Answer as the test wants it, and return whether it wants anything."""
        wanted = self._of.ways.answers.get(command)
        if wanted in (HANGS, DROPS):
            await self.go_wrong(wanted)
        elif wanted:
            await self.push(wanted.replace("TOLD", told).encode())
        return wanted is not None

    async def go_wrong(self, how):
        """Wait until the client has gone, or go first."""
        if how == DROPS:
            self.transport.abort()
        await asyncio.Event().wait()


class _Handler:
    """What aiosmtpd calls."""

    def __init__(self, server):
        self._server = server

    async def handle_EHLO(self, _server, session, _envelope, hostname, responses):
        session.host_name = hostname
        return [one for one in responses if not one[4:].startswith(self._server.ways.hidden or ("-",))]

    async def handle_DATA(self, session_of, _session, envelope):
        """Take the mail; a server that goes wrong now has taken it, one that refuses has not."""
        wanted = self._server.ways.answers.get("CONTENT", TAKEN)
        if wanted[0] not in "45":
            taken = TakenMail(envelope.mail_from, envelope.rcpt_tos, envelope.content, envelope.mail_options)
            self._server.mails.append(taken)
        if wanted in (HANGS, DROPS):
            await session_of.go_wrong(wanted)
        return wanted


def _context(folder):
    issued = FolderCertificateAuthority(folder).issue_server(())
    files = folder / "mail.pem", folder / "mail.key.pem"
    files[0].write_bytes(issued.certificate)
    files[1].write_bytes(issued.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    return context


def _authenticated(_server, _session, _envelope, _mechanism, given):
    is_known = (given.login, given.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_known, handled=False)
