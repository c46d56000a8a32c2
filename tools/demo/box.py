"""What falls into the virtual mailbox: sample letters in turn, and the photographs people drop into ``box/``."""

import contextlib
import itertools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cloud.adapters.local.files import write_durably
from edge_gateway.errors import FrameRefusedError
from edge_gateway.jpeg import read_grey
from simulator.sample_letters import burst, sample_letters

# A file written to a moment ago is still being copied; one that is cut off may be, over a slow network.
QUIET_S = 0.3
COPIED_S = 10.0


@dataclass(frozen=True, slots=True)
class Fallen:
    """One letter as the camera sees it: the frames of a burst."""

    name: str
    frames: tuple[bytes, ...]


class Box:
    """The folder ``box/`` and the sample letters; ``tell`` hears of photographs that were refused."""

    def __init__(self, data: Path, tell: Callable[[str], None]) -> None:
        self.folder = data / "box"
        self.folder.mkdir(parents=True, exist_ok=True)
        self._counter, self._tell = data / "demo.json", tell

    def sample(self) -> Fallen:
        """Return the next sample letter, photographed afresh: its delivery number is the seed."""
        number = self._next_number()
        samples = sample_letters()
        letter = samples[(number - 1) % len(samples)]
        return Fallen(letter.name, tuple(burst(letter, seed=number)))

    def dropped(self) -> Iterator[tuple[Path, Fallen]]:
        """Yield each photograph in the folder, oldest first; what is none is set aside with its reason."""
        for file in sorted(self._files(), key=_arrival):
            with contextlib.suppress(FileNotFoundError):  # taken back meanwhile
                fault = photograph_fault(file)
                if not fault:
                    yield file, Fallen(file.name, (file.read_bytes(),))
                elif _unchanged_for(file, COPIED_S):
                    self._refuse(file, fault)

    def take(self, photo: Path) -> Path:
        """Copy a photograph into the folder, whole or not at all, beside any of the same name; returns the copy."""
        copy = self.folder / photo.name
        for number in itertools.count(2):
            if not copy.exists():
                break
            copy = self.folder / f"{photo.stem}-{number}{photo.suffix}"
        write_durably(copy, photo.read_bytes())
        return copy

    def fault_of(self, copy: Path) -> str:
        """Return why a photograph was set aside, "" when it was not."""
        reason = self.folder / "refused" / f"{copy.name}.reason.txt"
        return reason.read_text().strip() if reason.exists() else ""

    def _files(self) -> list[Path]:
        self.folder.mkdir(parents=True, exist_ok=True)
        files = (file for file in self.folder.iterdir() if file.is_file() and not file.name.startswith("."))
        return [file for file in files if _unchanged_for(file, QUIET_S)]

    def _refuse(self, file: Path, fault: str) -> None:
        refused = self.folder / "refused"
        refused.mkdir(exist_ok=True)
        shutil.move(file, refused / file.name)
        (refused / f"{file.name}.reason.txt").write_text(fault + "\n")
        self._tell(f"{file.name} is set aside in {refused}: {fault}")

    def _next_number(self) -> int:
        number = 1 + (json.loads(self._counter.read_text())["letters"] if self._counter.exists() else 0)
        write_durably(self._counter, json.dumps({"letters": number}).encode())
        return int(number)


def photograph_fault(file: Path) -> str:
    """Return why the file is no photograph that the gateway would take, "" when it is one."""
    try:
        read_grey(file)
    except FrameRefusedError as error:
        return str(error)
    return ""


def _arrival(file: Path) -> tuple[float, str]:
    return (file.stat().st_mtime if file.exists() else 0.0, file.name)


def _unchanged_for(file: Path, seconds: float) -> bool:
    """Return whether the file was last written at least so long ago; a time in the future is a wrong clock's."""
    try:
        age = time.time() - file.stat().st_mtime
    except FileNotFoundError:
        return False
    return age < 0 or age > seconds
