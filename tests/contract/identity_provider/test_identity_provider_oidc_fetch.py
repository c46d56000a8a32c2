"""What is fetched of an issuer: nothing by a redirect, nothing that drips for ever, nothing without end."""

import threading
from contextlib import contextmanager
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import HTTPError

import pytest

from cloud.adapters.local.identity_provider_oidc_fetch import MOST_BYTES, fetch_json

STATUS = b"HTTP/1.1 200 OK\r\n"
# The head of one of 16 kB (RFC 8446 section 5.1); whoever reads it waits for all of them.
TLS_RECORD = b"\x16\x03\x03\x40\x00"
# Long before a dripping answer would be whole, which is never.
SOON_S = 0.2


@contextmanager
def answering(answer, *, at_once=False):
    """Run a server whose every request is answered by ``answer(handler)``; yields its address, and what was asked.

    It answers ``at_once`` who has connected, whatever they ask.
    """
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def handle(self):
            if at_once:
                answer(self)
            else:
                super().handle()

        def do_GET(self):
            asked.append(self.path)
            answer(self)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


def whole(content):
    def answer(handler):
        handler.wfile.write(STATUS + b"Content-Length: %d\r\n\r\n" % len(content) + content)

    return answer


def dripping(head):
    """Answer with ``head``, then with a letter now and then, until nobody hears it."""

    def answer(handler):
        try:
            handler.wfile.write(head)
            while True:
                handler.wfile.write(b" ")
                handler.connection.settimeout(0.02)
                try:
                    if not handler.connection.recv(1):
                        return
                except TimeoutError:
                    continue
        except OSError:
            return

    return answer


def test_an_object_is_returned():
    with answering(whole(b'{"keys": []}')) as (url, _):
        assert fetch_json(url) == {"keys": []}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_to_another_address(status):
    def answer(handler):
        if handler.path == "/elsewhere":
            return whole(b"{}")(handler)
        handler.send_response(status)
        handler.send_header("Location", "/elsewhere")
        return handler.end_headers()

    with answering(answer) as (url, asked):
        with pytest.raises(HTTPError) as refused:
            fetch_json(f"{url}/keys")
        refused.value.close()
        assert asked == ["/keys"]


@pytest.mark.parametrize(
    "head",
    [b"", STATUS, STATUS + b"Content-Length: 1000000\r\n\r\n", STATUS + b"\r\n"],
    ids=["status", "head", "body", "end"],
)
def test_an_answer_that_drips_is_cut_off(head):
    with answering(dripping(head)) as (url, _), pytest.raises((OSError, HTTPException)):
        fetch_json(url, SOON_S)


def test_a_handshake_that_drips_is_cut_off():
    with answering(dripping(TLS_RECORD), at_once=True) as (url, _), pytest.raises(OSError):  # noqa: PT011 - of any kind
        fetch_json(url.replace("http:", "https:"), SOON_S)


@pytest.mark.parametrize("content", [b" " * MOST_BYTES + b"{}", b"[]", b"<p>"], ids=["too long", "a list", "no JSON"])
def test_what_is_no_object_of_a_bounded_size_is_refused(content):
    with answering(whole(content)) as (url, _), pytest.raises(ValueError):  # noqa: PT011 - JSON's own is one
        fetch_json(url)
