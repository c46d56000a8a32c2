"""Server and broker killed: what a device was told is safe stays, and everybody finds everybody again."""

import os
import signal
import subprocess
import sys

import pytest
from sqlalchemy import select

from cloud.tables import devices
from firmware.wire import topics
from tests.databases import on_sqlite_alone
from tests.running_server import RunningServer
from tests.unit.cloud.messages import announcement, event, events
from tests.waiting import until


@pytest.fixture
def server(tmp_path, chosen):  # noqa: ARG001 - the environment names the database
    with RunningServer(tmp_path / "data") as server:
        yield server


def stored(server):
    return server.rows("SELECT count(*) FROM mailbox_events")[0][0]


def kill_broker(server):
    """Kill the broker as lack of memory would, and return once there is a new one."""
    old = server.broker_pid()
    os.kill(old, signal.SIGKILL)
    until(lambda: server.broker_pid() not in (old, None), "a new broker")


def wait_for_save(server, text):
    """Return once the broker has written this text to its store."""
    saved = server.data / "broker" / "mosquitto.db"
    until(lambda: saved.exists() and text.encode() in saved.read_bytes(), f"{text} in {saved}")


def test_what_was_acknowledged_but_not_stored_reaches_the_next_server(server, connect):
    thing = connect(server.make_device("board"))
    with server.database.write() as unit_of_work:  # the server cannot store anything now: on SQLite all is held
        assert unit_of_work.connection.execute(select(devices.c.id).with_for_update()).scalar_one()
        for seq in range(1, 6):
            thing.publish(topics.EVENTS, events(event("open", seq)))
        thing.leave()
        server.kill()
    assert stored(server) == 0
    server.start()
    until(lambda: stored(server) == 5, lambda: f"5 events, got {stored(server)}")


def test_a_device_finds_its_wish_after_the_server_was_killed(server, connect):
    board, gateway = server.make_device("board"), server.make_device("gateway")
    thing = connect(board)
    thing.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    until(lambda: stored(server) == 2, "the events")
    thing.leave()  # lest it comes back and evicts the next of its name
    server.kill()
    server.start()
    for bundle, field in ((board, "ack"), (gateway, "capture")):
        thing = connect(bundle)
        thing.listen_to_own()
        assert field in thing.heard(topics.DESIRED)


@on_sqlite_alone
def test_a_killed_broker_is_started_again_and_everybody_comes_back(server, connect):
    board, gateway = server.make_device("board"), server.make_device("gateway")
    camera = connect(gateway, keeps_session=True)
    camera.listen_to_own()
    thing = connect(board)
    thing.publish(topics.EVENTS, events(event("open", 1)))
    wait_for_save(server, f"{topics.PREFIX}/{gateway.name}/desired")
    kill_broker(server)
    thing.publish(topics.EVENTS, events(event("open", 3), event("close", 4)))
    assert camera.heard(topics.DESIRED, lambda message: "capture" in message)
    assert camera.session_present
    assert camera.disconnections >= 1
    assert server.pid


@on_sqlite_alone
def test_what_waits_for_a_device_that_is_away_survives_the_brokers_death(server, connect):
    board, gateway = server.make_device("board"), server.make_device("gateway")
    camera = connect(gateway, keeps_session=True)
    camera.listen_to_own()
    camera.leave()
    connect(board).publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
    until(lambda: stored(server) == 2, "the events")
    wait_for_save(server, event("close", 2)["event_id"])
    kill_broker(server)
    back = connect(gateway, keeps_session=True)
    assert back.heard(topics.DESIRED, lambda message: "capture" in message)
    back.publish(topics.IMAGES, announcement(event_id=event("close", 2)["event_id"]))
    assert back.heard(topics.DESIRED, lambda message: "capture" not in message)


@on_sqlite_alone
def test_a_broker_whose_store_is_damaged_starts_without_it(server):
    server.stop()
    store = server.data / "broker" / "mosquitto.db"
    store.write_bytes(b"damaged")
    server.start()
    assert store.with_name("mosquitto.db.damaged").read_bytes() == b"damaged"
    until(lambda: "connected to the broker" in server.log.read_text(), "the server at its broker")


@on_sqlite_alone
def test_a_killed_server_leaves_no_child_behind(server):
    children = list(server.children())
    assert children
    server.kill()
    until(lambda: not [pid for pid in children if _runs(pid)], "the broker to end")


def _runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@on_sqlite_alone
def test_a_server_told_to_stop_ends_in_order(server):
    children = list(server.children())
    server.stop()
    assert server.status == 0
    assert not [pid for pid in children if _runs(pid)]
    assert "Traceback" not in server.log.read_text()


@on_sqlite_alone
@pytest.mark.parametrize("taken", ["data", "--port", "--mqtt-port"])
def test_a_server_that_cannot_have_what_it_needs_says_so(server, tmp_path, taken):
    arguments = {"data": tmp_path / "other", "--port": 0, "--mqtt-port": 0}
    used = {"data": server.data, "--port": server.url.rsplit(":", 1)[1], "--mqtt-port": server.mqtt_port}
    arguments[taken] = used[taken]
    options = ["--data", arguments["data"], "--port", arguments["--port"], "--mqtt-port", arguments["--mqtt-port"]]
    ran = subprocess.run(
        [sys.executable, "-m", "tools", "up", *map(str, options)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 1
    assert "Traceback" not in ran.stderr
    assert "pillarbox: expected" in ran.stderr
