"""A mosquitto of its own for each test."""

import os
import socket
import subprocess
from pathlib import Path

from tests.journey.gateway.authority import Authority
from tests.ports import KeptPort
from tests.waiting import until

SERVER = "_server"


class Broker:
    """mosquitto as the cloud runs it: client certificate required, its name is user name and client id."""

    def __init__(self, program: Path, folder: Path, authority: Authority) -> None:
        self._kept = KeptPort()
        self.port = self._kept.number
        self._program = program
        self._folder = folder
        self.server_files = authority.issue(SERVER, folder / "server")
        own = authority.issue("localhost", folder / "own")
        acl = folder / "acl"
        acl.write_text(f"user {SERVER}\ntopic readwrite pillarbox/v1/#\npattern readwrite pillarbox/v1/%u/#\n")
        acl.chmod(0o600)
        lines = [
            f"listener {self.port} 127.0.0.1",
            f"cafile {own / 'ca.pem'}",
            f"certfile {own / 'cert.pem'}",
            f"keyfile {own / 'key.pem'}",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "set_tcp_nodelay true",
            f"acl_file {acl}",
            "persistence false",
            *(["user root"] if os.geteuid() == 0 else []),
        ]
        (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self._folder / "mosquitto.log").open("ab")
        self._process = subprocess.Popen(
            [str(self._program), "-c", str(self._folder / "mosquitto.conf")],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        log.close()
        until(lambda: _listens(self.port), "the broker to listen")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


def _listens(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0
