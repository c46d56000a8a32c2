"""``pillarbox up`` as a process that tests talk to, kill and start again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Self

from cloud.bootstrap import open_database
from cloud.ports.database import Database
from tests.ports import KeptPort
from tests.waiting import until
from tools.commands.provision import BrokerAt, Owner, make_device
from tools.commands.server_settings import server_settings

OWNER = Owner("owner@example.org", "Owner", "Drive")


class RunningServer:
    """One server on ``data``; its ports are kept while it is away, so that devices find it again.

    Its database is the one that the environment names when it starts, as it is for every command.
    """

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.log = data.parent / "server.log"
        self.url = ""
        self._kept = KeptPort(), KeptPort()
        self._port, self.mqtt_port = (kept.number for kept in self._kept)
        self._environment = {"PILLARBOX_SETTLE_S": "120"} | environment
        self._process: subprocess.Popen[bytes] | None = None
        self._database: Database | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Return the exit status, None while the server runs."""
        return self._process.poll()

    def start(self) -> None:
        """Start the server and return once everything listens."""
        options = ("--data", self.data, "--port", self._port, "--mqtt-port", self.mqtt_port, "--json")
        said = self.data.parent / "server.json"
        with self.log.open("ab") as log, said.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tools", "up", *map(str, options)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env={**os.environ, **self._environment},
            )
        until(lambda: said.read_bytes().endswith(b"\n") or self._process.poll() is not None, self._fault)
        assert self._process.poll() is None, self._fault()
        told = json.loads(said.read_text())
        assert told["mqtt_port"] == self.mqtt_port, told
        self.url = told["url"]

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def kill(self) -> None:
        """End the server as a power cut of its process would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        if self._process and self._process.poll() is None:
            self._end(signal.SIGTERM)
        if self._database:
            self._database.close()
            self._database = None

    def make_device(self, kind: str, owner: Owner = OWNER) -> Path:
        """Provision a device and return the folder of its identity; the folder's name is the thing's."""
        bundle = self.data.parent / f"{kind}-new"
        thing = make_device(self.data, kind, bundle, owner, BrokerAt("127.0.0.1", self.mqtt_port))
        return bundle.rename(self.data.parent / thing)

    @property
    def database(self) -> Database:
        """Return the server's database, opened beside it."""
        if self._database is None:
            self._database = open_database(server_settings(data=self.data))
        return self._database

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Return what the server's database answers; ``?`` in the text stands for a value."""
        with self.database.read() as unit_of_work:
            connection = unit_of_work.connection
            asked = sql if connection.dialect.name == "sqlite" else sql.replace("?", "%s")
            return [tuple(row) for row in connection.exec_driver_sql(asked, values)]

    def children(self) -> dict[int, str]:
        """Return the programs of the server's children by process id."""
        listed = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for file in listed for pid in _read(file).split()]
        return {pid: _program(pid) for pid in pids}

    def broker_pid(self) -> int | None:
        """Return the process id of the server's broker, None while there is none."""
        return next((pid for pid, program in self.children().items() if "mosquitto" in program), None)

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(60)

    def _fault(self) -> str:
        return "the server to run, its log ends with\n" + self.log.read_text(errors="replace")[-3000:]


def _program(pid: int) -> str:
    return _read(Path(f"/proc/{pid}/cmdline")).replace("\0", " ")


def _read(file: Path) -> str:
    """Return what /proc says of a process or thread, nothing when it has just ended."""
    try:
        return file.read_text()
    except (FileNotFoundError, ProcessLookupError):  # before it was opened, before it was read
        return ""
