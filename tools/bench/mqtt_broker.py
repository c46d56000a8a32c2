"""mosquitto for benches: devices come without certificates, the server with its own."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cloud import bootstrap
from cloud.adapters.local.device_hub import RECEIVE_MAXIMUM, BrokerAddress
from cloud.adapters.local.listening import free_port
from cloud.settings import Settings
from tools.parts.mosquitto import fetch_mosquitto

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class BenchBroker:
    """Where devices come to, and where the server."""

    device_port: int
    address: BrokerAddress


@contextlib.contextmanager
def running_broker(folder: Path) -> Iterator[BenchBroker]:
    """Run a broker that keeps its files in a folder."""
    keys = Settings(data=folder / "broker")
    device_port, server_port = free_port(HOST), free_port(HOST)
    authority, certificate, key = bootstrap.certificate_files(keys, "server")
    configuration = folder / "mosquitto.conf"
    configuration.write_text(
        "per_listener_settings true\nmax_queued_messages 0\nset_tcp_nodelay true\n"
        f"max_inflight_messages {RECEIVE_MAXIMUM}\n"
        f"user {'root' if os.geteuid() == 0 else ''}\n"
        f"listener {device_port} {HOST}\nallow_anonymous true\n"
        f"listener {server_port} {HOST}\nallow_anonymous true\nrequire_certificate true\n"
        f"cafile {authority}\ncertfile {certificate}\nkeyfile {key}\n"
    )
    address = BrokerAddress(HOST, server_port, *bootstrap.certificate_files(keys, "_server"))
    process = subprocess.Popen([fetch_mosquitto(), "-c", configuration], stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        while not _accepts(device_port):
            time.sleep(0.02)
        yield BenchBroker(device_port, address)
    finally:
        process.terminate()
        process.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0
