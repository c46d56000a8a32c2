"""A server that is told to stop under load: what it answered is stored, nothing is left leased, and it ends with 0."""

import http.client
import os
import signal
import socket
import threading
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest

from cloud import bootstrap
from cloud.accounts.service import ensure_household
from cloud.accounts.sharing.service import make_key
from firmware.wire import codec, messages, topics
from tests.conftest import make_home, settings_for
from tests.databases import on_sqlite_alone
from tests.running_server import RunningServer
from tests.things import Thing
from tests.unit.cloud.messages import event, events
from tests.waiting import until

REPORTS = 500
STORED = "SELECT thing, max(seq) FROM mailbox_events JOIN devices ON devices.id = device_id GROUP BY thing"


@pytest.fixture
def server(tmp_path, chosen):
    """A server whose household has an API key, kept as ``key``, and a board of this ``number``."""
    app = bootstrap.build(settings_for(tmp_path, database_url=chosen.url))
    make_home(app)
    with app.database.write() as unit_of_work:
        owner = ensure_household(unit_of_work, "owner@example.org", "Owner")
        _, key = make_key(unit_of_work, owner, "load", ["read", "write"])
    app.ports.writer.close()
    app.database.close()
    with RunningServer(tmp_path / "data") as server:
        server.key = key
        ((server.number,),) = server.rows("SELECT min(number) FROM device_settings")
        yield server


def report(server, answers):
    """Report openings one after another until the server is gone; keep the status of each answer."""
    address = urlsplit(server.url)
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=30)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        while True:
            connection.request("POST", f"/iot/report?d={server.number}&e=c", headers={"x-api-key": server.key})
            answer = connection.getresponse()
            answer.read()
            answers.append(answer.status)


def test_what_was_answered_is_stored_and_nothing_is_left_leased(server):
    answers = []
    threads = [threading.Thread(target=report, args=(server, answers)) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(answers) > 20, "some reports to be taken")
    server.stop()
    for thread in threads:
        thread.join()
    assert server.status == 0
    assert set(answers) == {200}
    ((stored,),) = server.rows("SELECT count(*) FROM mailbox_events")
    assert len(answers) <= stored <= len(answers) + len(threads)
    assert server.rows("SELECT count(*) FROM jobs WHERE lease_until IS NOT NULL AND state = 'waiting'") == [(0,)]
    assert "Traceback" not in server.log.read_text()


def test_what_boards_were_told_is_stored_at_the_stop_and_the_next_server_stores_the_rest_once(server):
    boards = [Thing(server.make_device("board"), server.mqtt_port) for _ in range(3)]
    for board in boards:
        board.listen_to_own()
    for seq in range(1, REPORTS + 1):
        payload = codec.encode(messages.BY_KIND[topics.EVENTS], events(event(("close", "open")[seq % 2], seq)))
        for board in boards:
            board.publish_unheard(topics.topic(board.name, topics.EVENTS), payload)
    until(lambda: all(map(acked, boards)), "the first acks")
    server.stop()
    told = {board.name: acked(board) for board in boards}
    assert server.status == 0
    stored = dict(server.rows(STORED))
    assert {name: seq for name, seq in told.items() if seq > stored[name]} == {}
    assert "Traceback" not in server.log.read_text()
    server.start()
    expected = {board.name: REPORTS for board in boards}
    until(lambda: dict(server.rows(STORED)) == expected, lambda: f"{expected}, got {server.rows(STORED)}")
    assert server.rows("SELECT count(*) FROM mailbox_events") == [(len(boards) * REPORTS,)]
    for board in boards:
        board.leave()


def acked(board):
    """Return the highest place in a board's journal that it has heard an ack of."""
    said = [message["ack"]["seq"] for topic, message, _ in list(board.said) if "ack" in message]
    return max(said, default=0)


@on_sqlite_alone
def test_a_second_signal_stops_at_once_and_takes_the_broker_along(server):
    address = urlsplit(server.url)
    broker = server.broker_pid()
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(b"POST /auth/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        until(lambda: request(server, "/readyz") == 200, "the server to have read what was sent before")
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: "Shutting down" in server.log.read_text(), "the server to begin to stop")
        assert server.status is None
        os.kill(server.pid, signal.SIGTERM)
        until(lambda: server.status is not None, "the server to end")
    assert server.status == 128 + signal.SIGTERM
    until(lambda: not is_alive(broker), "the broker to end")


def request(server, path):
    address = urlsplit(server.url)
    with closing(http.client.HTTPConnection(address.hostname, address.port, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
