"""ESP32's ``socket`` on the unix port: the time limit lives in the socket, and ``setblocking(True)`` takes it off.

The unix port leaves the limit in the kernel, where ``setblocking`` does not reach it, so that a program that would
wait for ever on a board passes every test on a desk (ports/esp32/modsocket.c, ports/unix/modsocket.c).
"""

import errno
import io
import select

import router
import usocket as host

AF_INET = host.AF_INET
SOCK_STREAM = host.SOCK_STREAM
SOCK_DGRAM = host.SOCK_DGRAM
SOL_SOCKET = host.SOL_SOCKET
SO_REUSEADDR = host.SO_REUSEADDR
SO_BROADCAST = host.SO_BROADCAST
IPPROTO_TCP = 6
TCP_NODELAY = 1

_STREAM_POLL = 3
_STREAM_CLOSE = 4
_STREAM_GET_FILENO = 10

getaddrinfo = host.getaddrinfo


class socket(io.IOBase):  # noqa: N801 - the board's name for it
    """A TCP socket that never blocks in the kernel, and waits itself for as long as ESP32's would."""

    def __init__(self, family: int = AF_INET, kind: int = SOCK_STREAM, _protocol: int = 0) -> None:
        self._socket = host.socket(family, kind)
        self._limit_ms = -1
        self._at_home = None
        self._poll = select.poll()
        self._poll.register(self._socket, select.POLLIN)

    def settimeout(self, seconds: float | None) -> None:
        """Wait at most this long from now on, for ever with None, not at all with 0."""
        self._limit_ms = -1 if seconds is None else int(seconds * 1000)

    def setblocking(self, on: bool) -> None:  # noqa: FBT001 - socket's signature
        """Wait for ever, or not at all: a time limit is gone either way."""
        self._limit_ms = -1 if on else 0

    def setsockopt(self, level: int, option: int, value: int) -> None:
        """Set an option."""
        self._socket.setsockopt(level, option, value)

    def connect(self, address: bytes) -> None:
        """Connect within the time limit."""
        if self._limit_ms > 0:
            self._socket.settimeout(self._limit_ms / 1000)
        self._socket.connect(address)
        self._socket.setblocking(False)  # noqa: FBT003 - socket's signature

    def bind(self, address: bytes) -> None:
        """Listen at an address; at the port of DHCP clients, to the home's router."""
        self._at_home = router.listen(self._socket, address)

    def sendto(self, data: bytes, address: bytes) -> int:
        """Send one datagram; what is for DHCP servers or about names, to the home's router."""
        if self._at_home is None:
            self._at_home = router.meet(self._socket, address)
        return router.send(self._socket, data, address, self._at_home)

    def readinto(self, buffer: bytearray) -> int | None:
        """Read what there is, after waiting for it."""
        return self._when(select.POLLIN, lambda: self._socket.readinto(buffer))

    def read(self, count: int) -> bytes | None:
        """Read ``count`` bytes, fewer at the end."""
        data = b""
        while len(data) < count:
            part = self._when(select.POLLIN, lambda: self._socket.read(count - len(data)))  # noqa: B023 - called at once
            if not part:
                return data or part
            data += part
        return data

    def write(self, data: bytes) -> int | None:
        """Write what fits, after waiting for room."""
        return self._when(select.POLLOUT, lambda: self._socket.write(data))

    def send(self, data: bytes) -> int | None:
        """Send one datagram, or what fits of a stream."""
        return self.write(data)

    def recv(self, count: int) -> bytes | None:
        """Return one datagram, or what a stream has."""
        return self._when(select.POLLIN, lambda: self._socket.recv(count))

    def ioctl(self, request: int, argument: int) -> int:
        """Answer what a stream is asked: poll, close, and the number by which the host can wait for it."""
        if request == _STREAM_POLL:
            self._poll.modify(self._socket, argument)
            ready = self._poll.poll(0)
            return ready[0][1] if ready else 0
        if request == _STREAM_CLOSE:
            self._socket.close()
            return 0
        return self._socket.fileno() if request == _STREAM_GET_FILENO else -errno.EINVAL

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _when(self, flag: int, transfer):
        """Return the transfer's result, waiting for the socket where it has none yet."""
        result = transfer()
        while result is None and self._limit_ms:
            self._poll.modify(self._socket, flag)
            if not self._poll.poll(self._limit_ms):
                return -errno.ETIMEDOUT
            result = transfer()
        return result
