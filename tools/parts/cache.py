"""The private cache of fetched parts: one folder per part, complete or absent, safe for two processes at once."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

Progress = Callable[[str], None]


class PartError(Exception):
    """A part could not be found or fetched; the text says what was expected, what came and what to do."""


def silent(_line: str) -> None:
    """Take a progress line and drop it."""


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where parts are kept: $PILLARBOX_CACHE, else $XDG_CACHE_HOME/pillarbox, else ~/.cache/pillarbox."""
    if chosen := environment.get("PILLARBOX_CACHE"):
        return Path(chosen).absolute()
    # XDG Base Directory Specification: a relative $XDG_CACHE_HOME must be ignored.
    xdg = environment.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():
        return Path(xdg) / "pillarbox"
    try:
        return Path.home() / ".cache" / "pillarbox"
    except RuntimeError as error:
        raise PartError("expected a home folder for the cache, got none; set PILLARBOX_CACHE to a folder") from error


def install_part(folder: Path, build: Callable[[Path], None], usable: Callable[[], bool], progress: Progress) -> None:
    """Make ``folder`` by ``build(unfinished folder)`` unless usable, after any process that is doing the same."""
    if usable():
        return
    with _locked(folder, progress):
        if usable():
            return
        try:
            _build(folder, build)
        except OSError as error:
            raise PartError(f"expected room and permission to write {folder}, got {error}") from error
    if not usable():
        raise PartError(
            f"expected a part that works in {folder}, got one that does not; delete the folder and try again"
        )


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    # What is there was left by a process that was killed: the lock is ours.
    _remove(unfinished)
    unfinished.mkdir()
    try:
        build(unfinished)
        _remove(folder)
        unfinished.rename(folder)
    finally:
        _remove(unfinished)


@contextlib.contextmanager
def _locked(folder: Path, progress: Progress) -> Iterator[None]:
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = folder.with_name(f".{folder.name}.lock").open("w")
    except OSError as error:
        raise PartError(
            f"expected a cache folder that can be written, got {error}; set PILLARBOX_CACHE to another"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress(f"waiting for another process that fetches {folder.name}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
