"""Kill the server while boards report over MQTT: all that the broker took is stored once, nothing is acked before."""

import asyncio
import json
import multiprocessing
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from sqlalchemy import func, select

from cloud import bootstrap
from cloud.adapters.local.device_hub import BrokerAddress, Door, MqttDeviceHub
from cloud.settings import Settings
from cloud.tables import devices, mailbox_events
from cloud.worker.ingest import Ingest
from firmware.wire import topics
from tools.bench.mqtt_broker import HOST, BenchBroker
from tools.bench.mqtt_load import Load, publish_all
from tools.parts.mariadb_server import MariadbServer

EVENTS_EACH = 300
RUN_MS = (50, 1200)
STORE_S = 120.0

# What was stored, and what boards were told is stored: events by device and place in its journal.
Places = set[tuple[str, int]]


def serve(settings: Settings, address: BrokerAddress, pipe: Connection) -> None:
    """Store what comes until this process is killed; tells when it listens."""
    app = bootstrap.build(settings)
    hub = MqttDeviceHub(address, Door(app.authority, lambda _thing: None))
    ingest = Ingest(app, hub, bootstrap.databases_beside(app))
    ingest.start()
    pipe.send(ingest.hears(60))
    threading.Event().wait()


def run(settings: Settings, broker: BenchBroker, things: tuple[str, ...], server: MariadbServer | None) -> int:
    """Kill once at a random moment under load, start again, and return how many reports were stored.

    Raises AssertionError when one that the broker took is missing or there twice, or was acked and not stored.
    """
    install = f"{random.getrandbits(64):016x}"
    load = Load(broker.device_port, things, EVENTS_EACH, install, ("open", "close"))
    boards = threading.Thread(target=lambda: asyncio.run(publish_all(load)))
    with _acks(broker, install) as acked:
        process = _start(settings, broker)
        boards.start()
        time.sleep(random.uniform(*RUN_MS) / 1000)  # noqa: S311 - no secret
        if server:
            server.kill()
            server.start()
            time.sleep(random.uniform(*RUN_MS) / 1000)  # noqa: S311 - no secret
        process.kill()
        process.join()
        told = dict(acked)
        _check_acked(settings, install, told)
        process = _start(settings, broker)
        boards.join()
        _await_all(settings, install, len(things) * EVENTS_EACH)
        process.kill()
        process.join()
    return len(things) * EVENTS_EACH


def _start(settings: Settings, broker: BenchBroker) -> BaseProcess:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(settings, broker.address, theirs), daemon=True)
    process.start()
    assert ours.recv(), "expected the broker to let the server listen"  # noqa: S101 - a check is what this is for
    return process


@contextmanager
def _acks(broker: BenchBroker, install: str) -> Iterator[dict[str, int]]:
    """Yield by thing the highest number that the server has acked so far, as its board hears it."""
    acked: dict[str, int] = {}
    client = mqtt.Client(CallbackAPIVersion.VERSION2)

    def note(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # What is empty is the hub's own mark, for no board.
        ack = json.loads(message.payload or b"{}").get("ack") or {}
        if ack.get("install") == install:
            acked[topics.parse(message.topic)[0]] = ack["seq"]

    client.on_message = note
    client.connect(HOST, broker.device_port)
    client.subscribe(f"{topics.PREFIX}/+/{topics.DESIRED}", 1)
    client.loop_start()
    yield acked
    client.disconnect()
    client.loop_stop()


def _check_acked(settings: Settings, install: str, told: dict[str, int]) -> None:
    highest = {thing: max((seq for of, seq in _stored(settings, install) if of == thing), default=0) for thing in told}
    early = {thing: (seq, highest[thing]) for thing, seq in told.items() if seq > highest[thing]}
    assert not early, f"expected acks of what is stored only, got (acked, stored) {early}"  # noqa: S101 - same


def _await_all(settings: Settings, install: str, expected: int) -> None:
    deadline = time.monotonic() + STORE_S
    while len(stored := _stored(settings, install)) < expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert len(stored) == expected, f"expected {expected} reports, got {len(stored)}"  # noqa: S101 - same


def _stored(settings: Settings, install: str) -> Places:
    """Return what is stored of an install; raises AssertionError when something is there twice."""
    event = mailbox_events.c
    query = select(devices.c.thing, event.seq, func.count()).join(devices, devices.c.id == event.device_id)
    query = query.where(event.install == install).group_by(devices.c.thing, event.seq)
    database = bootstrap.open_database(settings)
    with database.read() as unit_of_work:
        found = unit_of_work.connection.execute(query).all()
    database.close()
    twice = [tuple(row) for row in found if row[2] != 1]
    assert not twice, f"expected each report once, got {twice}"  # noqa: S101 - same
    return {(row[0], row[1]) for row in found}
