"""Strangers who hold connections of the running server, as its settings bound them, over TLS."""

import contextlib
import http.client
import socket
import ssl
from urllib.parse import urlsplit

import pytest

from tests.running_server import RunningServer
from tests.waiting import PATIENCE_S

# An address of this machine that counts as another's: HTTP is served with TLS there.
HOST = "127.0.0.2"


@pytest.fixture
def server(tmp_path):
    bounds = {"PILLARBOX_HOST": HOST, "PILLARBOX_CLIENT_WAIT_S": "1", "PILLARBOX_CONNECTIONS": "10"}
    with RunningServer(tmp_path / "data", **bounds) as server:
        yield server


def test_silent_strangers_neither_keep_the_owner_out_nor_stay(server):
    port = urlsplit(server.url).port
    context = ssl.create_default_context(cafile=server.data / "pki" / "ca.pem")
    strangers = []
    for said in (b"", b"GET / HT", b"POST /auth/login HTTP/1.1\r\nhost: 127.0.0.2\r\ncontent-length: 9\r\n\r\n") * 10:
        plain = socket.create_connection((HOST, port), PATIENCE_S)
        strangers.append(context.wrap_socket(plain, server_hostname=HOST, do_handshake_on_connect=False))
        with contextlib.suppress(ConnectionError, ssl.SSLError):  # who has had their second by now is cut off
            strangers[-1].do_handshake()
            strangers[-1].sendall(said)
    owner = http.client.HTTPSConnection(HOST, port, timeout=PATIENCE_S, context=context)
    owner.request("GET", "/healthz")
    assert owner.getresponse().status == 200
    for stranger in strangers:
        assert _rest_of(stranger).partition(b"\r\n")[0] in {b"", b"HTTP/1.1 408 Request Timeout"}
        stranger.close()
    owner.close()


def _rest_of(stranger):
    said = b""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while part := stranger.recv(65536):
            said += part
    return said
