"""What lets the broker's bytes through to the client only while there is room for what they say.

awscrt 0.38 sends nothing as long as there is more to read: each packet that it reads puts off what it has to send,
behind the next piece that it reads. While devices say more than is stored it acknowledged nothing, and answered nobody.
So it comes to the broker by way of this valve, which it asks as an HTTP proxy (RFC 9110 section 9.3.6): with the valve
shut it has soon read all, and sends.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Callable
from functools import partial

log = logging.getLogger(__name__)

HERE = "127.0.0.1"
# What is passed on at once. With what the kernel keeps it comes after the valve is shut: some hundred KB or some MB.
PIECE = 65_536
MOST_HEAD = 8192
CONNECT_S = 10.0
ACCEPT_AGAIN_S = 1.0
TCP_KEEPALIVE_S, TCP_PROBES = 15, 3
END_OF_HEAD = b"\r\n\r\n"
CONNECTED = b"HTTP/1.1 200 OK" + END_OF_HEAD
NO_BROKER = b"HTTP/1.1 502 Bad Gateway" + END_OF_HEAD


class Valve:
    """Leads whoever connects to one broker, whatever they ask for; TLS is between the two and none of its business."""

    def __init__(self, host: str, port: int) -> None:
        self._broker = (host, port)
        self._is_open = threading.Event()
        self._is_open.set()
        self._listener = socket.socket()
        self._is_stopping = threading.Event()

    def start(self) -> int:
        """Lead connections to the broker from now on; returns the port of this machine at which the valve listens."""
        self._listener.bind((HERE, 0))
        self._listener.listen()
        _in_thread(self._accept)
        return int(self._listener.getsockname()[1])

    @property
    def is_open(self) -> bool:
        """Return whether what the broker says is let through."""
        return self._is_open.is_set()

    def shut(self) -> None:
        """Let nothing through that the broker says, but for what is on its way."""
        self._is_open.clear()

    def open(self) -> None:
        """Let through what the broker says."""
        self._is_open.set()

    def stop(self) -> None:
        """Take no more connections; those that are there go on."""
        self._is_stopping.set()
        with contextlib.suppress(OSError):  # it was not started
            self._listener.shutdown(socket.SHUT_RDWR)  # closing alone wakes nobody who waits in accept()
        self._listener.close()

    def _accept(self) -> None:
        while not self._is_stopping.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError as error:
                if not self._is_stopping.is_set():
                    log.warning("expected to take a connection to the broker: %s; trying again", error)
                self._is_stopping.wait(ACCEPT_AGAIN_S)
            else:
                _in_thread(partial(self._lead, client))

    def _lead(self, client: socket.socket) -> None:
        """Connect a client that asks for it, and pass on what both say."""
        with client, contextlib.suppress(OSError):  # either is gone, which the other learns
            _read_head(client)
            try:
                broker = socket.create_connection(self._broker, CONNECT_S)
            except OSError as error:
                log.warning("expected a broker at %s:%d: %s", *self._broker, error)
                client.sendall(NO_BROKER)
                return
            with broker:
                _prepare(client, broker)
                client.sendall(CONNECTED)
                upwards = _in_thread(partial(_pump, client, broker, lambda: True))
                _pump(broker, client, self._is_open.wait)
                upwards.join()


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, name="valve", daemon=True)
    thread.start()
    return thread


def _read_head(client: socket.socket) -> None:
    """Read what a client asks of a proxy; raises OSError for what does not end."""
    client.settimeout(CONNECT_S)
    head = b""
    while not head.endswith(END_OF_HEAD):
        piece = client.recv(MOST_HEAD)
        head += piece
        if not piece or len(head) > MOST_HEAD:
            raise OSError(f"expected a request that ends within {MOST_HEAD:,} bytes, got {len(head):,}")


def _prepare(client: socket.socket, broker: socket.socket) -> None:
    """Let nothing wait for more, little wait past the valve, and a dead line to the broker be noticed."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIECE)
    broker.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, TCP_KEEPALIVE_S)
    broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, TCP_KEEPALIVE_S)
    broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, TCP_PROBES)
    for one in (client, broker):
        one.settimeout(None)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _pump(source: socket.socket, sink: socket.socket, may_pass: Callable[[], bool]) -> None:
    """Pass on what comes until either has ended; then end both."""
    with contextlib.suppress(OSError):
        while may_pass() and (piece := source.recv(PIECE)):
            sink.sendall(piece)
    for one in (source, sink):
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
