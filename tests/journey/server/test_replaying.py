"""A message that an operator has replayed beside the running server: its board hears that it may forget the events."""

import contextlib

import pytest
from typer.testing import CliRunner

from cloud import bootstrap
from cloud.devices.repository import DeviceRepository
from cloud.ports.event_queue import Parked
from firmware.wire import codec, messages, topics
from tests.running_server import RunningServer
from tests.things import Thing
from tests.unit.cloud.messages import event, events
from tools.cli import app as program
from tools.commands.server_settings import server_settings


@pytest.fixture
def server(tmp_path, chosen):  # noqa: ARG001 - the environment names the database
    with RunningServer(tmp_path / "data") as server:
        yield server


def park(server, thing):
    """Put a good report into the DLQ, as a fault of ours would have."""
    app = bootstrap.build(server_settings(data=server.data))
    payload = codec.encode(messages.EVENTS, events(event("open", 1), event("close", 2)))
    with contextlib.closing(app.database), app.database.write() as unit_of_work:
        device = DeviceRepository(unit_of_work).by_thing(thing)
        app.queue.park(unit_of_work, Parked(topics.EVENTS, "a fault of ours", device.household_id, thing, payload))


def test_a_board_hears_that_its_replayed_events_are_stored(server):
    bundle = server.make_device("board")
    thing, neighbour = Thing(bundle, server.mqtt_port), Thing(server.make_device("board"), server.mqtt_port)
    thing.listen_to_own()
    park(server, bundle.name)
    done = CliRunner().invoke(program, ["admin", "replay", "--all", "--data", str(server.data)])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "1 taken")
    # Work of its own lets the server look at once; else it looks within a minute.
    neighbour.publish(topics.EVENTS, events(event("open", 1), event("still_open", 2)))
    assert thing.heard(topics.DESIRED, lambda message: message.get("ack", {}).get("seq") == 2)
    thing.leave()
    neighbour.leave()
