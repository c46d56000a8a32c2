"""What the gateway expects of an upload, against servers of all moods."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator

import pytest

from edge_gateway.adapters.image_upload import HttpImageUpload
from edge_gateway.ports.device_hub import Grant
from edge_gateway.ports.image_upload import Outcome
from tests.journey.gateway.authority import Authority

JPEG = b"\xff\xd8" + bytes(range(256)) * 400 + b"\xff\xd9"


class Server:
    """Takes one connection after the other and does with it what it is told."""

    def __init__(self, behave: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._behave = behave
        self._context = context
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                try:
                    self._answer(connection)
                except OSError:
                    continue

    def _answer(self, connection: socket.socket) -> None:
        if self._context is None:
            self._behave(connection)
        else:
            with self._context.wrap_socket(connection, server_side=True) as secure:
                self._behave(secure)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers = []

    def start(behave: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(behave, context))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def read_request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def reply(status: str, text: str = "", then: Callable[[], None] = lambda: None) -> Callable[[socket.socket], None]:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        then()

    return behave


def grant(port: int, scheme: str = "http", host: str = "127.0.0.1", **fields) -> Grant:
    return Grant("a1", url=f"{scheme}://{host}:{port}/images/a1?signature=secret", **fields)


@pytest.fixture
def upload() -> HttpImageUpload:
    return HttpImageUpload(None, 5)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("200 OK", Outcome.UPLOADED),
        ("201 Created", Outcome.UPLOADED),
        ("204 No Content", Outcome.UPLOADED),
        ("409 Conflict", Outcome.UPLOADED),
        ("401 Unauthorized", Outcome.EXPIRED),
        ("403 Forbidden", Outcome.EXPIRED),
        ("413 Too Large", Outcome.REJECTED),
        ("415 Unsupported", Outcome.REJECTED),
        ("422 Unprocessable", Outcome.REJECTED),
        ("307 Temporary Redirect", Outcome.FAILED),
        ("400 Bad Request", Outcome.FAILED),
        ("404 Not Found", Outcome.FAILED),
        ("429 Too Many Requests", Outcome.FAILED),
        ("500 Oops", Outcome.FAILED),
        ("503 Busy", Outcome.FAILED),
    ],
)
def test_a_status_says_what_to_do_next(serve, upload, status, outcome) -> None:
    server = serve(reply(status, "why"))
    assert upload.put(grant(server.port), JPEG).outcome is outcome


def test_the_whole_image_arrives_with_the_headers_of_the_grant(serve, upload) -> None:
    seen = []

    def behave(connection: socket.socket) -> None:
        seen.append(read_request(connection))
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    server = serve(behave)
    upload.put(grant(server.port, headers={"Content-Type": "image/jpeg", "X-Sum": "7"}), JPEG)
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /images/a1?signature=secret HTTP/1.1\r\n")
    assert b"Content-Type: image/jpeg" in head
    assert b"X-Sum: 7" in head
    assert body == JPEG


def test_a_reason_tells_what_the_server_said_but_not_the_address(serve, upload) -> None:
    server = serve(reply("422 Unprocessable", "expected image/jpeg, got text"))
    answer = upload.put(grant(server.port), JPEG)
    assert "expected image/jpeg, got text" in answer.reason
    assert "secret" not in answer.reason


def test_a_connection_that_is_cut_after_the_body_has_failed(serve, upload) -> None:
    server = serve(lambda connection: (read_request(connection), None)[1])
    assert upload.put(grant(server.port), JPEG).outcome is Outcome.FAILED


def test_a_refusal_that_comes_before_the_body_was_read_is_heard(serve, upload) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass

    server = serve(behave)
    assert upload.put(grant(server.port), JPEG * 50).outcome is Outcome.REJECTED


@pytest.mark.parametrize("nonsense", [b"", b"\r\n\r\n", b"HTTP/1.1 nonsense\r\n\r\n", b"220 ftp ready\r\n"])
def test_a_server_that_is_none_has_failed(serve, upload, nonsense) -> None:
    def behave(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(nonsense)

    assert upload.put(grant(serve(behave).port), JPEG).outcome is Outcome.FAILED


def test_a_server_that_is_not_there_has_failed(upload) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    answer = upload.put(grant(port), JPEG)
    assert answer.outcome is Outcome.FAILED
    assert "ConnectionRefusedError" in answer.reason


def test_a_server_that_never_answers_has_failed_in_time(serve) -> None:
    silent = threading.Event()
    server = serve(lambda connection: (read_request(connection), silent.wait(10), None)[2])
    answer = HttpImageUpload(None, 1).put(grant(server.port), JPEG)
    silent.set()
    assert (answer.outcome, answer.reason) == (Outcome.FAILED, "TimeoutError: timed out")


def test_a_running_upload_can_be_ended(serve, upload) -> None:
    reached, silent = threading.Event(), threading.Event()

    def behave(connection: socket.socket) -> None:
        read_request(connection)
        reached.set()
        silent.wait(10)

    server = serve(behave)
    answers = []
    uploading = threading.Thread(target=lambda: answers.append(upload.put(grant(server.port), JPEG)))
    uploading.start()
    reached.wait(10)
    upload.abort()
    uploading.join(5)
    silent.set()
    assert answers[0].outcome is Outcome.FAILED


def test_after_the_end_no_upload_begins(serve, upload) -> None:
    server = serve(reply("200 OK"))
    upload.abort()
    assert upload.put(grant(server.port), JPEG).outcome is Outcome.FAILED


@pytest.mark.parametrize(
    "url",
    [
        "http://store.example/images/a1",
        "http://192.168.1.9/images/a1",
        "ftp://127.0.0.1/images/a1",
        "file:///etc/passwd",
        "https://",
        "not an address",
        "http://127.0.0.1:99999/x",
        "http://127.0.0.1:80/a b\r\nHost: x",
    ],
)
def test_an_address_that_would_show_the_letter_to_others_or_is_none_is_not_used(upload, url) -> None:
    answer = upload.put(Grant("a1", url=url), JPEG)
    assert answer.outcome is Outcome.FAILED


def test_a_grant_for_another_method_is_not_used(upload) -> None:
    answer = upload.put(Grant("a1", url="https://store.example/", method="POST"), JPEG)
    assert answer.reason == "expected a grant for PUT, got POST"


def secure(files) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files / "cert.pem", files / "key.pem")
    return context


def test_the_household_s_own_server_is_known_by_the_bundle_s_authority(serve, tmp_path) -> None:
    authority = Authority(tmp_path)
    server = serve(reply("200 OK"), secure(authority.issue("localhost", tmp_path / "server")))
    upload = HttpImageUpload(authority.ca, 5)
    assert upload.put(grant(server.port, "https", "localhost"), JPEG).outcome is Outcome.UPLOADED


def test_a_server_that_nobody_vouches_for_gets_nothing(serve, tmp_path, upload) -> None:
    authority = Authority(tmp_path)
    server = serve(reply("200 OK"), secure(authority.issue("localhost", tmp_path / "server")))
    answer = upload.put(grant(server.port, "https", "localhost"), JPEG)
    assert answer.outcome is Outcome.FAILED
    assert "CERTIFICATE_VERIFY_FAILED" in answer.reason
