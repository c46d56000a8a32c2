"""Fetching what an outside issuer publishes: from its own address, whole within a time, and of a bounded size."""

import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPMessage, HTTPResponse, HTTPSConnection
from typing import IO, Any

TIMEOUT_S = 5.0  # of each step: connecting, sending, every piece that is received
DEADLINE_S = 15.0  # of all of them together: who sends a byte every four seconds would go on for days
MOST_BYTES = 1 << 20


def fetch_json(url: str, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """Return the JSON object at an address; raises OSError, HTTPException or ValueError.

    It must be there itself: one that answers with another address is refused, for that need not be a safe one.
    """
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310 - checked before
    with _deadline(deadline_s) as deadline:
        opener = urllib.request.build_opener(_NoRedirects, _Http(deadline), _Https(deadline))
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            content = answer.read(MOST_BYTES + 1)
    if deadline.has_passed:
        raise TimeoutError(f"expected a whole answer within {deadline_s:g} s from {url}")
    found = json.loads(content) if len(content) <= MOST_BYTES else None
    if not isinstance(found, dict):
        raise ValueError(f"expected a JSON object of at most {MOST_BYTES:,} bytes at {url}")  # noqa: TRY004 - data
    return found


class _Deadline:
    """Cuts every connection that it watches off once its time has passed."""

    def __init__(self) -> None:
        self.has_passed = False
        self._watched: list[socket.socket] = []
        self._changing = threading.Lock()

    def watch(self, connected: socket.socket) -> None:
        with self._changing:
            # Of its own: TLS takes the socket itself away, and its handshake may hang as well.
            self._watched.append(connected.dup())
        if self.has_passed:
            self.pass_by()

    def pass_by(self) -> None:
        self.has_passed = True
        with self._changing:
            for one in self._watched:
                with suppress(OSError):  # the other side has gone
                    one.shutdown(socket.SHUT_RDWR)

    def end(self) -> None:
        with self._changing:
            for one in self._watched:
                one.close()
            self._watched.clear()


@contextmanager
def _deadline(seconds: float) -> Iterator[_Deadline]:
    deadline = _Deadline()
    timer = threading.Timer(seconds, deadline.pass_by)
    timer.daemon = True
    timer.start()
    try:
        yield deadline
    finally:
        timer.cancel()
        deadline.end()


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Return no other request: the redirect is answered as the error that it is."""
        _ = req, fp, code, msg, headers, newurl


class _Watched(HTTPConnection):
    deadline: _Deadline

    def connect(self) -> None:
        """Connect, and be cut off at the deadline."""
        super().connect()
        self.deadline.watch(self.sock)


class _WatchedTls(HTTPSConnection, _Watched):
    """The same with TLS, whose handshake follows the connecting."""


def _made(kind: type[_Watched], deadline: _Deadline) -> Callable[..., _Watched]:
    """Return what makes connections that are cut off at the deadline."""

    def connection(host: str, **given: Any) -> _Watched:
        made = kind(host, **given)
        made.deadline = deadline
        return made

    return connection


class _Http(urllib.request.HTTPHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = _made(_Watched, deadline)

    def http_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Ask over a connection of ours."""
        return self.do_open(self._connection, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, deadline: _Deadline) -> None:
        super().__init__()
        self._connection = _made(_WatchedTls, deadline)

    def https_open(self, req: urllib.request.Request) -> HTTPResponse:
        """Ask over a connection of ours."""
        return self.do_open(self._connection, req)
