"""A camera made of a folder: every image file in it is one frame of the present burst."""

import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from edge_gateway.errors import CameraBusyError
from edge_gateway.ports.camera import Frame

SUFFIXES = (".jpg", ".jpeg", ".png")
REFUSED_FOLDER = "refused"
QUIET_NS = 100_000_000  # a file is complete when nobody has written to it for so long
PATIENCE_S = 5.0
LOOK_EVERY_S = 0.02


class FolderCamera:
    """Frames are taken in the order of their names; hidden files and names ending in .part are still being written."""

    def __init__(self, folder: Path, wait: Callable[[float], object] = time.sleep, quiet_ns: int = QUIET_NS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._wait = wait
        self._quiet_ns = quiet_ns

    def burst(self, count: int) -> Sequence[Frame]:  # noqa: ARG002 - the folder holds the frames of the scene already
        """Return all complete frames, oldest name first; raises CameraBusyError when there are only growing ones."""
        complete, growing = self._look()
        for _ in range(int(PATIENCE_S / LOOK_EVERY_S)):
            if not growing:
                break
            self._wait(LOOK_EVERY_S)
            complete, growing = self._look()
        if growing and not complete:
            raise CameraBusyError(f"expected complete frames in {self._folder}, got {growing[0]} still being written")
        return complete

    def release(self, tokens: Sequence[str]) -> None:
        """Remove the files that the tokens name."""
        for token in tokens:
            path = self._find(token)
            if path is not None:
                path.unlink(missing_ok=True)

    def refuse(self, token: str, reason: str) -> None:
        """Move a file to ``refused/``, with the reason in a text file beside it."""
        path = self._find(token)
        if path is None:
            return
        folder = self._folder / REFUSED_FOLDER
        folder.mkdir(exist_ok=True)
        target = _free_name(folder, path.name)
        target.with_name(f"{target.name}.reason.txt").write_text(f"{reason}\n", encoding="utf-8")
        path.replace(target)

    def _look(self) -> tuple[list[Frame], list[str]]:
        """Return the complete frames and the names of those that are growing, each by name."""
        complete, growing = [], []
        now_ns = time.time_ns()
        for path, found in self._listed():
            if 0 <= now_ns - found.st_mtime_ns < self._quiet_ns:
                growing.append(path.name)
            else:
                complete.append(_frame(path, found))
        return complete, growing

    def _listed(self) -> Iterator[tuple[Path, os.stat_result]]:
        try:
            paths = sorted(self._folder.iterdir())
        except OSError as error:
            raise CameraBusyError(f"expected a folder of frames, got: {error}") from error
        for path in paths:
            if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
                with suppress(FileNotFoundError):  # a writer may take its file back
                    found = path.stat()
                    if stat.S_ISREG(found.st_mode):
                        yield path, found

    def _find(self, token: str) -> Path | None:
        path = self._folder / token.rsplit("|", 3)[0]
        try:
            return path if _token(path, path.stat()) == token else None
        except FileNotFoundError:
            return None


def _frame(path: Path, found: os.stat_result) -> Frame:
    # The change time is when the file came here; the modification time may be years old, copied along with the content.
    return Frame(_token(path, found), path, found.st_ctime_ns // 1_000_000)


def _token(path: Path, found: os.stat_result) -> str:
    return f"{path.name}|{found.st_size}|{found.st_mtime_ns}|{found.st_ino}"


def _free_name(folder: Path, name: str) -> Path:
    wished = folder / name
    numbered = (folder / f"{wished.stem}-{number}{wished.suffix}" for number in itertools.count(2))
    return next(path for path in itertools.chain([wished], numbered) if not path.exists())
