"""The valve between the client and the broker, with sockets in place of both."""

import contextlib
import socket

import pytest

from cloud.adapters.local.device_hub_valve import CONNECTED, NO_BROKER, PIECE, Valve
from tests.waiting import PATIENCE_S

ASKED = b"CONNECT broker.example:8883 HTTP/1.1\r\nHost: broker.example:8883\r\n\r\n"
# More than the kernel keeps of both connections.
MUCH = 64 * 1024 * 1024


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE_S)
        yield listener


@pytest.fixture
def valve(listener):
    valve = Valve(*listener.getsockname())
    yield valve
    valve.stop()


@pytest.fixture
def client(valve):
    with socket.create_connection(("127.0.0.1", valve.start()), PATIENCE_S) as client:
        yield client


def read(connection, size):
    """Return so many bytes, or fewer when the connection ends."""
    said = b""
    while len(said) < size and (piece := connection.recv(size - len(said))):
        said += piece
    return said


def fill(connection):
    """Send until nothing more is taken; return how much was."""
    connection.settimeout(0)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < MUCH:
            sent += connection.send(bytes(PIECE))
    return sent


@pytest.fixture
def broker(client, listener):
    """Return the broker's end of the client's connection."""
    client.sendall(ASKED)
    listener.settimeout(PATIENCE_S)
    broker, _ = listener.accept()
    with broker:
        broker.settimeout(PATIENCE_S)
        assert read(client, len(CONNECTED)) == CONNECTED
        yield broker


def test_both_hear_each_other(client, broker):
    client.sendall(b"hello")
    assert read(broker, 5) == b"hello"
    broker.sendall(b"welcome")
    assert read(client, 7) == b"welcome"


def test_a_shut_valve_holds_up_the_broker_but_not_the_client(valve, client, broker):
    valve.shut()
    sent = fill(broker)
    assert sent < MUCH
    client.sendall(b"still heard")
    broker.settimeout(PATIENCE_S)
    assert read(broker, 11) == b"still heard"
    valve.open()
    assert len(read(client, sent)) == sent


@pytest.mark.parametrize("who", ["client", "broker"])
def test_when_one_goes_so_does_the_other(client, broker, who):
    gone, left = (client, broker) if who == "client" else (broker, client)
    gone.shutdown(socket.SHUT_RDWR)
    assert left.recv(1) == b""


def test_without_a_broker_the_client_is_told(valve, listener, caplog):
    listener.close()
    with socket.create_connection(("127.0.0.1", valve.start()), PATIENCE_S) as client:
        client.sendall(ASKED)
        assert read(client, len(NO_BROKER) + 1) == NO_BROKER
    assert "expected a broker at 127.0.0.1:" in caplog.text


def test_who_does_not_ask_is_let_go(client):
    client.sendall(b"CONNECT")
    client.shutdown(socket.SHUT_WR)
    assert client.recv(1) == b""


def test_a_stopped_valve_takes_nobody_and_leaves_who_is_there(valve, client, broker):
    place = client.getpeername()
    valve.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place, PATIENCE_S)
    broker.sendall(b"still here")
    assert read(client, 10) == b"still here"
