"""Disk: the few file operations of the spool, each complete on the medium when it returns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol


class Disk(Protocol):
    """Files whose writing survives a power cut once the call has returned; a cut during it may leave it half done."""

    def read(self, path: Path) -> bytes:
        """Return the file's content; raises FileNotFoundError."""
        ...

    def write(self, path: Path, data: bytes) -> None:
        """Write a whole file and force it to the medium; not atomic, so write under a temporary name."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Move a file atomically over ``target``, and force both folders to the medium."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file; harmless when it is not there; it may come back after a power cut."""
        ...

    def sizes(self, folder: Path) -> Sequence[tuple[str, int]]:
        """Return name and bytes of every file in a folder, oldest first; makes the folder when it is not there."""
        ...
