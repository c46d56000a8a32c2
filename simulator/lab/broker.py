"""A TLS broker of one board, correct until it is told to misbehave: one fault for each connection that comes."""

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.wire import topics
from simulator.lab.ledger import Ledger

_CONNECT, _PUBLISH, _SUBSCRIBE, _DISCONNECT = 1, 3, 8, 14
_CONNACK = b"\x20\x02\0\0"
_PINGRESP = b"\xd0\0"

FAULTS = (
    *("no TLS", "no CONNACK", "half CONNACK", "closed before CONNACK", "refused"),
    *("PUBLISH lost", "PUBACK lost", "half PUBACK", "no PUBACK", "stray PINGRESP", "wrong PUBACK", "closed in SUBACK"),
    *("first PUBLISH not committed", "stale desired", "foreign watermark", "garbage desired", "one byte at a time"),
    "PUBACK without commit",
)


@dataclass(frozen=True, slots=True)
class ServerFiles:
    """PEM files of a broker: its certificate and key, and the authority whose things may connect."""

    certificate: Path
    key: Path
    authority: Path


class LabBroker:
    """Listens on loopback in a thread of its own; ``faults`` are taken from the left, one by each connection."""

    def __init__(self, files: ServerFiles, ledger: Ledger, *, requires_sni: bool = False) -> None:
        self.ledger = ledger
        self.faults: deque[str] = deque()
        self.connections = 0
        self._requires_sni = requires_sni
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files.certificate, files.key)
        self._context.load_verify_locations(files.authority)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.sni_callback = self._check_name
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="lab broker", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _check_name(self, _stream: ssl.SSLObject, name: str | None, _context: ssl.SSLContext) -> int | None:
        # AWS IoT Core hangs up on a client that names no server.
        return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME if self._requires_sni and name is None else None

    def _serve(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            fault = self.faults.popleft() if self.faults else ""
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with plain, contextlib.suppress(OSError, EOFError):
                self._meet(plain, fault)

    def _meet(self, plain: socket.socket, fault: str) -> None:
        if fault == "no TLS":
            plain.recv(1)
            _wait_for_goodbye(plain)
            return
        with self._context.wrap_socket(plain, server_side=True) as stream:
            Session(stream, self.ledger, fault).run()


class Session:
    """One connection, with one fault or none."""

    def __init__(self, stream: ssl.SSLSocket, ledger: Ledger, fault: str) -> None:
        self._stream = stream
        self._ledger = ledger
        self._fault = fault
        self._desired_topic = b""
        self._published = 0

    def run(self) -> None:
        """Speak until the board hangs up or the fault ends the connection; raises OSError and EOFError."""
        handlers = {_CONNECT: self._connect, _SUBSCRIBE: self._subscribe, _PUBLISH: self._publish}
        while True:
            first, body = self._packet()
            if first >> 4 == _DISCONNECT:
                return
            handlers[first >> 4](body)

    def _connect(self, _: bytes) -> None:
        if self._fault == "closed before CONNACK":
            raise EOFError
        if self._fault in ("no CONNACK", "half CONNACK"):
            self._stream.sendall(_CONNACK[: 3 if self._fault == "half CONNACK" else 0])
            _wait_for_goodbye(self._stream)
        self._send(b"\x20\x02\0\x05" if self._fault == "refused" else _CONNACK)

    def _subscribe(self, body: bytes) -> None:
        if self._fault == "closed in SUBACK":
            self._stream.sendall(b"\x90\x03")
            raise EOFError
        self._send(b"\x90\x03" + body[:2] + b"\x01")
        (size,) = struct.unpack("!H", body[2:4])
        self._desired_topic = body[4 : 4 + size]
        self._wish()

    def _publish(self, body: bytes) -> None:
        (size,) = struct.unpack("!H", body[:2])
        _, kind = topics.parse(body[2 : 2 + size].decode())
        number, payload = body[2 + size : 4 + size], body[4 + size :]
        self._published += 1
        if self._fault == "PUBLISH lost":
            raise EOFError
        if not self._is_dropped():
            (self._ledger.take_events if kind == topics.EVENTS else self._ledger.take_heartbeat)(payload)
        self._acknowledge(number)
        self._wish()

    def _is_dropped(self) -> bool:
        """Return whether the message gets its PUBACK and then no further, as when a rule's action fails."""
        is_first = self._fault == "first PUBLISH not committed" and self._published == 1
        return is_first or self._fault == "PUBACK without commit"

    def _acknowledge(self, number: bytes) -> None:
        if self._fault == "PUBACK lost":
            raise EOFError
        if self._fault in ("no PUBACK", "half PUBACK"):
            self._stream.sendall(b"\x40\x02\0"[: 3 if self._fault == "half PUBACK" else 0])
            _wait_for_goodbye(self._stream)
        if self._fault == "stray PINGRESP":
            self._send(_PINGRESP)
        if self._fault == "wrong PUBACK":
            self._send(b"\x40\x02\x7f\x7f")
        self._send(b"\x40\x02" + number)

    def _wish(self) -> None:
        payload = self._ledger.desired()
        if self._fault == "stale desired":
            self._say(self._ledger.desired_at(1))
        elif self._fault == "foreign watermark":
            payload = payload.replace(b'"install"', b'"install": "%s", "was"' % (b"0" * 16))
        elif self._fault == "garbage desired":
            payload = b'{"v": 1, "rev": "soon"'
        self._say(payload)

    def _say(self, payload: bytes) -> None:
        self._send(_framed(0x30, struct.pack("!H", len(self._desired_topic)) + self._desired_topic + payload))

    def _send(self, packet: bytes) -> None:
        step = 1 if self._fault == "one byte at a time" else len(packet)
        for at in range(0, len(packet), step):
            self._stream.sendall(packet[at : at + step])

    def _packet(self) -> tuple[int, bytes]:
        first = self._read(1)[0]
        size = shift = 0
        while True:
            byte = self._read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return first, self._read(size)

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._stream.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data


def _wait_for_goodbye(stream: Any) -> None:
    """Stay silent until the board has had enough."""
    while stream.recv(4096):
        pass
    raise EOFError


def _framed(first: int, body: bytes) -> bytes:
    header, size = bytes([first]), len(body)
    while size > 0x7F:
        header += bytes([size & 0x7F | 0x80])
        size >>= 7
    return header + bytes([size]) + body
