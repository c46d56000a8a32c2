"""The fault laboratory with the product's own parts around it: its certificates, and its intake as the cloud."""

import json
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from sqlalchemy import select

from cloud import pipeline
from cloud.bootstrap import UPDATE_KEY, Application, build
from cloud.ports.device_hub import DeviceMessage
from cloud.settings import Settings
from cloud.tables import mailbox_events
from firmware.wire import codec, messages, topics
from simulator.board.flash_image import BUNDLE_FILES
from simulator.lab.broker import LabBroker, ServerFiles
from simulator.lab.lab import Interpreter, InterpreterError, Lab
from simulator.lab.ledger import Ledger
from simulator.lab.scenario import Step, story
from simulator.lab.soak import Verdict, play
from tools.commands.provision import BrokerAt, Owner, add_update_key, make_device
from tools.firmware_image import load_key
from tools.publisher import Publisher

OWNER = Owner("laboratory@example.org", "Laboratory", "Laboratory")
# Really waited for whenever a broker is silent, so no longer than loopback needs on a busy machine.
ANSWER_MS = 300
ACK_WAIT_MS = 50


class StoredLedger(Ledger):
    """A ledger whose cloud is the product's own: reports go into its database, and what it answers to the board."""

    def __init__(self, app: Application, thing: str) -> None:
        super().__init__()
        self._app = app
        self._thing = thing
        self._wish: dict[str, Any] = {"rev": 1}

    def wish(self, message: dict[str, Any]) -> None:
        """Let the broker keep ``message`` for the board."""
        self._wish = message

    def take_events(self, payload: bytes) -> None:
        """Let the cloud commit one message of events."""
        super().take_events(payload)
        self._take(topics.EVENTS, payload)

    def take_heartbeat(self, payload: bytes) -> None:
        """Let the cloud commit one heartbeat."""
        super().take_heartbeat(payload)
        self._take(topics.HEARTBEAT, payload)

    def desired(self) -> bytes:
        """Return what the cloud said last."""
        return codec.encode(messages.DESIRED, self._wish)

    def desired_at(self, rev: int) -> bytes:
        """Return the same at another revision."""
        return codec.encode(messages.DESIRED, {**self._wish, "rev": rev})

    def stored(self) -> list[str]:
        """Return the names of the events in the database, of the installs that this ledger heard of."""
        installs = {name.split("-")[0] for name in self.rows}
        columns = mailbox_events.c
        with self._app.database.read() as unit_of_work:
            found = unit_of_work.connection.execute(select(columns.event_id).where(columns.install.in_(installs)))
            return sorted(found.scalars())

    def _take(self, kind: str, payload: bytes) -> None:
        with self._app.database.write() as unit_of_work:
            said = DeviceMessage(self._thing, kind, payload, unit_of_work.now)
            answers = pipeline.take(self._app.ports, self._app.queue, unit_of_work, [said])
        for answer in answers:
            self.wish(dict(answer.message))


class Laboratory:
    """An interpreter, a misbehaving broker and a cloud in ``folder``, on which one story after another is played."""

    def __init__(self, folder: Path, micropython: Path, umqtt: Path) -> None:
        self._folder = folder
        self._parts = (micropython, umqtt)
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        self._thing = make_device(self._folder / "data", "board", self._bundle, OWNER, BrokerAt("127.0.0.1", 0))
        data = self._folder / "data"
        add_update_key(self._bundle, data)
        self._app = app = build(Settings(data=data))
        self._closing.callback(app.database.close)
        self._closing.callback(app.ports.writer.close)
        self._broker = LabBroker(self._server_files(), Ledger())
        self._closing.callback(self._broker.stop)
        self._publisher = Publisher(app, self._thing, load_key(data / UPDATE_KEY))
        self._closing.callback(self._publisher.stop)
        self._interpreter = Interpreter(*self._parts)
        return self

    def __exit__(self, *_: object) -> None:
        self._interpreter.close()
        self._closing.close()

    def run(self, seed: int) -> Verdict:
        """Play the story of ``seed`` on a new board and judge by the database too; raises LabError.

        Where the interpreter ends, which is no board's doing, the story is played again by a fresh one, once.
        """
        try:
            return self.play(story(seed))
        except InterpreterError:
            self._interpreter.close()
            self._interpreter = Interpreter(*self._parts)
            return self.play(story(seed))

    def play(self, steps: Iterable[Step]) -> Verdict:
        """Play any story, once; raises LabError."""
        self._broker.ledger = ledger = StoredLedger(self._app, self._thing)
        self._broker.faults.clear()
        self._publisher.begin(ledger.wish)
        verdict = play(self.new_board(), steps, self._publisher)
        if ledger.stored() == sorted(ledger.rows):
            return verdict
        return verdict.with_problem(f"expected {sorted(ledger.rows)} in the database, got {ledger.stored()}")

    def new_board(self, answer_ms: int = ANSWER_MS) -> Lab:
        """Return a board that never had power; it takes the place of the one before."""
        return Lab(self._interpreter, self._files(), self._broker, answer_ms=answer_ms)

    @property
    def _bundle(self) -> Path:
        return self._folder / "bundle"

    def _server_files(self) -> ServerFiles:
        server = self._app.authority.issue_server([])
        certificate, key = self._folder / "cert.pem", self._folder / "key.pem"
        certificate.write_bytes(server.certificate)
        key.write_bytes(server.key)
        return ServerFiles(certificate, key, self._bundle / "ca.pem")

    def _files(self) -> dict[str, bytes]:
        files = {name: (self._bundle / name).read_bytes() for name in BUNDLE_FILES}
        device = json.loads(files["device.json"]) | {"port": self._broker.port, "ack_wait_ms": ACK_WAIT_MS}
        return files | {"device.json": json.dumps(device).encode()}
