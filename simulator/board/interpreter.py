"""What can run the firmware: MicroPython on a LittleFS image, or CPython on a folder where there is no MicroPython."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from simulator.board.firmware_files import CHOOSER, ESP32
from simulator.board.flash_image import VM_FOLDER, FlashError, empty_flash, flash_folder, flash_image

# An ESP32 leaves MicroPython some 110 KB. Objects are twice as large on 64 bits, and the simulated hardware
# lives on the same heap.
DEFAULT_HEAP = "256K"


class Interpreter(Protocol):
    """A way to run the firmware."""

    @property
    def name(self) -> str:
        """Return what the board's reports call it."""

    def flash_board(self, bundle: Path | None) -> None:
        """Bring the flash up to date with firmware and bundle, or leave it alone without one; raises FlashError."""

    @property
    def places(self) -> dict[str, str]:
        """Return where the processor finds its flash and umqtt, and which chip it is."""

    def command(self, fd: int, supervisor: int) -> list[str]:
        """Return the command that starts the processor; ``fd`` is its link to the process ``supervisor``."""


@dataclass(frozen=True, slots=True)
class MicroPython:
    """The unix port of MicroPython, its root a LittleFS image in the file ``flash``."""

    program: Path
    flash: Path
    umqtt: Path
    heap: str = DEFAULT_HEAP
    main: Path = CHOOSER
    flash_bytes: int | None = None
    chip: str = ESP32
    name: str = "micropython"

    def flash_board(self, bundle: Path | None) -> None:
        """Bring the image up to date with firmware and bundle; without a bundle, see only that there is a flash."""
        if bundle is None:
            empty_flash(self.flash, self.program, self.flash_bytes)
        else:
            flash_image(self.flash, bundle, self.program, self.main)

    @property
    def places(self) -> dict[str, str]:
        """Return the same; MicroPython takes no argument above 255 bytes."""
        return {"flash": str(self.flash), "umqtt": str(self.umqtt), "chip": self.chip}

    def command(self, fd: int, supervisor: int) -> list[str]:
        """Return the command that starts the processor."""
        start = VM_FOLDER / "start_micropython.py"
        return [str(self.program), "-X", f"heapsize={self.heap}", str(start), str(fd), str(supervisor)]


@dataclass(frozen=True, slots=True)
class CPython:
    """This Python itself, its root the folder beside ``flash``: no heap limit, no LittleFS."""

    flash: Path
    umqtt: Path
    chip: str = ESP32
    name: str = "cpython"

    @property
    def folder(self) -> Path:
        """Return the folder that stands for the flash."""
        return self.flash.with_name(self.flash.name + ".files")

    def flash_board(self, bundle: Path | None) -> None:
        """Bring the folder up to date with firmware and bundle."""
        if bundle is None:
            raise FlashError("expected MicroPython for a board without a bundle, got none: run pillarbox setup")
        flash_folder(self.folder, bundle)

    @property
    def places(self) -> dict[str, str]:
        """Return the same."""
        return {"flash": str(self.folder), "umqtt": str(self.umqtt), "chip": self.chip}

    def command(self, fd: int, supervisor: int) -> list[str]:
        """Return the command that starts the processor."""
        start = VM_FOLDER / "start_cpython.py"
        return [sys.executable, "-E", "-s", "-u", str(start), str(fd), str(supervisor)]
