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

    def children(self) -> dict[str, int]:
        """Return the process ids of the server's children by the name of their program."""
        listed = Path(f"/proc/{self.pid}/task").glob("*/children")
        pids = [int(pid) for file in listed for pid in file.read_text().split()]
        return {Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode(): pid for pid in pids}

    def _end(self, number: signal.Signals) -> None:
        self._process.send_signal(number)
        self._process.wait(60)

    def _fault(self) -> str:
        return "the server to run, its log ends with\n" + self.log.read_text(errors="replace")[-3000:]
