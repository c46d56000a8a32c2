"""Where a board fetches its updates: an HTTP server of images, correct until it is told to misbehave."""

import contextlib
import re
import socket
import threading
from collections import deque
from collections.abc import Callable

FAULTS = ("half", "head only", "silent", "garbage", "not found", "no ranges")
_REQUEST = re.compile(rb"GET (\S+) HTTP/1\.1\r\n.*bytes=(\d+)-", re.DOTALL)


class ImageServer:
    """Serves on loopback in a thread of its own what ``find`` has by its path; a fault for each request, or none."""

    def __init__(self, find: Callable[[str], bytes | None]) -> None:
        self._find = find
        self.faults: deque[str] = deque()
        self.asked: list[int] = []
        """From which byte on, request by request."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name="image server", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                stream, _ = self._listener.accept()
            except OSError:
                return
            with stream, contextlib.suppress(OSError, EOFError):
                stream.sendall(self._answer(*_request(stream), self.faults.popleft() if self.faults else ""))

    def _answer(self, path: str, start: int, fault: str) -> bytes:
        self.asked.append(start)
        image = self._find(path)
        if fault == "silent":
            return b""
        if fault == "garbage":
            return b"\0" * 300
        if image is None or fault == "not found":
            return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        start = 0 if fault == "no ranges" else start
        rest = image[start:]
        if start and not rest:
            return b"HTTP/1.1 416 Range Not Satisfiable\r\n\r\n"
        sent = {"half": rest[: len(rest) // 2], "head only": b""}.get(fault, rest)
        status = b"206 Partial Content" if start else b"200 OK"
        return b"HTTP/1.1 %s\r\nServer: lab\r\nContent-Length: %d\r\n\r\n" % (status, len(rest)) + sent


def _request(stream: socket.socket) -> tuple[str, int]:
    """Return the path and the first byte that a board asks for; raises EOFError when it hangs up before."""
    request = b""
    while b"\r\n\r\n" not in request:
        part = stream.recv(4096)
        if not part:
            raise EOFError
        request += part
    found = _REQUEST.match(request)
    if found is None:
        raise EOFError
    return found[1].decode(), int(found[2])
