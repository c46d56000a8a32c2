"""A device that is deleted while it is connected is out within seconds, for good, and nobody else notices."""

import pytest

from firmware.wire import topics
from tests.journey.server.conftest import call_as_owner
from tests.running_server import RunningServer
from tests.things import Thing, connect_packet, is_taken, trusting
from tests.unit.cloud.messages import event, events
from tests.waiting import until


@pytest.fixture
def server(tmp_path, chosen):  # noqa: ARG001 - the environment names the database
    with RunningServer(tmp_path / "data") as server:
        yield server


def delete(server, bundle):
    """Delete a device over HTTP as its owner does, and return the answer's status."""
    query = "SELECT number FROM device_settings JOIN devices ON devices.id = device_id WHERE thing = ?"
    ((number,),) = server.rows(query, bundle.name)
    return call_as_owner(server, bundle, "DELETE", f"/devices/{number}").status


def is_let_in(server, bundle):
    return is_taken(server.mqtt_port, trusting(bundle), connect_packet(bundle.name))


def test_a_deleted_device_is_thrown_out_and_stays_out_and_nobody_else_notices(server):
    bundle, other = server.make_device("board"), server.make_device("board")
    thing, neighbour = Thing(bundle, server.mqtt_port), Thing(other, server.mqtt_port)
    for one in (thing, neighbour):
        one.listen_to_own()
        one.publish(topics.EVENTS, events(event("open", 1), event("close", 2)))
        assert one.heard(topics.DESIRED, lambda message: "ack" in message)
    assert delete(server, bundle) == 200
    until(lambda: thing.disconnections > 0, "the end of its connection")
    thing.drop()
    until(lambda: not is_let_in(server, bundle), "the broker to refuse it")
    neighbour.publish(topics.EVENTS, events(event("open", 3)))
    assert neighbour.heard(topics.DESIRED, lambda message: message.get("ack", {}).get("seq") == 3)
    assert neighbour.disconnections == 0
    until(lambda: server.rows("SELECT state FROM jobs WHERE stage = 'revoke_device'") == [("done",)], "the job to end")
    neighbour.leave()
    server.stop()
    assert bundle.name.encode() not in (server.data / "broker" / "mosquitto.db").read_bytes()
    server.start()
    assert not is_let_in(server, bundle)
    assert is_let_in(server, other)
    query = "SELECT count(*) FROM mailbox_events JOIN devices ON devices.id = device_id WHERE thing = ?"
    assert server.rows(query, bundle.name) == [(2,)]  # what it brought is the household's
