"""``pillarbox up`` as a process that tests talk to, kill and start again."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.waiting import until
from tools.commands.provision import BrokerAt, Owner, make_device

OWNER = Owner("owner@example.org", "Owner", "Drive")


class RunningServer:
    """One server on ``data``; the ports of its first start are kept, so that devices find it again."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.log = data.parent / "server.log"
        self.url = ""
        self.mqtt_port = 0
        self._port = 0
        self._environment = {"PILLARBOX_SETTLE_S": "120"} | environment
        self._process: subprocess.Popen[bytes] | None = None

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
        addresses = json.loads(said.read_text())
        self.url, self.mqtt_port = addresses["url"], int(addresses["mqtt_port"])
        self._port = int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """End the server as a power cut of its process would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End the server as Ctrl-C would."""
        if self._process and self._process.poll() is None:
            self._end(signal.SIGTERM)

    def make_device(self, kind: str, owner: Owner = OWNER) -> Path:
        """Provision a device and return the folder of its identity; the folder's name is the thing's."""
        bundle = self.data.parent / f"{kind}-new"
        thing = make_device(self.data, kind, bundle, owner, BrokerAt("127.0.0.1", self.mqtt_port))
        return bundle.rename(self.data.parent / thing)

    def rows(self, sql: str, *values: object) -> list[tuple]:
        """Return what the server's database answers."""
        connection = sqlite3.connect(self.data / "pillarbox.db", timeout=30)
        try:
            return connection.execute(sql, values).fetchall()
        finally:
            connection.close()

    def children(self) -> dict[int, str]:
        """Return the programs of the server's children by process id."""
        listed = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for file in listed for pid in file.read_text().split()]
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
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except FileNotFoundError:  # it has just ended
        return ""
