"""A TCP connection, with or without TLS, that never waits past its deadline.

The socket is made non-blocking before TLS begins and every wait is a ``poll`` up to ``deadline``: a time limit of the
socket itself is taken off by whoever makes it blocking, which on an ESP32 means waiting until the battery is flat.
"""

import errno
import select
import socket

_TCP = 6
_NODELAY = 1


class Stream:
    """One connection; ``now_ms`` is a millisecond counter, by which its user sets ``deadline``."""

    def __init__(self, now_ms):
        self._now_ms = now_ms
        self._raw = None
        self._stream = None
        self._poll = select.poll()
        self.deadline = 0

    def open(self, host, port, timeout_ms):
        """Connect; raises OSError."""
        family, kind = socket.AF_INET, socket.SOCK_STREAM
        address = socket.getaddrinfo(host, port, family, kind)[0][-1]
        self._stream = self._raw = raw = socket.socket(family, kind)
        raw.settimeout(timeout_ms / 1000)
        raw.connect(address)
        raw.setblocking(False)  # noqa: FBT003 - socket's signature
        self._poll.register(raw, select.POLLIN)
        # Without it each packet waits up to 40 ms for the acknowledgement of the one before (Nagle, RFC 896).
        raw.setsockopt(_TCP, _NODELAY, 1)

    def secure(self, context, server_name, first):
        """Begin TLS and send ``first``; raises OSError and, for a certificate that does not verify, ValueError."""
        self._stream = context.wrap_socket(self._raw, server_hostname=server_name, do_handshake_on_connect=False)
        # The handshake runs inside the first write, which answers None for as long as the server owes its part.
        self.send(first, select.POLLIN)

    def read_some(self, count):
        """Return at most ``count`` bytes, b"" at the end, None when the deadline passes before any come."""
        while True:
            part = self._stream.read(count)
            if part is not None or not self._wait(select.POLLIN):
                return part

    def read(self, count):
        """Return ``count`` bytes; raises OSError when they do not come in time."""
        data = b""
        while len(data) < count:
            part = self.read_some(count - len(data))
            if part is None:
                raise OSError(errno.ETIMEDOUT)
            if not part:
                raise OSError(errno.ECONNRESET)
            data += part
        return data

    def send(self, packet, waits_for=select.POLLOUT):
        """Send all of it, in one write where there is room; raises OSError."""
        rest = memoryview(packet)
        while rest:
            sent = self._stream.write(rest)
            if sent:
                rest = rest[sent:]
            elif not self._wait(waits_for):
                raise OSError(errno.ETIMEDOUT)

    def close(self, goodbye=b""):
        """Say goodbye where possible and close; never fails."""
        stream, raw = self._stream, self._raw
        self._stream = self._raw = None
        # Each by itself: TLS that could not say goodbye must give its memory back too.
        if stream is not None:
            if goodbye:
                _quietly(stream.write, goodbye)
            _quietly(stream.close)
            _quietly(raw.close)

    def _wait(self, flag):
        """Return whether the socket became ready before the deadline."""
        remaining = self.deadline - self._now_ms()
        if remaining < 0:
            return False
        self._poll.modify(self._raw, flag)
        return bool(self._poll.poll(remaining))


def _quietly(operation, *args):
    try:
        operation(*args)
    except (OSError, ValueError):
        pass  # it is closed already, or was never open
