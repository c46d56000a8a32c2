"""Fetch a file over HTTP/1.1 in as many pieces as it takes; what has arrived stays on flash."""

from firmware.errors import ProtocolError, RefusedError, UnreachableError, UntrustedError, UplinkError
from firmware.stream import Stream

ANSWER_MS = 5000
# Closing a file is what puts it on flash: so much is lost at most, and so often a block is written.
PIECE_BYTES = 8192
_CHUNK_BYTES = 1024
_MOST_HEADERS = 64
_MOST_LINE_BYTES = 1024
_PORTS = {"http:": 80, "https:": 443}


class Download:
    """One request for the rest of ``url``, of which ``path`` holds the beginning.

    ``context`` is for https; ``resolve(host)`` returns an address.
    """

    def __init__(self, url, path, context, resolve, now_ms):
        scheme, _, rest = url.partition("//")
        if scheme not in _PORTS:
            raise RefusedError("expected an address of http or https, got %s" % url)
        place, _, self._target = rest.partition("/")
        self._host, _, port = place.partition(":")
        self._place = place
        self._port = int(port) if port.isdigit() else _PORTS[scheme]
        self._context = context if scheme == "https:" else None
        self._resolve = resolve
        self._path = path
        self._now_ms = now_ms
        self._stream = Stream(now_ms)

    def run(self, have, until_ms, feed):
        """Append to the file, ``have`` bytes long, until it is whole or the time is up; return whether it is whole.

        Raises UplinkError and, for a full flash, OSError.
        """
        try:
            self._ask(have)
            left = self._head(have)
            while left:
                if self._now_ms() > until_ms:
                    return False
                left -= self._take_piece(left)
                feed()
            return True
        except UplinkError:
            raise
        except ValueError as error:
            raise UntrustedError("expected the certificate of %s to verify, got: %s" % (self._host, error))
        finally:
            self._stream.close()

    def _ask(self, have):
        lines = "GET /%s HTTP/1.1\r\nHost: %s\r\nRange: bytes=%d-\r\nConnection: close\r\n\r\n"
        request = (lines % (self._target, self._place, have)).encode()
        try:
            self._stream.open(self._resolve(self._host), self._port, ANSWER_MS)
            self._more_time()
            if self._context is None:
                self._stream.send(request)
            else:
                self._stream.secure(self._context, self._host, request)
        except OSError as error:
            raise UnreachableError("expected %s to answer, got %r" % (self._host, error))

    def _head(self, have):
        """Read the answer's head; return how many bytes follow, the file being truncated where all of it does."""
        status = self._line().split(b" ")
        length = None
        for _ in range(_MOST_HEADERS):
            name, _, value = self._line().partition(b":")
            if not name:
                break
            if name.lower() == b"content-length":
                length = int(value)
        code = status[1] if len(status) > 1 else b"none"
        if code == b"416":
            return 0  # the server has no more than is here
        if code not in (b"200", b"206") or length is None:
            raise RefusedError("expected the image with its length, got status %s" % code.decode())
        if code == b"200" and have:
            open(self._path, "wb").close()
        return length

    def _take_piece(self, left):
        wanted = min(left, PIECE_BYTES)
        taken = 0
        with open(self._path, "ab") as file:
            while taken < wanted:
                chunk = self._read_some(min(wanted - taken, _CHUNK_BYTES))
                if not chunk:
                    break
                file.write(chunk)
                taken += len(chunk)
        if not taken:
            raise UnreachableError("expected %d more bytes, got the end" % left)
        return taken

    def _line(self):
        line = b""
        while line[-1:] != b"\n":
            byte = self._read_some(1)
            if not byte or len(line) > _MOST_LINE_BYTES:
                raise ProtocolError("expected a line of HTTP, got %r" % line[:40])
            line += byte
        return line.strip()

    def _read_some(self, count):
        """Return what comes, b"" at the end and when nothing comes in time."""
        self._more_time()
        try:
            return self._stream.read_some(count) or b""
        except OSError:
            return b""

    def _more_time(self):
        self._stream.deadline = self._now_ms() + ANSWER_MS
