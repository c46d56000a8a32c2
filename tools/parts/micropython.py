"""MicroPython's unix port: the machine's own, else Debian's package unpacked into the private cache."""

import os
import shutil
from pathlib import Path

from tools.parts.cache import Progress, cache_folder, silent
from tools.parts.debian_archive import DebianProgram, unpack_program, wrapper_path
from tools.parts.program_version import first_recent

OLDEST = (1, 25)

# trixie is the first stable suite that has 1.25; the unpacked closure runs on older hosts as well.
_PROGRAM = DebianProgram(
    "micropython",
    package="micropython",
    path="usr/bin/micropython",
    remedy="put a micropython of at least 1.25 on PATH",
    suites=("trixie",),
)


def find_micropython(path: str | None = None) -> Path | None:
    """Return a MicroPython of at least 1.25, from ``path`` (default: $PATH) or the private cache; None without one."""
    on_path = shutil.which("micropython", path=os.environ.get("PATH") if path is None else path)
    private = wrapper_path(_PROGRAM, cache_folder())
    return first_recent([*([Path(on_path)] if on_path else []), private], "--version", OLDEST)


def fetch_micropython(progress: Progress = silent, *, path: str | None = None) -> Path:
    """Return a MicroPython of at least 1.25, unpacking Debian's privately where there is none; raises PartError."""
    return find_micropython(path) or unpack_program(_PROGRAM, cache_folder(), _usable, progress)


def _usable() -> bool:
    return first_recent([wrapper_path(_PROGRAM, cache_folder())], "--version", OLDEST) is not None
