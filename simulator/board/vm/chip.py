"""Which chip this is: what MicroPython calls the machine, and which of the built-in modules it has."""

import sys

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

_host = sys


class Implementation:
    """``sys.implementation`` of the chip."""

    def __init__(self) -> None:
        self._machine = MACHINES[link.wake["chip"]]

    def __getattr__(self, name: str) -> object:
        return getattr(_host.implementation, name)


class System:
    """The module ``sys``, all of it the host's but the implementation."""

    def __init__(self) -> None:
        self.implementation = Implementation()

    def __getattr__(self, name: str) -> object:
        return getattr(_host, name)


def built_in() -> tuple[str, ...]:
    """Give the chip's modules their names; return the names of those that are files beside this one."""
    _host.modules["sys"] = System()
    if link.wake["chip"] != PICO_W:
        return ("esp32", "machine")
    _host.modules["machine"] = __import__("machine_rp2")
    return ()


def epoch_s() -> int:
    """Return where the chip's clock begins to count, in Unix seconds."""
    return 0 if link.wake["chip"] == PICO_W else EPOCH_2000_S
