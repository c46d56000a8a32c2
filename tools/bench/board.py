"""Measure the board on this machine: pin edge to PUBACK against bare umqtt, and how little heap it gets by with.

Run ``python -m tools.bench.board``. Both boards run on the same MicroPython, flash and broker, in turns; the bare
one (``bare_board.py``) connects and publishes with umqtt.simple as it comes, without journal, debounce or deadline.
"""

import argparse
import json
import queue
import shutil
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from cloud.adapters.local.certificate_authority import FolderCertificateAuthority
from cloud.adapters.local.device_hub_mosquitto import BrokerFiles, Mosquitto
from cloud.adapters.local.listening import free_port
from cloud.ports.certificate_authority import Credentials
from firmware.wire import codec, messages, topics
from simulator.board.firmware_files import CHOOSER
from simulator.board.interpreter import DEFAULT_HEAP
from simulator.board.reports import BoardReport
from simulator.board.virtual_board import VirtualBoard
from tools.laboratory import Laboratory
from tools.parts.micropython import fetch_micropython
from tools.parts.mosquitto import fetch_mosquitto
from tools.parts.umqtt import fetch_umqtt

THING = "board-bench"
SERVER = "_server"
PATIENCE_S = 20.0
BARE_MAIN = Path(__file__).with_name("bare_board.py")
MOST_OF_BARE = 1.5
# An 8 KB message: what a board sends when it finds its way back after weeks.
WAITING_EVENTS = 45
HEAPS_KB = range(64, 264, 8)


@dataclass(frozen=True, slots=True)
class Parts:
    """What every measured board is made of."""

    folder: Path
    bundle: Path
    micropython: Path
    umqtt: Path


class Server:
    """The product's own broker and authority, one provisioned board, and a cloud that acknowledges everything."""

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "bundle"
        authority = FolderCertificateAuthority(folder / "authority")
        own = _write_pem(folder / "own", authority.issue_server([]))
        self._cloud_files = _write_pem(folder / "cloud", authority.issue_device(SERVER))
        _write_pem(self.bundle, authority.issue_device(THING))
        _add_der(self.bundle)
        files = BrokerFiles(own / "ca.pem", own / "cert.pem", own / "key.pem", authority.revocation_list())
        self._broker = Mosquitto(fetch_mosquitto(), folder / "broker", "127.0.0.1", 0, files)
        self._cloud = Client(CallbackAPIVersion.VERSION2, SERVER)
        self._rev = 0

    def __enter__(self) -> Self:
        self._broker.start()
        self.point_bundle_to(self._broker.port)
        ready = threading.Event()
        files = self._cloud_files
        self._cloud.tls_set(str(files / "ca.pem"), str(files / "cert.pem"), str(files / "key.pem"))
        self._cloud.on_connect = lambda client, *_: client.subscribe(f"{topics.PREFIX}/+/{topics.EVENTS}", 1)
        self._cloud.on_subscribe = lambda *_: ready.set()
        self._cloud.on_message = self._acknowledge
        self._cloud.connect("127.0.0.1", self._broker.port)
        self._cloud.loop_start()
        ready.wait(PATIENCE_S)
        return self

    def __exit__(self, *_: object) -> None:
        self._cloud.disconnect()
        self._cloud.loop_stop()
        self._broker.stop()

    @property
    def port(self) -> int:
        """Return the broker's port."""
        return self._broker.port

    def point_bundle_to(self, port: int) -> None:
        """Let boards that start from now on look for their broker there."""
        device = {"thing": THING, "kind": "board", "host": "127.0.0.1", "port": port, "server_name": "localhost"}
        options = {"ack_wait_ms": 500, "storm_movements": 1000000, "wifi": {"ssid": "", "password": ""}}
        (self.bundle / "device.json").write_text(json.dumps({**device, **options}))

    def _acknowledge(self, client: Client, _: Any, message: MQTTMessage) -> None:
        with suppress(codec.WireError):  # the bare board's messages are not of the contract
            taken = codec.decode(messages.EVENTS, bytes(message.payload))
            self._rev += 1
            ack = {"install": taken["install"], "boot": taken["boot"], "seq": taken["events"][-1]["seq"]}
            desired = codec.encode(messages.DESIRED, {"rev": self._rev, "ack": ack})
            client.publish(topics.topic(THING, topics.DESIRED), desired, 1, retain=True)


class MeasuredBoard:
    """A virtual board whose reports are stamped as they come."""

    def __init__(
        self, parts: Parts, name: str, *, main: Path = CHOOSER, heap: str = DEFAULT_HEAP, is_open: bool = False
    ) -> None:
        self._reports: queue.SimpleQueue[tuple[float, BoardReport]] = queue.SimpleQueue()
        # Without bounces, which the bare board would report as movements.
        made_of = (parts.folder / name, parts.bundle, parts.micropython, parts.umqtt)
        self._board = VirtualBoard(*made_of, self._stamp, heap=heap, main=main, bounce_ms=(0,))
        self._is_open = is_open

    def __enter__(self) -> Self:
        self._board.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._board.stop()

    def until(self, kind: str, text: str = "") -> tuple[float, BoardReport]:
        """Return the next report of ``kind`` with ``text``, and when it came; raises RuntimeError for a crash."""
        while True:
            at, report = self._reports.get(timeout=PATIENCE_S)
            if report.kind == "crashed" or "MemoryError" in report.text:
                raise RuntimeError(report.text)
            if report.kind == kind and text in report.text:
                return at, report

    def swing(self) -> float:
        """Open or close the door; return when."""
        at = time.perf_counter()
        (self._board.close_door if self._is_open else self._board.open_door)()
        self._is_open = not self._is_open
        return at

    def milliseconds_to(self, text: str) -> float:
        """Swing the door and return how long it took until the log said ``text``; the board sleeps again then."""
        began = self.swing()
        at, _ = self.until("log", text)
        self.until("asleep")
        return (at - began) * 1000

    def _stamp(self, report: BoardReport) -> None:
        self._reports.put((time.perf_counter(), report))


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument(
        "--micropython", type=Path, help="another one, such as a 32-bit build, whose objects are ESP32's"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Server(Path(name)) as server:
        parts = Parts(Path(name), server.bundle, arguments.micropython or fetch_micropython(), fetch_umqtt())
        measure_latency(parts, arguments.runs)
        measure_records(parts)
        measure_heap(parts, server)


def measure_latency(parts: Parts, runs: int) -> None:
    """Print the median time from pin edge to PUBACK of both boards, whose doors swing in turns."""
    no_delay = parts.folder / "bare_no_delay.py"
    no_delay.write_text(BARE_MAIN.read_text().replace("NO_DELAY = False", "NO_DELAY = True"))
    mains = {"board": CHOOSER, "bare umqtt": BARE_MAIN, "bare umqtt, TCP_NODELAY": no_delay}
    times: dict[str, list[float]] = {name: [] for name in mains}
    with ExitStack() as stack:
        boards = {}
        # One after the other: they share a name, and the broker hangs up on the older of two connections.
        for name, main in mains.items():
            boards[name] = stack.enter_context(MeasuredBoard(parts, f"{name}.img", main=main))
            boards[name].until("asleep")
        for _ in range(runs):
            for name, board in boards.items():
                times[name].append(board.milliseconds_to("published" if name == "board" else "acknowledged"))
    ours = statistics.median(times["board"])
    for name, found in times.items():
        median = statistics.median(found)
        print(
            f"{name}: pin edge to PUBACK {median:.1f} ms (worst {max(found):.1f}, n={runs}), ratio {ours / median:.2f}"
        )
    print(f"to reach: a ratio of at most {MOST_OF_BARE}")


def measure_records(parts: Parts) -> None:
    """Print in how many TLS records a publish leaves the board, of one event and of many."""
    with Laboratory(parts.folder / "laboratory", parts.micropython, parts.umqtt) as laboratory:
        lab = laboratory.new_board()
        lab.start()
        one = lab.move(is_open=True)
        lab.set(has_wifi=False)
        for number in range(WAITING_EVENTS):
            lab.move(is_open=number % 2 == 1)
        many = lab.set(has_wifi=True).sleep_on()
    print(f"TLS records of each publish: {one.records} with one event, {many.records} with {WAITING_EVENTS}")


def measure_heap(parts: Parts, server: Server) -> None:
    """Print the live heap after a wake, and the smallest heap that still sends a message of 8 KB."""
    server.point_bundle_to(free_port("127.0.0.1"))
    with MeasuredBoard(parts, "heap.img") as board:
        board.until("asleep")
        for _ in range(WAITING_EVENTS):
            board.swing()
            _, report = board.until("asleep")
    server.point_bundle_to(server.port)
    print(f"heap: {(report.heap_bytes or 0) / 1000:.0f} KB live after a wake, besides the simulated hardware")
    smallest = next((f"{size}K" for size in HEAPS_KB if _sends_all(parts, f"{size}K")), f"none up to {HEAPS_KB[-1]}K")
    print(f"smallest heapsize that sends {WAITING_EVENTS} waiting events, simulated hardware included: {smallest}")


def _sends_all(parts: Parts, heap: str) -> bool:
    for file in parts.folder.glob("heap.img*"):
        shutil.copy(file, file.with_name(file.name.replace("heap", "try", 1)))
    try:
        with MeasuredBoard(parts, "try.img", heap=heap, is_open=WAITING_EVENTS % 2 == 1) as board:
            board.until("asleep")
            board.swing()
            board.until("log", "published")
            board.until("asleep")
    except (RuntimeError, queue.Empty):
        return False
    return True


def _write_pem(folder: Path, credentials: Credentials) -> Path:
    folder.mkdir()
    (folder / "ca.pem").write_bytes(credentials.authority)
    (folder / "cert.pem").write_bytes(credentials.certificate)
    (folder / "key.pem").write_bytes(credentials.key)
    return folder


def _add_der(bundle: Path) -> None:
    der, sec1, bare = Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    for name in ("ca", "cert"):
        certificate = x509.load_pem_x509_certificate((bundle / f"{name}.pem").read_bytes())
        (bundle / f"{name}.der").write_bytes(certificate.public_bytes(der))
    key = load_pem_private_key((bundle / "key.pem").read_bytes(), password=None)
    (bundle / "key.der").write_bytes(key.private_bytes(der, sec1, bare))


if __name__ == "__main__":
    main()
