"""Clients who keep a real server waiting: for a request, its body, or for taking the answer; and too many of them."""

import asyncio
import contextlib
import json
import logging
import socket
import ssl
import threading
from typing import Annotated

import pytest
from fastapi import Body, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from hypothesis import given
from hypothesis import strategies as st

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority
from cloud.web.errors import add_error_answers
from cloud.worker.connections import Owed, Patience, Wait, is_over
from cloud.worker.serve import StreamingServer, configuration
from tests.waiting import PATIENCE_S, until

SHORT = Patience(wait_s=0.3, bytes_per_s=1_000_000)
ENDLESS = 3600.0
HEAD = b"POST /length HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
TEXT = b"x" * 98
BODY = b'"' + TEXT + b'"'
# What the system keeps for each end of a connection; an answer is much more.
KEPT = 65536
LARGE = 100 * KEPT


class Running:
    """A server in a thread of its own, and its clients."""

    def __init__(self, patience, certificate=None):
        self.may_answer = threading.Event()
        self.lengths = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KEPT)
        config = configuration(self._application(), 5, patience)
        config.ssl_certfile = certificate
        self._server = StreamingServer(config, lambda: None)
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],), daemon=True)
        self._thread.start()
        self._clients = []

    def _application(self):
        web = FastAPI()
        add_error_answers(web)

        @web.post("/length")
        async def length(text: Annotated[str, Body()]) -> Response:
            self.lengths.append(len(text))
            return PlainTextResponse(text)

        @web.post("/raw")
        async def raw(request: Request) -> Response:
            self.lengths.append(len(await request.body()))
            return PlainTextResponse("raw")

        @web.get("/late")
        async def late() -> Response:
            await asyncio.to_thread(self.may_answer.wait)
            return PlainTextResponse("late")

        @web.get("/large")
        async def large() -> Response:
            return PlainTextResponse(b"x" * LARGE)

        return web

    @property
    def connections(self):
        return len(self._server.server_state.connections)

    def connect(self, said=b""):
        """Return a connection on which this was said."""
        client = socket.socket()
        client.settimeout(PATIENCE_S)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KEPT)
        client.connect(self._listener.getsockname())
        self._clients.append(client)
        client.sendall(said)
        return client

    def ask(self, path):
        return self.connect(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n".encode())

    def stop(self):
        self.may_answer.set()
        for client in self._clients:
            client.close()
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()


@pytest.fixture
def serving():
    """Start servers by their patience."""
    with contextlib.ExitStack() as running:

        def serve(patience, certificate=None):
            server = Running(patience, certificate)
            running.callback(server.stop)
            return server

        yield serve


@pytest.fixture
def certificate(tmp_path):
    """Return a file with a key, its certificate and who signed it."""
    credentials = FolderCertificateAuthority(tmp_path / "pki").issue_server(["localhost"])
    file = tmp_path / "server.pem"
    file.write_bytes(credentials.key + credentials.certificate + credentials.authority)
    return file


def rest_of(client):
    """Return what comes until the connection ends; b"" too when it was cut."""
    said = b""
    with contextlib.suppress(ConnectionError):
        while part := client.recv(65536):
            said += part
    return said


def answered(client, content):
    """Return the status of an answer that ends like this."""
    said = b""
    while not said.endswith(content):
        part = client.recv(65536)
        assert part, said
        said += part
    return int(said.split()[1])


def is_refusal(said, status=408):
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert b"x-request-id: " in head
    assert set(json.loads(body)) == {"error", "message", "detail"}
    return head.startswith(b"HTTP/1.1 %d " % status)


def trickle(client, content):
    """Send one byte after another until the other side has had enough."""
    with contextlib.suppress(ConnectionError):
        for byte in content:
            client.sendall(bytes([byte]))
            if threading.Event().wait(0.01) or _has_ended(client):
                return


def _has_ended(client):
    client.settimeout(0)
    try:
        return client.recv(1, socket.MSG_PEEK) is not None
    except BlockingIOError:
        return False
    finally:
        client.settimeout(PATIENCE_S)


def test_who_says_nothing_is_cut_off(serving):
    server = serving(SHORT)
    assert rest_of(server.connect()) == b""


# The begin of a TLS record that has 512 bytes (RFC 8446 section 5.1).
@pytest.mark.parametrize("said", [b"", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_does_not_end_is_cut_off(serving, certificate, said):
    assert rest_of(serving(SHORT, certificate).connect(said)) == b""


def test_who_says_nothing_after_the_handshake_is_cut_off(serving, certificate):
    client = serving(SHORT, certificate).connect()
    with ssl.create_default_context(cafile=certificate).wrap_socket(client, server_hostname="localhost") as secured:
        assert rest_of(secured) == b""


@pytest.mark.parametrize("said", [b"GET", b"GET / HTTP/1.1\r\nhost: loc", HEAD[:-2]])
def test_a_request_that_does_not_end_is_refused(serving, said):
    assert is_refusal(rest_of(serving(SHORT).connect(said)))


@pytest.mark.parametrize("said", [b"\x00\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/9\r\nhost: a\r\n\r\n"])
def test_what_is_no_http_is_refused_in_the_one_form(serving, said):
    assert is_refusal(rest_of(serving(SHORT).connect(said)), 400)


def test_who_turns_to_no_http_during_an_answer_hears_no_more(serving):
    server = serving(Patience(wait_s=ENDLESS))
    client = server.ask("/large")
    client.sendall(b"\x00\r\n\r\n")
    assert b"HTTP/1.1 400" not in rest_of(client)


@pytest.mark.parametrize("begin", [b"", HEAD])
def test_a_trickle_is_not_waited_for(serving, begin):
    client = serving(SHORT).connect(begin)
    trickle(client, b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 10_000)
    assert is_refusal(rest_of(client))


@pytest.mark.parametrize("path", [b"/length", b"/raw"])
def test_a_body_that_stops_is_refused_and_its_reader_told(serving, caplog, path):
    server = serving(SHORT)
    with caplog.at_level(logging.INFO):
        assert is_refusal(rest_of(server.connect(HEAD.replace(b"/length", path) + BODY[:99])))
        until(lambda: not server.connections, "the end of the connection")
    assert server.lengths == []
    assert "ClientDisconnect" not in caplog.text
    assert "Exception" not in caplog.text


@pytest.mark.parametrize("more", [b"G", b"GET / HTTP/1.1\r\n" + b"x-a: b\r\n" * 10_000])
def test_a_second_request_that_does_not_end_is_cut_off(serving, more):
    client = serving(SHORT).connect(HEAD + BODY)
    assert answered(client, TEXT) == 200
    trickle(client, more)
    assert rest_of(client) == b""


def test_a_slow_client_who_keeps_the_rate_is_waited_for(serving):
    client = serving(Patience(wait_s=0.3, bytes_per_s=1)).connect(HEAD[:50])
    for part in (HEAD[50:], *(BODY[place : place + 10] for place in range(0, 100, 10))):
        threading.Event().wait(0.05)
        client.sendall(part)
    assert answered(client, TEXT) == 200


def test_who_waits_for_us_is_not_cut_off(serving):
    server = serving(SHORT)
    client = server.ask("/late")
    threading.Event().wait(0.6)
    server.may_answer.set()
    assert answered(client, b"late") == 200


def test_who_does_not_take_the_answer_is_cut_off(serving):
    server = serving(SHORT)
    client = server.ask("/large")
    until(lambda: server.connections, "a connection")
    until(lambda: not server.connections, "the end of the connection")
    assert len(rest_of(client)) < LARGE


def test_a_pause_between_two_requests_is_no_offence(serving):
    server = serving(SHORT)
    client = server.connect()
    for _ in range(2):
        client.sendall(HEAD + BODY)
        assert answered(client, TEXT) == 200
        threading.Event().wait(0.6)


def test_what_was_answered_before_it_had_come_is_not_waited_for(serving):
    client = serving(SHORT).connect(HEAD.replace(b"length HTTP", b"nowhere HTTP"))
    assert answered(client, b"}") == 404
    trickle(client, BODY[:50] * 1000)
    assert rest_of(client) == b""


def test_hundreds_of_silent_strangers_do_not_keep_the_owner_out(serving):
    server = serving(Patience(wait_s=ENDLESS, connections=20))
    strangers = [server.connect(said) for said in (b"", b"GET / HT", HEAD + b"x") * 70]
    for _ in range(3):
        owner = server.connect(HEAD + BODY)
        assert answered(owner, TEXT) == 200
    assert server.connections <= 20
    assert rest_of(strangers[0]) == b""


def test_those_we_work_for_keep_their_place(serving):
    server = serving(Patience(wait_s=ENDLESS, connections=3))
    first = [server.ask("/late") for _ in range(3)]
    until(lambda: server.connections == 3, "three connections")
    assert rest_of(server.connect()) == b""
    server.may_answer.set()
    assert [answered(one, b"late") for one in first] == [200, 200, 200]


@given(st.floats(0, 1000), st.integers(0, 10_000))
def test_bytes_earn_time(waited, moved):
    wait = Wait(Owed.BODY, None, begun=5.0, moved=moved)
    assert is_over(wait, 5.0 + waited, Patience(20, 500)) == (5.0 + waited - 5.0 > 20 + moved / 500)
