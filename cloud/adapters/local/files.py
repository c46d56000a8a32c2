"""Files that survive a power cut once written, and folders that one process at a time completes."""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.errors import RetryLaterError

PARTIAL = ".part"


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a whole file or none: to a name of its own, flushed to the disk, then renamed over ``path``.

    Raises RetryLaterError when the disk is full or fails.
    """
    try:
        make_folder(path.parent)
        # A name of its own, because two threads may write the same content at once.
        partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}{PARTIAL}")
        try:
            _write(partial, content, mode)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
        _flush(path.parent)
    except OSError as error:
        raise RetryLaterError(f"expected to write {path.name}, the disk said: {error.strerror}") from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, for its owner only; their names are on the disk before this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _flush(folder.parent)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes and threads that would complete this folder too waiting until the block ends."""
    make_folder(folder)
    with (folder / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def beside(folder: Path) -> Iterator[None]:
    """Let others into this folder too, but nobody ``alone``; raises RetryLaterError while somebody is."""
    make_folder(folder)
    with (folder / ".lock").open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RetryLaterError(f"expected to change {folder.name}, it is kept as it is for a backup") from None
        yield


def remove_unfinished(folder: Path) -> None:
    """Delete what a killed process left half-written; only while nobody else writes there."""
    for partial in folder.rglob(f".*{PARTIAL}"):
        partial.unlink(missing_ok=True)


def _write(path: Path, content: bytes, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _flush(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
