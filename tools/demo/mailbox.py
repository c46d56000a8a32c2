"""The demo's household with its virtual mailbox: a board and a gateway, provisioned once and then kept."""

import json
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cloud.adapters.local.listening import bound, free_port
from cloud.errors import ConfigurationError
from tools.commands.provision import BrokerAt, Owner, make_device, point_to
from tools.demo.box import Fallen
from tools.demo.processes import Processes, Program

OWNER = Owner(email="you@example.com", name="You", mailbox="Demo mailbox")
START_S = 180.0  # on a machine that has much else to do
# How long a hand holds the door open.
DOOR_OPEN_S = 1.2


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are under the demo's data folder."""

    data: Path

    @property
    def camera(self) -> Path:
        """Return the folder whose images are the camera's frames."""
        return self.data / "camera"

    @property
    def outbox(self) -> Path:
        """Return the folder of the e-mails."""
        return self.data / "outbox"

    def bundle(self, kind: str) -> Path:
        """Return the folder of a device's identity."""
        return self.data / "devices" / kind

    def thing(self, kind: str) -> str:
        """Return the name of a device, "" for one that is not made yet."""
        file = self.bundle(kind) / "device.json"
        return str(json.loads(file.read_text())["thing"]) if file.exists() else ""


class DemoMailbox:
    """The server, the board and the gateway as processes, and the hand that opens the door."""

    def __init__(self, places: Places, processes: Processes, port: int) -> None:
        self._places, self._processes = places, processes
        self._port = port or free_port("127.0.0.1")
        self._asleep = threading.Event()
        self._online = threading.Event()
        self._server: dict[str, str] = {}
        self._server_up = threading.Event()
        self._journal_is_empty = False
        self.interpreter = ""
        self.opening = ""
        """The event_id of the opening for the letter that fell last, "" until the board has noticed it."""

    def start_server(self) -> str:
        """Start the server and return its address."""
        broker_port = self._broker_port()
        arguments = ("up", "--data", str(self._places.data), "--port", str(self._port), "--json")
        self._start("server", (*arguments, "--mqtt-port", str(broker_port)), self._hear_server, self._server_up)
        return self._server["url"]

    def start_devices(self) -> None:
        """Provision what is new, start gateway and board, and return when both are ready."""
        for kind in ("board", "gateway"):
            self._provision(kind)
        camera = self._places.camera
        camera.mkdir(exist_ok=True)
        bundle, spool = str(self._places.bundle("gateway")), str(self._places.data / "spool")
        options = ("--bundle", bundle, "--camera", f"folder:{camera}", "--spool", spool)
        self._start("gateway", ("gateway", "run", *options), self._hear_gateway, self._online)
        self._start_board()

    def clear_camera(self) -> None:
        """Take away the frames of a letter whose door a run before this one did not get to open."""
        for frame in [*self._places.camera.glob("*.jpg"), *self._places.camera.glob(".*.part")]:
            frame.unlink(missing_ok=True)

    def receive(self, fallen: Fallen) -> None:
        """Open the door, let the letter fall before the camera, close the door; returns while the hand is at it."""
        self.opening = ""
        threading.Thread(target=self._hand, args=(fallen,), name="hand", daemon=True).start()

    def _start_board(self) -> None:
        """Start the board with its door closed, and let it deliver what a run before this one left in its journal."""
        flash = self._places.data / "board.flash"
        # Without the state of its hardware it begins as after a power cut: it looks at the door and reports at once.
        flash.with_name(flash.name + ".state.json").unlink(missing_ok=True)
        options = ("--flash", str(flash), "--bundle", str(self._places.bundle("board")))
        self._start("board", ("simulate", "board", *options), self._hear_board, self._asleep)
        deadline = time.monotonic() + START_S
        while not self._journal_is_empty:
            self._processes.check()
            if time.monotonic() > deadline:
                raise ConfigurationError(f"expected the server to take the board's events within {START_S:.0f} s")
            self._wake_board()

    def _wake_board(self) -> None:
        self._asleep.clear()
        self._processes.write("board", "cut")
        self._processes.write("board", "restore")
        self._asleep.wait(START_S)

    def _hand(self, fallen: Fallen) -> None:
        self._processes.write("board", "open")
        for number, frame in enumerate(fallen.frames):
            partial = self._places.camera / f".{number}.part"
            partial.write_bytes(frame)
            partial.rename(self._places.camera / f"{time.time_ns()}-{number}.jpg")
        time.sleep(DOOR_OPEN_S)
        self._processes.write("board", "close")

    def _provision(self, kind: str) -> None:
        broker = BrokerAt(self._server["mqtt_host"], int(self._server["mqtt_port"]))
        bundle = self._places.bundle(kind)
        if not bundle.exists():
            make_device(self._places.data, kind, bundle, OWNER, broker)
        point_to(bundle, broker)

    def _broker_port(self) -> int:
        """Return the port used before, so that devices find their broker again, if nobody else has it now."""
        file = self._places.bundle("board") / "device.json"
        known = json.loads(file.read_text())["port"] if file.exists() else 0
        return known if known and _is_free(known) else free_port("127.0.0.1")

    def _start(
        self, name: str, arguments: tuple[str, ...], hear: Callable[[str], None], ready: threading.Event
    ) -> None:
        self._processes.start(Program(name, arguments, hear, os.environ))
        deadline = time.monotonic() + START_S
        while not ready.wait(0.1):
            self._processes.check()
            if time.monotonic() > deadline:
                raise ConfigurationError(f"expected the {name} to be ready within {START_S:.0f} s; see logs/{name}.log")

    def _hear_server(self, line: str) -> None:
        if line.startswith("{"):
            self._server = json.loads(line)
            self._server_up.set()

    def _hear_gateway(self, line: str) -> None:
        if line == "connected":
            self._online.set()

    def _hear_board(self, line: str) -> None:
        report = json.loads(line)
        self.interpreter = report.get("interpreter", self.interpreter)
        if report["kind"] == "asleep":
            self._asleep.set()
        text = report.get("text", "")
        self._journal_is_empty = text.endswith(" 0 waiting") if " waiting" in text else self._journal_is_empty
        if " journaled open " in text and not self.opening:
            self.opening = text.split()[-1]


def _is_free(port: int) -> bool:
    try:
        bound("127.0.0.1", port).close()
    except OSError:
        return False
    return True
