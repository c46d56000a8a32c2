"""HTTP connections that nobody can hold for long: who keeps the server waiting is cut off, and gives way to others.

Of uvicorn's own bounds, ``timeout_keep_alive`` counts only the pause between two requests and ends with the first byte
of the next, and ``limit_concurrency`` answers 503 to whoever comes last, who may be the owner.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from cloud import correlation
from cloud.web.errors import answer
from cloud.web.observed import REQUEST_ID

# How often in its time a connection is looked at; so much later than its time it may be cut off.
LOOKS = 4


@dataclass(frozen=True, slots=True)
class Patience:
    """How long, in seconds, and for how many connections at once the server waits.

    Every ``bytes_per_s`` bytes that come or go earn another second, as with Apache (RequestReadTimeout, MinRate=500).
    """

    wait_s: float = 20
    bytes_per_s: int = 500
    connections: int = 1000


PATIENCE = Patience()


class Owed(Enum):
    """What a client keeps the server waiting for."""

    REQUEST = auto()
    BODY = auto()
    TAKING = auto()  # of the answer


@dataclass(slots=True)
class Wait:
    """A wait for one thing since ``begun``; ``of`` is the request that it is about, or how often writing went on."""

    owed: Owed
    of: object
    begun: float
    moved: int = 0


def is_over(wait: Wait, now: float, patience: Patience) -> bool:
    """Return whether a client had the time that it may take."""
    return now - wait.begun > patience.wait_s + wait.moved / patience.bytes_per_s


class PatientProtocol(H11Protocol):
    """uvicorn's connection, which looks at itself now and then; a request costs it an addition."""

    patience = PATIENCE

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._received = self._looked_at = self._unsent = self._resumed = 0
        self._wait: Wait | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Take the connection, in place of the one that has kept us waiting longest when there are too many."""
        super().connection_made(transport)
        self._look()
        if len(self.connections) > self.patience.connections:
            self._longest_waited_for().transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what has come."""
        self._received += len(data)
        super().data_received(data)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, unless an answer is under way, which ends there."""
        if self._is_answered():
            self.transport.abort()
            return
        self.transport.write(_last_answer(HTTPStatus.BAD_REQUEST, "HTTPError", f"expected HTTP/1.1: {msg}"))
        self.transport.close()

    def resume_writing(self) -> None:
        """Go on writing: the client has taken most of what waited."""
        self._resumed += 1
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        self._timer = self.loop.call_later(self.patience.wait_s / LOOKS, self._look)
        wait = self._current_wait()
        if wait is None or not is_over(wait, self.loop.time(), self.patience):
            return
        # A pause between two requests is uvicorn's to end, as long as not a byte of the second has come.
        if wait.owed is not Owed.REQUEST or self.timeout_keep_alive_task is None:
            self._cut_off()

    def _current_wait(self) -> Wait | None:
        """Return what the client owes us now, begun when that was first seen, with all that it moved since."""
        received, unsent = self._received - self._looked_at, self.transport.get_write_buffer_size()
        taken, self._looked_at, self._unsent = max(self._unsent - unsent, 0), self._received, unsent
        owed = self._owed(unsent)
        if owed is None:
            self._wait = None
            return None
        of = self._resumed if owed is Owed.TAKING else self.cycle
        if self._wait is None or (self._wait.owed, self._wait.of) != (owed, of):
            self._wait = Wait(owed, of, self.loop.time())
        else:
            self._wait.moved += taken if owed is Owed.TAKING else received
        return self._wait

    def _owed(self, unsent: int) -> Owed | None:
        if unsent:
            return Owed.TAKING
        if self.cycle is None or self.cycle.response_complete:
            return Owed.REQUEST
        # What has come and is not read yet is for us to take.
        return Owed.BODY if self.cycle.more_body and not self.flow.read_paused else None

    def _cut_off(self) -> None:
        """End the connection, with a word to who has begun a request and waits for its answer."""
        if self._is_answered() or not self._received or self.transport.is_closing():
            self.transport.abort()
            return
        self.transport.write(_timed_out(self.patience))
        self.transport.close()

    def _is_answered(self) -> bool:
        return self.cycle is not None and bool(self.cycle.response_started)

    def _longest_waited_for(self) -> "PatientProtocol":
        """Return whom we have waited for longest, which is this connection when all others are at work."""
        waits = {
            one: wait
            for one in self.connections
            if isinstance(one, PatientProtocol) and not one.transport.is_closing() and (wait := one._current_wait())  # noqa: SLF001 - its own class
        }
        return min(waits, key=lambda one: waits[one].begun, default=self)


class PatientLoop(asyncio.SelectorEventLoop):
    """asyncio's loop, whose servers wait as long for a TLS handshake: uvicorn leaves them asyncio's own 60 s."""

    def __init__(self, wait_s: float) -> None:
        super().__init__()
        self._wait_s = wait_s

    async def create_server(  # type: ignore[override] # passed on as it comes
        self, *given: Any, ssl: ssl.SSLContext | None = None, **more: Any
    ) -> asyncio.Server:
        """Listen; who has not ended their handshake in time is cut off."""
        wait_s = self._wait_s if ssl else None
        return await super().create_server(*given, ssl=ssl, ssl_handshake_timeout=wait_s, **more)


class PatientConfig(Config):
    """uvicorn's configuration, with connections and a loop of this patience."""

    def __init__(self, app: FastAPI, patience: Patience, stop_s: int) -> None:
        protocol = type("PatientProtocol", (PatientProtocol,), {"patience": patience})
        super().__init__(app, http=protocol, log_config=None, access_log=False, timeout_graceful_shutdown=stop_s)
        self._patience = patience

    def get_loop_factory(self) -> Callable[[], asyncio.AbstractEventLoop]:
        """Return what makes the loop."""
        return partial(PatientLoop, self._patience.wait_s)


def _timed_out(patience: Patience) -> bytes:
    """Return the answer to who has not said what they want (RFC 9110 section 15.5.9)."""
    message = f"expected a whole request within {patience.wait_s:g} s, and {patience.bytes_per_s} bytes a second after"
    return _last_answer(HTTPStatus.REQUEST_TIMEOUT, "TimeoutError", message)


def _last_answer(status: HTTPStatus, name: str, message: str) -> bytes:
    """Return what is said to who is no request to the application, in the form of every other error."""
    body = bytes(answer(status, name, message).body)
    lines = (
        f"HTTP/1.1 {status} {status.phrase}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        f"{REQUEST_ID}: {correlation.new_id()}",
        "connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + body
