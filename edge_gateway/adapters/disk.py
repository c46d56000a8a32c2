"""The spool's files on a local file system, each operation forced to the medium."""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge_gateway.errors import SpoolInUseError


@contextmanager
def held_alone(folder: Path) -> Iterator[None]:
    """Keep other gateways away from a spool, until the end or until this process dies; raises SpoolInUseError."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SpoolInUseError(f"expected {folder} for this gateway alone, got another one at work there") from error
        yield


class LocalDisk:
    """A folder on an SD card or disk; names and contents survive a power cut once a call has returned."""

    def read(self, path: Path) -> bytes:
        """Return the file's content; raises FileNotFoundError."""
        return path.read_bytes()

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file and force its content to the medium."""
        with path.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    def rename(self, source: Path, target: Path) -> None:
        """Move a file atomically over ``target``, and force both folders to the medium."""
        source.replace(target)
        for folder in {source.parent, target.parent}:
            _sync_folder(folder)

    def remove(self, path: Path) -> None:
        """Remove a file; harmless when it is not there."""
        path.unlink(missing_ok=True)

    def sizes(self, folder: Path) -> Sequence[tuple[str, int]]:
        """Return name and bytes of every file in a folder, oldest first; makes the folder when it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [(each.name, each.stat()) for each in folder.iterdir() if each.is_file()]
        return [(name, found.st_size) for name, found in sorted(files, key=lambda file: file[1].st_mtime_ns)]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
