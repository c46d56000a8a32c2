"""The hub against brokers that do not behave; the well-behaved one is in the journey tests."""

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from edge_gateway.adapters.device_hub import MqttDeviceHub
from edge_gateway.ports.device_hub import Capture, Connected, Desired, Disconnected, Grant
from edge_gateway.settings import Bundle
from tests.journey.gateway.authority import Authority

THING = "gateway-7d41"
CONNACK = bytes((0x20, 2, 0, 0))
SUBACK = bytes((0x90, 4, 0, 1, 1, 1))


class Broker:
    """A TLS server that says the bytes it is told to say after each packet of the client."""

    def __init__(self, files, answers: list[bytes | None]) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(files / "cert.pem", files / "key.pem")
        self._context.load_verify_locations(files / "ca.pem")
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._answers = answers
        self.heard: list[bytes] = []
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while not self._done.is_set():
            try:
                connection, _ = self._listener.accept()
                with self._context.wrap_socket(connection, server_side=True) as secure:
                    self._talk(secure)
            except OSError:
                continue

    def _talk(self, connection: ssl.SSLSocket) -> None:
        for answer in self._answers:
            self.heard.append(connection.recv(65536))
            if answer is None:
                return
            connection.sendall(answer)
        connection.settimeout(0.05)
        while not self._done.is_set():
            with suppress(TimeoutError):
                if not connection.recv(65536):
                    return


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., "queue.Queue"]]:
    """Start a broker with its answers and a hub; returns what the hub hears."""
    authority = Authority(tmp_path)
    server, client = authority.issue("localhost", tmp_path / "server"), authority.issue(THING, tmp_path / "client")
    running = []

    def begin(*answers: bytes | None, answer_s: float = 5) -> "queue.Queue":
        broker = Broker(server, list(answers))
        bundle = Bundle(
            THING, "127.0.0.1", broker.port, "localhost", client / "ca.pem", client / "cert.pem", client / "key.pem"
        )
        hub = MqttDeviceHub(bundle, "1.2.3", answer_s)
        heard: queue.Queue = queue.Queue()
        running.extend([broker, hub])
        hub.start(heard.put)
        return heard

    yield begin
    for each in reversed(running):
        each.stop()


def message(kind: str, payload: bytes) -> bytes:
    topic = f"pillarbox/v1/{THING}/{kind}".encode()
    body = len(topic).to_bytes(2, "big") + topic + payload
    length = bytes((len(body) % 128 | 0x80, len(body) // 128)) if len(body) > 127 else bytes((len(body),))
    return b"\x30" + length + body


def first(heard: "queue.Queue") -> object:
    return heard.get(timeout=15)


def test_the_connection_counts_when_the_subscriptions_are_in_force(start) -> None:
    assert first(start(CONNACK, SUBACK)) == Connected()


@pytest.mark.parametrize(
    ("code", "told"), [(5, "Not authorized"), (2, "Client identifier not valid"), (3, "unavailable")]
)
def test_a_refused_connection_is_told_with_its_reason(start, code, told) -> None:
    heard = first(start(bytes((0x20, 2, 0, code)), None))
    assert isinstance(heard, Disconnected)
    assert told in heard.reason


def test_refused_subscriptions_are_no_connection(start) -> None:
    heard = first(start(CONNACK, bytes((0x90, 4, 0, 1, 1, 0x80))))
    assert isinstance(heard, Disconnected)
    assert "refused the subscriptions" in heard.reason


def test_a_broker_that_says_nothing_is_left(start) -> None:
    heard = first(start(b"", b"", answer_s=0.3))
    assert heard == Disconnected("expected an answer of the broker within 0.3 s, got none")


def test_a_broker_that_hangs_up_is_told(start) -> None:
    heard = first(start(None))
    assert isinstance(heard, Disconnected)
    assert "is the certificate known there?" in heard.reason


def test_garbage_instead_of_a_packet_ends_the_connection_only(start) -> None:
    heard = start(b"\xff\xff\xff\xff\xff\xff", answer_s=0.5)
    assert isinstance(first(heard), Disconnected)
    assert isinstance(first(heard), Disconnected)


def test_a_lost_connection_is_told_and_found_again(start) -> None:
    heard = start(CONNACK, SUBACK, None)
    assert [first(heard) for _ in range(3)] == [Connected(), Disconnected("the connection was lost"), Connected()]


def test_wishes_and_grants_are_heard(start) -> None:
    wish = message("desired", b'{"v":1,"rev":7,"capture":{"event_id":"e-1","kind":"close","at":9},"settings":{}}')
    grant = message("uploads/grant", b'{"v":1,"image_id":"a","url":"https://x/y","headers":{"X-Size":5}}')
    heard = start(CONNACK, SUBACK, wish + grant)
    assert first(heard) == Connected()
    assert first(heard) == Desired(7, Capture("e-1", "close", 9))
    assert first(heard) == Grant("a", url="https://x/y", headers={"X-Size": "5"})


def test_messages_that_break_the_contract_are_ignored(start) -> None:
    broken = [
        message("desired", b"not json"),
        message("desired", b'{"v":2,"rev":7}'),
        message("desired", b'{"v":1,"rev":-1}'),
        message("uploads/grant", b'{"v":1}'),
        message("elsewhere", b'{"v":1,"rev":7}'),
        message("status", b'{"v":1,"online":true}'),
    ]
    heard = start(CONNACK, SUBACK, b"".join(broken) + message("desired", b'{"v":1,"rev":8}'))
    assert first(heard) == Connected()
    assert first(heard) == Desired(8, None)


def test_a_grant_does_not_show_its_address_when_it_is_logged() -> None:
    assert "secret" not in repr(Grant("a", url="https://x/y?signature=secret"))


def test_a_host_that_cannot_be_a_name_is_told(tmp_path) -> None:
    client = Authority(tmp_path).issue(THING, tmp_path / "client")
    bundle = Bundle(THING, "x" * 80, 1, "localhost", client / "ca.pem", client / "cert.pem", client / "key.pem")
    hub, heard = MqttDeviceHub(bundle, "1"), queue.Queue()
    hub.start(heard.put)
    assert first(heard).reason.startswith(("UnicodeError", "UnicodeEncodeError", "gaierror"))
    hub.stop()


def test_nothing_can_be_published_without_a_connection(tmp_path) -> None:
    client = Authority(tmp_path).issue(THING, tmp_path / "client")
    bundle = Bundle(THING, "127.0.0.1", 1, "localhost", client / "ca.pem", client / "cert.pem", client / "key.pem")
    assert MqttDeviceHub(bundle, "1").publish("uploads/request", {}) is False
