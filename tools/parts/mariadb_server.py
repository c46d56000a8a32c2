"""A private MariaDB server: its own data folder, a free port on loopback, one user with a random password."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from cloud.adapters.local.listening import free_port
from tools.parts.cache import PartError
from tools.parts.mariadb import INSTALLER

USER = "pillarbox"
# A port that is free may be taken until the server binds it.
TRIES = 3
START_S = 60.0


class MariadbServer:
    """One server and its child process; ``durable=False`` trades the power cut for speed."""

    def __init__(self, program: Path, folder: Path, *, durable: bool = True) -> None:
        self._program, self._folder = program, folder
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self.port = free_port("127.0.0.1")

    def start(self, *schemas: str) -> None:
        """Start the server with these schemas (default: pillarbox); raises PartError when it does not come up."""
        self._temporary().mkdir(parents=True, exist_ok=True)
        if not (self._folder / "data").exists():
            self._make_data_folder()
        (self._folder / "init.sql").write_text(
            f"CREATE USER IF NOT EXISTS '{USER}'@'%' IDENTIFIED BY '{self._password}';\n"
            f"GRANT ALL ON *.* TO '{USER}'@'%';\n"
            + "".join(f"CREATE DATABASE IF NOT EXISTS {schema};\n" for schema in schemas or ("pillarbox",))
        )
        for _ in range(TRIES):
            with (self._folder / "log").open("ab") as log:
                self._process = subprocess.Popen(  # noqa: S603 - a program that we found
                    self._command(), stdout=log, stderr=log, stdin=subprocess.DEVNULL
                )
            if self._is_up():
                return
            self.stop()
            self.port = free_port("127.0.0.1")  # another program may have taken the one before
        raise PartError(f"expected MariaDB to start, got: {(self._folder / 'log').read_text()[-500:]}")

    def url(self, schema: str = "pillarbox") -> str:
        """Return the address for PILLARBOX_DATABASE_URL."""
        return f"mysql://{USER}:{self._password}@127.0.0.1:{self.port}/{schema}"

    def stop(self) -> None:
        """Stop the server and wait for its end."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the server as a power cut of its process would."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(number)
            self._process.wait(START_S)
            self._process = None

    def _make_data_folder(self) -> None:
        command = [*self._installing(), f"--datadir={self._folder / 'data'}", f"--tmpdir={self._temporary()}"]
        done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own words
        if done.returncode:
            raise PartError(f"expected {command[0]} to make a data folder, got: {done.stderr[-500:]}")

    def _installing(self) -> list[str]:
        """Return the command, but for its folders, that makes a data folder."""
        places = f"{self._program.parent}:{os.environ.get('PATH', '')}"
        installer = shutil.which(INSTALLER, path=places) or INSTALLER
        return [installer, "--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", *as_root()]

    def _dialect(self) -> list[str]:
        """Return what another program than MariaDB's is told otherwise."""
        # No socket: its path has at most 107 bytes, a test's folder may have more.
        return ["--socket=", "--innodb-log-file-size=256M"]

    def _temporary(self) -> Path:
        """Return a folder of its own: a server that starts removes every temporary table, and /tmp is everybody's."""
        return self._folder / "tmp"

    def _command(self) -> list[str]:
        data = self._folder / "data"
        quick = () if self._durable else ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite")
        return [
            str(self._program),
            "--no-defaults",
            *as_root(),
            *self._dialect(),
            f"--datadir={data}",
            f"--tmpdir={self._temporary()}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--pid-file={data / 'pid'}",
            f"--init-file={self._folder / 'init.sql'}",
            "--skip-name-resolve",
            "--innodb-buffer-pool-size=256M",
            *quick,
        ]

    def _is_up(self) -> bool:
        """Wait for the server; False when it has ended, whoever else answers at its port."""
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                if connection.recv(1) and (self._folder / "data" / "pid").read_text().strip() == str(self._process.pid):
                    return True
            time.sleep(0.05)
        return False


def as_root() -> tuple[str, ...]:
    """Return the option for who is root: a server runs as root only when told so."""
    return ("--user=root",) if os.geteuid() == 0 else ()
