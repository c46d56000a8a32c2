"""Streams over real connections: they end at once when the server stops, and a client who takes nothing is left."""

import asyncio
import socket
import threading

import pytest
import uvicorn

from cloud.worker.serve import StreamingServer
from tests.unit.live.conftest import session_of
from tests.unit.live.streams import Stream, scope_of
from tests.waiting import PATIENCE_S


@pytest.fixture
def address(web, feed):
    """Where a server listens; it must stop while streams are open, and waits for nothing without limit."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(web, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=None)
        server = StreamingServer(config, feed.close)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        yield listener.getsockname(), server
        server.should_exit = True
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def ask(address, headers):
    connection = socket.create_connection(address, PATIENCE_S)
    lines = ["GET /live HTTP/1.1", "host: localhost", "accept: text/event-stream"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return connection


def read_until(connection, mark):
    said = b""
    while mark not in said:
        part = connection.recv(4096)
        assert part, said
        said += part
    return said


def test_a_server_that_stops_ends_its_streams_at_once(app, home, address):
    place, server = address
    with ask(place, session_of(app, home)) as connection:
        read_until(connection, b"data: ")
        server.should_exit = True
        read_until(connection, b"0\r\n\r\n")  # the last chunk: the answer is whole, so the client comes again


def test_a_client_that_goes_away_is_forgotten(app, home, address, feed):
    place, _ = address
    with ask(place, session_of(app, home)) as connection:
        read_until(connection, b"data: ")
        assert feed.is_followed
    gone = threading.Event()
    while feed.is_followed:
        gone.wait(0.01)


def test_a_client_who_takes_nothing_is_left(app, home, web, feed):
    class Stuck(Stream):
        async def send(self, message):
            if message["type"] == "http.response.body":
                await asyncio.Event().wait()

    async def scenario():
        stuck = Stuck()
        await web(scope_of(session_of(app, home)), stuck.receive, stuck.send)
        assert not feed.is_followed

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE_S))
