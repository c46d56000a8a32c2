"""Which chip this is: what MicroPython calls the machine, and which of the built-in modules it has."""

import os
import sys
from collections import namedtuple

import link

# sys.implementation._machine of the official builds.
MACHINES = {
    "esp32": "Generic ESP32 module with ESP32",
    "esp32s3": "Generic ESP32S3 module with ESP32S3",
    "esp32c3": "ESP32C3 module with ESP32C3",
    "pico_w": "Raspberry Pi Pico W with RP2040",
}
PICO_W = "pico_w"
EPOCH_2000_S = 946684800
# The door's pin of each, as firmware/board.py and board_pico_w.py have it.
DOORS = {"esp32": 27, "esp32s3": 4, "esp32c3": 4, "pico_w": 15}

_host, _host_os = sys, os
_Uname = namedtuple("uname_result", ("sysname", "nodename", "release", "version", "machine"))  # noqa: PYI024 - as here


class Implementation:
    """``sys.implementation`` of the chip."""

    def __init__(self) -> None:
        self._machine = MACHINES[link.wake["chip"]]

    def __getattr__(self, name: str) -> object:
        return getattr(_host.implementation, name)


class System:
    """The module ``sys``, all of it the host's but what tells where a program runs."""

    def __init__(self) -> None:
        self.implementation = Implementation()
        self.platform = _platform()
        self.argv = []

    def __getattr__(self, name: str) -> object:
        return getattr(_host, name)


class OperatingSystem:
    """The module ``os``, with the name of the board."""

    def __init__(self) -> None:
        release = ".".join([str(part) for part in _host.implementation.version[:3]])
        told = _Uname(_platform(), _platform(), release, _host.version.split("; ")[-1], MACHINES[link.wake["chip"]])
        self.uname = lambda: told

    def __getattr__(self, name: str) -> object:
        return getattr(_host_os, name)


def built_in() -> tuple[str, ...]:
    """Give the chip's modules their names; return the names of those that are files beside this one."""
    _host.modules["sys"] = System()
    _host.modules["os"] = OperatingSystem()
    if link.wake["chip"] != PICO_W:
        return ("esp32", "machine")
    _host.modules["machine"] = __import__("machine_rp2")
    return ()


def _platform() -> str:
    return "rp2" if link.wake["chip"] == PICO_W else "esp32"


def epoch_s() -> int:
    """Return where the chip's clock begins to count, in Unix seconds."""
    return 0 if link.wake["chip"] == PICO_W else EPOCH_2000_S
