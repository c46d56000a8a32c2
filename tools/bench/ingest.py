"""Ingest: MQTT → committed row, of the server and of a raw loop, on SQLite and MariaDB in one run.

``python -m tools.bench.ingest [--events N] [--devices N] [--rounds N]`` starts mosquitto and a private MariaDB.
Devices send one event a message with QoS 1 and a window of four. The raw loop is the least that could work: paho with
manual acknowledgement, JSON, batch insert, one retained ack a device and commit, every commit on the disk. Both come
to the broker with a certificate, in turns.

``--events 1000000 --rounds 1 --ours`` shows what memory is used: what the broker takes faster than it is stored waits
in the broker's, but for 10,000 messages (docs/decisions/0112).
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import queue
import resource
import ssl
import statistics
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
from cloud.adapters.local.database import SqliteDatabase
from cloud.adapters.local.device_hub import RECEIVE_MAXIMUM, SERVER_CLIENT_ID, BrokerAddress, Door, MqttDeviceHub
from cloud.devices.model import Device
from cloud.devices.repository import DeviceRepository
from cloud.devices.service import ensure_mailbox
from cloud.ports.database import Database
from cloud.ports.device_hub import Acknowledge, DeviceMessage, Take
from cloud.settings import Settings
from cloud.tables import mailbox_events
from cloud.worker.garbage import collect_less
from cloud.worker.ingest import MOST_BESIDE, MOST_SHARING, Ingest
from firmware.wire import topics
from tools.bench.mqtt_broker import BenchBroker, running_broker
from tools.bench.mqtt_load import Load, publish_all
from tools.parts.mariadb import fetch_mariadb
from tools.parts.mariadb_server import MariadbServer

# Memory is measured when so much is acknowledged.
MEASURED_AT = (0.1, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Bench:
    """What one pass needs to know."""

    settings: Settings
    address: BrokerAddress
    events: int
    things: tuple[str, ...]


class CountedHub(MqttDeviceHub):
    """The server's device hub, which counts what was acknowledged."""

    acknowledged = 0

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take`` from now on."""

        def counted(message: DeviceMessage, acknowledge: Acknowledge) -> None:
            def done() -> None:
                acknowledge()
                self.acknowledged += 1

            take(message, done)

        super().start(counted, connected)


class PahoHub:
    """The device hub of the raw loop."""

    def __init__(self, address: BrokerAddress) -> None:
        self.acknowledged = 0
        self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=SERVER_CLIENT_ID, clean_session=True, manual_ack=True
        )
        self.client.max_inflight_messages_set(RECEIVE_MAXIMUM)
        self._address = address

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
        context = ssl.create_default_context(cafile=str(self._address.authority))
        context.load_cert_chain(self._address.certificate, self._address.key)
        self.client.tls_set_context(context)
        self.client.connect(self._address.host, self._address.port)
        self.client.loop_start()


class RawLoop:
    """The least that could work: a thread that inserts what has arrived, commits, answers and acknowledges."""

    def __init__(self, database: Database, ids: dict[str, tuple[str, str]], hub: PahoHub) -> None:
        self._database, self._ids, self._hub = database, ids, hub
        # As many as the server takes there.
        self._most_at_once = MOST_SHARING if isinstance(database, SqliteDatabase) else MOST_BESIDE
        self._arrived: queue.SimpleQueue[tuple[DeviceMessage, Acknowledge]] = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def start(self, connected: Callable[[], None]) -> None:
        """Take messages from now on."""
        self._hub.start(lambda message, done: self._arrived.put((message, done)), connected)

    def _work(self) -> None:
        while True:
            group = [self._arrived.get()]
            while len(group) < self._most_at_once and not self._arrived.empty():
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
    """Run one of the two in a process of its own; tells when it listens, and what it took when all is acknowledged."""
    app = bootstrap.build(bench.settings)
    ready = threading.Event()
    hub: CountedHub | PahoHub
    if kind == "raw":
        hub = PahoHub(bench.address)
        with app.database.read() as unit_of_work:
            known = DeviceRepository(unit_of_work).by_things(bench.things)
        RawLoop(app.database, {one.thing: (one.id, one.household_id) for one in known.values()}, hub).start(ready.set)
        ready.wait(60)
    else:
        hub = CountedHub(bench.address, Door(app.authority, lambda _thing: None))
        ingest = Ingest(app, hub, bootstrap.databases_beside(app))
        ingest.start()
        ingest.hears(60)
    collect_less()
    pipe.send("ready")
    cpu, memory = time.process_time(), []
    for share in MEASURED_AT:
        while hub.acknowledged < bench.events * share:
            time.sleep(0.005)
        memory.append(_memory())
    pipe.send((time.monotonic(), memory, time.process_time() - cpu))
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


def measure(bench: Bench, kind: str, load: Load, stored_before: int) -> float:
    """Return events a second from the first publish to the last acknowledgement; prints memory, checks the rows."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(bench, kind, theirs), daemon=True)
    process.start()
    assert ours.recv() == "ready"  # noqa: S101 - a bench that measures nothing must not look as if it did
    began = time.monotonic()
    loader = spawn.Process(target=_run_load, args=(load,), daemon=True)
    loader.start()
    ended, memory, cpu = ours.recv()
    loader.join()
    process.join()
    database = bootstrap.open_database(bench.settings)
    with database.read() as unit_of_work:
        stored = unit_of_work.connection.execute(select(func.count()).select_from(mailbox_events)).scalar_one()
    database.close()
    rate = float(bench.events / (ended - began))
    shares = ", ".join(f"{use} MB at {share:.0%}" for share, use in zip(MEASURED_AT, memory, strict=True))
    cost = f"{1e6 * cpu / bench.events:5.0f} us CPU each"
    print(f"  {kind:4s} {rate:8,.0f} events/s  {cost}  {shares}  {stored:,} rows", flush=True)
    assert stored == stored_before + bench.events  # noqa: S101 - same
    return rate


def _run_load(load: Load) -> None:
    asyncio.run(publish_all(load))


def _rounds(place: tuple[Path, str], chosen: argparse.Namespace, broker: BenchBroker) -> None:
    """Measure both in turns on one database, ``place`` its folder and its address."""
    folder, url = place
    ratios = []
    kinds = ("ours",) if chosen.ours else ("raw", "ours")
    events = chosen.events - chosen.events % chosen.devices
    benches = {}
    for kind in kinds:
        settings = Settings(data=folder / kind, database_url=SecretStr(f"{url}_{kind}" if url else ""))
        benches[kind] = Bench(settings, broker.address, events, prepare(settings, chosen.devices))
    types = ("open", "close") if chosen.kind == "open_close" else (chosen.kind,)
    for number in range(chosen.rounds):
        rates = {}
        for kind, bench in benches.items():
            # An install of its own: every round is a board's first events.
            load = Load(
                broker.device_port, bench.things, events // chosen.devices, f"{number:016x}", types, chosen.rate
            )
            rates[kind] = measure(bench, kind, load, number * events)
        if not chosen.ours:
            ratios.append(rates["ours"] / rates["raw"])
    if ratios:
        print(f"  ours is {statistics.median(ratios):.0%} of the raw loop, the median of", end=" ")
        print(", ".join(f"{ratio:.0%}" for ratio in ratios), "(to hold: 80 %)", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--devices", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kind", default="open_close", choices=["open_close", "still_open"])
    parser.add_argument("--only", choices=["sqlite", "mariadb"])
    parser.add_argument("--rate", type=float, help="events a second; without it as many as the broker takes")
    parser.add_argument("--ours", action="store_true", help="without the raw loop")
    return parser.parse_args()


def main() -> None:
    """Measure both on both databases and print a table."""
    chosen = _options()
    with tempfile.TemporaryDirectory(prefix="pillarbox-bench-") as name:
        folder = Path(name)
        server = MariadbServer(fetch_mariadb(), folder / "mariadb")
        with running_broker(folder) as broker:
            try:
                if chosen.only != "mariadb":
                    print("SQLite, every commit on the disk")
                    _rounds((folder / "sqlite", ""), chosen, broker)
                if chosen.only != "sqlite":
                    server.start("pillarbox_raw", "pillarbox_ours")
                    print("MariaDB, every commit on the disk")
                    _rounds((folder / "on-mariadb", server.url()), chosen, broker)
            finally:
                server.stop()


if __name__ == "__main__":
    main()
