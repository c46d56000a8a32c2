"""What falls into the virtual mailbox: sample letters in turn, and the photographs people drop into ``box/``."""

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

# A file whose size changes is still being copied.
QUIET_S = 0.3


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
        files = (file for file in self.folder.iterdir() if file.is_file() and not file.name.startswith("."))
        for file in sorted(files, key=lambda one: (one.stat().st_mtime, one.name)):
            if _is_quiet(file):
                fault = photograph_fault(file)
                if fault:
                    self._refuse(file, fault)
                else:
                    yield file, Fallen(file.name, (file.read_bytes(),))

    def take(self, photo: Path) -> None:
        """Copy a photograph into the folder, whole or not at all."""
        write_durably(self.folder / photo.name, photo.read_bytes())

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


def _is_quiet(file: Path) -> bool:
    return time.time() - file.stat().st_mtime > QUIET_S
