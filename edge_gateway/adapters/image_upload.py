"""Image upload by HTTP PUT, with the standard library."""

import http.client
import ipaddress
import logging
import socket
import ssl
from contextlib import suppress
from pathlib import Path
from threading import Lock, Timer
from urllib.parse import SplitResult, urlsplit

from edge_gateway.ports.device_hub import Grant
from edge_gateway.ports.image_upload import Answer, Outcome

WHOLE_UPLOAD_S = 900.0  # 32 MB at 300 kbit/s
ANSWER_BYTES = 300

BY_STATUS = {
    409: Answer(Outcome.UPLOADED, "this image is there already"),
    401: Answer(Outcome.EXPIRED, "the grant is not accepted (401)"),
    403: Answer(Outcome.EXPIRED, "the grant is not accepted any more (403)"),
}
REJECTED_STATUSES = (413, 415, 422)

logger = logging.getLogger(__name__)


class HttpImageUpload:
    """Puts images to http and https addresses; an image travels in the clear on this machine only."""

    def __init__(self, ca: Path | None, timeout_s: float) -> None:
        self._tls = ssl.create_default_context()
        if ca is not None:
            self._tls.load_verify_locations(ca)  # the household's own server, beside the public ones
        self._timeout_s = timeout_s
        self._lock = Lock()
        self._socket: socket.socket | None = None
        self._is_ending = False

    def put(self, grant: Grant, jpeg: bytes) -> Answer:
        """Upload one image and return how it ended; 409 is success, since addresses are made from the content."""
        try:
            return self._put(urlsplit(grant.url), grant, jpeg)
        except (OSError, http.client.HTTPException, ValueError) as error:
            return Answer(
                Outcome.FAILED, f"{type(error).__name__}: {error}"[:ANSWER_BYTES].replace(grant.url, "(address)")
            )

    def abort(self) -> None:
        """End a running upload and take no other."""
        self._is_ending = True
        self._cut()

    def _cut(self) -> None:
        """Make the running upload's socket fail from now on."""
        with self._lock:
            if self._socket is not None:
                with suppress(OSError):
                    # SSLSocket.shutdown would first drop the encryption that the other thread still writes through.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)

    def _put(self, url: SplitResult, grant: Grant, jpeg: bytes) -> Answer:
        if self._is_ending:
            return Answer(Outcome.FAILED, "the gateway is ending")
        if grant.method != "PUT":
            return Answer(Outcome.FAILED, f"expected a grant for PUT, got {grant.method}")
        if not url.hostname or not _is_private_way(url):
            return Answer(
                Outcome.FAILED, f"expected an https address, or http on this machine; got {url.scheme}://{url.hostname}"
            )
        connection = self._connection(url)
        watchdog = Timer(WHOLE_UPLOAD_S, self._cut)
        watchdog.daemon = True
        try:
            connection.connect()
            self._hold(connection.sock)
            watchdog.start()
            return self._exchange(connection, url, grant, jpeg)
        finally:
            watchdog.cancel()
            self._hold(None)
            connection.close()

    def _exchange(self, connection: http.client.HTTPConnection, url: SplitResult, grant: Grant, jpeg: bytes) -> Answer:
        target = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        # A server may refuse by the headers and close before it has read the image; its answer can still be read.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.request("PUT", target, body=jpeg, headers=dict(grant.headers or {}))
        response = connection.getresponse()
        text = response.read(ANSWER_BYTES).decode("utf-8", "replace")
        logger.info("upload answered", extra={"image_id": grant.image_id, "status": response.status})
        return _answer(response.status, text)

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        host = url.hostname or ""
        if url.scheme == "https":
            return http.client.HTTPSConnection(host, url.port, timeout=self._timeout_s, context=self._tls)
        return http.client.HTTPConnection(host, url.port, timeout=self._timeout_s)

    def _hold(self, sock: socket.socket | None) -> None:
        with self._lock:
            self._socket = sock


def _answer(status: int, text: str) -> Answer:
    if status in (200, 201, 204):
        return Answer(Outcome.UPLOADED)
    if status in REJECTED_STATUSES:
        return Answer(Outcome.REJECTED, f"the image store refused it ({status}): {text}")
    return BY_STATUS.get(status, Answer(Outcome.FAILED, f"expected 200, 201 or 409, got {status}: {text}"))


def _is_private_way(url: SplitResult) -> bool:
    if url.scheme == "https":
        return True
    return url.scheme == "http" and _is_this_machine(url.hostname or "")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
