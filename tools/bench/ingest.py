"""Ingest: MQTT → committed row, of the server and of a raw loop, on SQLite and MariaDB in one run.

``python -m tools.bench.ingest [--events N] [--devices N] [--kind KIND]`` starts mosquitto and a private MariaDB.
Devices send one event a message with QoS 1 and a window of four. The raw loop is the least that could work: paho with
manual acknowledgement, JSON, batch insert, one retained ack a device and commit.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import queue
import resource
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import SecretStr
from sqlalchemy import func, select

from cloud import bootstrap
from cloud.accounts.service import ensure_household
from cloud.devices.model import Device
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import ensure_mailbox
from cloud.ports.database import Database
from cloud.ports.device_hub import Acknowledge, DeviceMessage, Downlink, Take
from cloud.settings import Settings
from cloud.tables import mailbox_events
from cloud.worker.ingest import MAX_GROUP, Ingest
from firmware.wire import codec, messages, topics
from tools.bench.mqtt_load import Load, publish_all
from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer
from tools.parts.mosquitto import fetch_mosquitto

INSTALL = "9f3c2a7be4d01586"


@dataclass(frozen=True, slots=True)
class Bench:
    """What one pass needs to know."""

    settings: Settings
    port: int
    events: int
    things: tuple[str, ...]


class PlainHub:
    """The server's device hub over a broker without certificates, which counts what was acknowledged."""

    def __init__(self, port: int, client_id: str) -> None:
        self.acknowledged = 0
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=True, manual_ack=True)
        self.client.max_inflight_messages_set(1000)
        self._port = port

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take``."""

        def on_connect(client: mqtt.Client, *_: Any) -> None:
            client.subscribe([(f"{topics.PREFIX}/+/{topics.EVENTS}", 1)])

        def on_message(client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
            thing, kind = topics.parse(message.topic)
            number = message.mid

            def acknowledge() -> None:
                client.ack(number, 1)
                self.acknowledged += 1

            take(DeviceMessage(thing, kind, bytes(message.payload), time.time_ns() // 1_000_000), acknowledge)

        self.client.on_connect, self.client.on_message = on_connect, on_message
        self.client.on_subscribe = lambda *_: connected()
        self.client.connect("127.0.0.1", self._port)
        self.client.loop_start()

    def publish(self, downlink: Downlink) -> None:
        """Send a message with QoS 1."""
        payload = codec.encode(messages.BY_KIND[downlink.kind], dict(downlink.message))
        self.client.publish(topics.topic(downlink.thing, downlink.kind), payload, qos=1, retain=True)

    def stop(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        self.client.loop_stop()


class RawLoop:
    """The least that could work: a thread that inserts what has arrived, commits, answers and acknowledges."""

    def __init__(self, database: Database, ids: dict[str, tuple[str, str]], hub: PlainHub) -> None:
        self._database, self._ids, self._hub = database, ids, hub
        self._arrived: queue.SimpleQueue[tuple[DeviceMessage, Acknowledge]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def start(self, connected: Callable[[], None]) -> None:
        """Take messages from now on."""
        self._hub.start(lambda message, done: self._arrived.put((message, done)), connected)

    def _work(self) -> None:
        while True:
            group = [self._arrived.get()]
            while len(group) < MAX_GROUP and not self._arrived.empty():
                group.append(self._arrived.get())
            self._store(group)

    def _store(self, group: list[tuple[DeviceMessage, Acknowledge]]) -> None:
        last: dict[str, dict[str, Any]] = {}
        rows = []
        for message, _ in group:
            said = json.loads(message.payload)
            device_id, household_id = self._ids[message.thing]
            for event in said["events"]:
                given = {name: event[name] for name in ("event_id", "event_type", "seq", "occurred_at", "err_ms")}
                place = {"install": said["install"], "boot": said["boot"], "received_at": message.received_at}
                rows.append(given | place | {"device_id": device_id, "household_id": household_id})
            last[message.thing] = {"install": said["install"], "boot": said["boot"], "seq": said["events"][-1]["seq"]}
        with self._database.write() as unit_of_work:
            unit_of_work.connection.execute(mailbox_events.insert(), rows)
        for thing, ack in last.items():
            payload = json.dumps({"v": 1, "rev": ack["seq"], "ack": ack})
            self._hub.client.publish(f"{topics.PREFIX}/{thing}/desired", payload, qos=1, retain=True)
        for _, done in group:
            done()


def serve(bench: Bench, kind: str, pipe: Connection) -> None:
    """Run one of the two in a process of its own; tells when it listens, when all is acknowledged, and its memory."""
    app = bootstrap.build(bench.settings)
    hub, ready = PlainHub(bench.port, f"_server-{kind}"), threading.Event()
    if kind == "raw":
        with app.database.read() as unit_of_work:
            known = DeviceRepository(unit_of_work).by_things(bench.things)
        RawLoop(app.database, {one.thing: (one.id, one.household_id) for one in known.values()}, hub).start(ready.set)
    else:
        ingest = Ingest(app, hub)
        ingest.start()
        ingest.hears(60)
    ready.wait(1)
    pipe.send("ready")
    half = 0
    while hub.acknowledged < bench.events:
        time.sleep(0.01)
        if not half and hub.acknowledged * 2 >= bench.events:
            half = _memory()
    pipe.send((time.monotonic(), half, _memory(), time.process_time()))
    os._exit(0)


def _memory() -> int:
    """Return the memory of this process in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 2**20


def prepare(settings: Settings, devices: int) -> tuple[str, ...]:
    """Make the boards, each with a mailbox of its own; returns their things."""
    app = bootstrap.build(settings)
    things = tuple(f"board-{number:04d}" for number in range(devices))
    with app.database.write() as unit_of_work:
        home = ensure_household(unit_of_work, "bench@example.org", "Bench").household_id
        for thing in things:
            box = ensure_mailbox(unit_of_work, home, thing)
            board = Device(unit_of_work.new_id(), home, box, thing, "board", thing, 0, None, "{}", None)
            DeviceRepository(unit_of_work).add(board, thing)
    app.database.close()
    return things


def measure(bench: Bench, kind: str, event_types: tuple[str, ...]) -> float:
    """Return events a second from the first publish to the last acknowledgement; prints memory, checks the rows."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(bench, kind, theirs), daemon=True)
    process.start()
    assert ours.recv() == "ready"  # noqa: S101 - a bench that measures nothing must not look as if it did
    load = Load(bench.port, bench.things, bench.events // len(bench.things), INSTALL, event_types)
    began = time.monotonic()
    loader = spawn.Process(target=_run_load, args=(load,), daemon=True)
    loader.start()
    ended, half, memory, cpu = ours.recv()
    loader.join()
    process.join()
    database = bootstrap.open_database(bench.settings)
    with database.read() as unit_of_work:
        stored = unit_of_work.connection.execute(select(func.count()).select_from(mailbox_events)).scalar_one()
    database.close()
    rate = float(bench.events / (ended - began))
    print(
        f"  {kind:4s} {rate:8,.0f} events/s  {1e6 * cpu / bench.events:5.0f} us CPU each  "
        f"{half} MB at half, {memory} MB at the end  {stored:,} rows",
        flush=True,
    )
    assert stored == bench.events  # noqa: S101 - same
    return rate


def _run_load(load: Load) -> None:
    asyncio.run(publish_all(load))


def _passes(folder: Path, url: str, chosen: argparse.Namespace, port: int) -> None:
    rates = {}
    for kind in ("raw", "ours"):
        place = folder / kind
        address = f"{url}_{kind}" if url else ""
        settings = Settings(data=place, database_url=SecretStr(address))
        events = chosen.events - chosen.events % chosen.devices
        bench = Bench(settings, port, events, prepare(settings, chosen.devices))
        rates[kind] = measure(bench, kind, ("open", "close") if chosen.kind == "open_close" else (chosen.kind,))
    print(f"  ours is {100 * rates['ours'] / rates['raw']:.0f} % of the raw loop (to hold: 80 %)", flush=True)


def main() -> None:
    """Measure both on both databases and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--kind", default="open_close", choices=["open_close", "still_open"])
    parser.add_argument("--only", choices=["sqlite", "mariadb"])
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-") as name:
        folder = Path(name)
        port = 20000 + os.getpid() % 10000
        configuration = folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
            f"set_tcp_nodelay true\nuser {'root' if os.geteuid() == 0 else ''}\n"
        )
        broker = subprocess.Popen([fetch_mosquitto(), "-c", configuration], stderr=subprocess.DEVNULL)  # noqa: S603
        server = MariadbServer(fetch_mariadb(), folder / "mariadb")
        try:
            if chosen.only != "mariadb":
                print("SQLite, every commit on the disk")
                _passes(folder / "sqlite", "", chosen, port)
            if chosen.only != "sqlite":
                server.start("pillarbox_raw", "pillarbox_ours")
                print("MariaDB, every commit on the disk")
                _passes(folder / "on-mariadb", server.url(), chosen, port)
        finally:
            server.stop()
            broker.terminate()
            broker.wait()


if __name__ == "__main__":
    main()
