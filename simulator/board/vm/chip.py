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
# sys.implementation._build of the same, and the architecture of its machine code (py/persistentcode.h).
BUILDS = {
    "esp32": ("ESP32_GENERIC", 10),
    "esp32s3": ("ESP32_GENERIC_S3", 10),
    "esp32c3": ("ESP32_GENERIC_C3", 11),
    "pico_w": ("RPI_PICO_W", 4),
}
PICO_W = "pico_w"
EPOCH_2000_S = 946684800
# The door's pin of each, as firmware/board.py and board_pico_w.py have it.
DOORS = {"esp32": 27, "esp32s3": 4, "esp32c3": 4, "pico_w": 15}

_host, _host_os = sys, os
_Uname = namedtuple("uname_result", ("sysname", "nodename", "release", "version", "machine"))  # noqa: PYI024 - as here


class Implementation:
    """``sys.implementation`` of the chip, a tuple whose items have names."""

    _fields = ("name", "version", "_machine", "_mpy", "_build")

    def __init__(self) -> None:
        self.name = _host.implementation.name
        self.version = tuple(_host.implementation.version)
        self._machine = MACHINES[link.wake["chip"]]
        self._build, architecture = BUILDS[link.wake["chip"]]
        # The version of .mpy is the host's, whose interpreter it is; CPython has none (py/modsys.c).
        self._mpy = getattr(_host.implementation, "_mpy", 0) & 0x3FF | architecture << 10

    def __getitem__(self, place: int) -> object:
        return getattr(self, self._fields[place])

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return "(" + ", ".join([name + "=" + repr(getattr(self, name)) for name in self._fields]) + ")"


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
