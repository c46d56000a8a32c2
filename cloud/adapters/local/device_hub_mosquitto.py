"""The embedded broker: mosquitto as a child process, with a configuration that lets a thing speak only as itself."""

import errno
import logging
import os
import pwd
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cloud.adapters.local.child_process import die_with_parent
from cloud.adapters.local.files import make_folder, write_durably
from cloud.adapters.local.listening import bound, free_port
from cloud.errors import ConfigurationError
from firmware.wire import topics

log = logging.getLogger(__name__)

READY_S = 15.0
STOP_S = 5.0
PORT_S = 5.0
MAX_LOG_BYTES = 1_000_000
FIRST_RESTART_PAUSE_S = 0.1
MAX_RESTART_PAUSE_S = 30.0
# The payload limit of the wire contract, with room for the longest topic and the packet's header.
MAX_PACKET_BYTES = topics.MAX_PAYLOAD_BYTES + topics.MAX_TOPIC_BYTES + 16


@dataclass(frozen=True, slots=True)
class BrokerFiles:
    """Certificate files of the broker and the list of revoked ones, PEM."""

    authority: Path
    certificate: Path
    key: Path
    revocations: Path


class Mosquitto:
    """One mosquitto, started again with growing pauses when it ends, and ended with this process."""

    def __init__(self, program: Path, folder: Path, host: str, port: int, files: BrokerFiles) -> None:
        self.host, self.port = host, port or free_port(host)
        self._program, self._folder, self._files = program, folder, files
        self._process: subprocess.Popen[bytes] | None = None
        self._log_begin = 0
        self._starting = threading.Lock()
        self._stopping = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="mosquitto", daemon=True)
        self._ready = threading.Event()
        self._shut_out: set[str] = set()

    def start(self) -> None:
        """Write the configuration, start the broker and return when it accepts connections.

        Raises ConfigurationError when its port is taken, or when it does not accept within 15 seconds.
        """
        make_folder(self._folder)
        self._write_acl()
        write_durably(self._folder / "mosquitto.conf", self._configuration().encode())
        self._trim_log()
        said_before = len(self._log_since(0))
        self._await_port()
        self._watcher.start()
        if not self._ready.wait(READY_S):
            self.stop()
            raise ConfigurationError(
                f"expected mosquitto to listen on {self.host}:{self.port} within {READY_S:.0f} s. It said:\n"
                + _last_lines(self._log_since(said_before))
            )

    def shut_out(self, thing: str) -> None:
        """Have the broker read the revocation list again, and let nothing through from or to this thing.

        The list is asked during TLS handshakes only: a connection that is past its own, and has yet to send CONNECT,
        is still taken. It finds that it may do nothing. After a restart there is no such connection.
        """
        with self._starting:
            self._shut_out.add(thing)
            self._write_acl()
            if self._process and self._process.poll() is None:
                self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """End the broker; it writes its retained messages to the disk first."""
        with self._starting:
            self._stopping.set()
            if self._process and self._process.poll() is None:
                self._process.terminate()
        if self._watcher.is_alive():
            self._watcher.join(STOP_S)
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _watch(self) -> None:
        # One thread starts every child and lives as long as this process: the kernel sends
        # the parent-death signal when the *thread* that forked ends.
        pause = FIRST_RESTART_PAUSE_S
        while not self._stopping.is_set():
            started = time.monotonic()
            self._run_once()
            if self._stopping.is_set():
                return
            lived = time.monotonic() - started
            pause = FIRST_RESTART_PAUSE_S if lived > 60 else min(pause * 2, MAX_RESTART_PAUSE_S)
            log.error("mosquitto ended; starting it again in %.1f s. It said:\n%s", pause, self._last_log_lines())
            self._set_damage_aside()
            self._stopping.wait(pause)

    def _run_once(self) -> None:
        process = self._launch()
        if process is None:
            return
        while process.poll() is None and not self._ready.is_set():
            if _accepts(self.host, self.port):
                self._ready.set()
            else:
                time.sleep(0.02)
        process.wait()

    def _launch(self) -> subprocess.Popen[bytes] | None:
        with self._starting, (self._folder / "mosquitto.log").open("ab") as output:
            if self._stopping.is_set():
                return None
            self._log_begin = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 - a program the operator chose, no shell
                [self._program, "-c", self._folder / "mosquitto.conf"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C at the terminal reaches the server alone, which ends the broker last
                # SIGTERM, not SIGKILL: messages that devices were told are safe reach the disk then.
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - two system calls, prepared before the fork
            )
            return self._process

    def _await_port(self) -> None:
        """Return once the port is free: the broker of a killed server needs a moment to end."""
        deadline = time.monotonic() + PORT_S
        while _is_taken(self.host, self.port):
            if time.monotonic() > deadline:
                raise ConfigurationError(
                    f"expected port {self.port} on {self.host} to be free for MQTT, another program listens there. "
                    "Choose another with --mqtt-port, or 0 for any."
                )
            time.sleep(0.05)

    def _set_damage_aside(self) -> None:
        """Let the broker start without its saved messages when it cannot read them; devices send them again."""
        saved = self._folder / "mosquitto.db"
        if saved.exists() and "Couldn't open database" in self._last_log_lines():
            log.error("%s is damaged; set aside as %s.damaged", saved, saved.name)
            saved.replace(saved.with_name("mosquitto.db.damaged"))

    def _trim_log(self) -> None:
        """Keep the end of the last log only: every stranger who knocks adds a line."""
        file = self._folder / "mosquitto.log"
        if file.exists() and file.stat().st_size > MAX_LOG_BYTES:
            write_durably(file, file.read_bytes()[-MAX_LOG_BYTES // 2 :])

    def _configuration(self) -> str:
        lines = [
            f"listener {self.port} {self.host}",
            f"user {pwd.getpwuid(os.getuid()).pw_name}",
            f"cafile {self._files.authority}",
            f"certfile {self._files.certificate}",
            f"keyfile {self._files.key}",
            f"crlfile {self._files.revocations}",
            "tls_version tlsv1.2",
            "require_certificate true",
            "use_identity_as_username true",
            "use_username_as_clientid true",
            "allow_anonymous false",
            f"acl_file {self._folder / 'acl'}",
            f"max_packet_size {MAX_PACKET_BYTES}",
            "max_connections 2000",
            "max_inflight_messages 2000",
            "max_queued_messages 100000",
            "max_qos 1",
            "set_tcp_nodelay true",
            "persistence true",
            f"persistence_location {self._folder}/",
            # Retained and queued messages reach the disk a second after they change (kill -9 lost them otherwise).
            "autosave_on_changes true",
            "autosave_interval 1",
            "log_dest stderr",
            "log_type error",
            "log_type warning",
        ]
        return "\n".join(lines) + "\n"

    def _write_acl(self) -> None:
        write_durably(self._folder / "acl", _acl(sorted(self._shut_out)).encode())

    def _last_log_lines(self) -> str:
        """Return the end of what the last start of the broker said."""
        return _last_lines(self._log_since(self._log_begin))

    def _log_since(self, place: int) -> bytes:
        try:
            return (self._folder / "mosquitto.log").read_bytes()[place:]
        except FileNotFoundError:
            return b""


def _acl(shut_out: Sequence[str]) -> str:
    """Return who may do what: a thing writes its own up topics and reads its own down topics, the server vice versa.

    What is denied to one user goes before what a pattern allows to all.
    """
    prefix = topics.PREFIX
    server = [f"topic read {prefix}/+/{kind}" for kind in topics.UP]
    server += [f"topic write {prefix}/+/{kind}" for kind in topics.DOWN]
    things = [f"pattern write {prefix}/%u/{kind}" for kind in topics.UP]
    things += [f"pattern read {prefix}/%u/{kind}" for kind in topics.DOWN]
    denied = [f"user {thing}\ntopic deny {prefix}/{thing}/#\n" for thing in shut_out]
    return "\n".join(["user _server", *server, "", *denied, *things]) + "\n"


def _last_lines(said: bytes) -> str:
    return "\n".join(said.decode(errors="replace").splitlines()[-5:]) or "(nothing)"


def _is_taken(host: str, port: int) -> bool:
    try:
        bound(host, port).close()
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise ConfigurationError(f"expected to listen on {host}:{port}: {error.strerror}") from error
        return True
    return False


def _accepts(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=0.5):
            return True
    except OSError:
        return False
