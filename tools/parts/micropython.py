"""MicroPython's unix port: the machine's own, else Debian's package unpacked into the private cache."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tools.parts.apt_configuration import HostApt, read_host
from tools.parts.cache import PartError, Progress, cache_folder, silent
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
_PROGRAM_32 = replace(_PROGRAM, name="micropython-32")


def find_micropython(path: str | None = None) -> Path | None:
    """Return a MicroPython of at least 1.25, from ``path`` (default: $PATH) or the private cache; None without one."""
    on_path = shutil.which("micropython", path=os.environ.get("PATH") if path is None else path)
    private = wrapper_path(_PROGRAM, cache_folder())
    return first_recent([*([Path(on_path)] if on_path else []), private], "--version", OLDEST)


def fetch_micropython(progress: Progress = silent, *, path: str | None = None) -> Path:
    """Return a MicroPython of at least 1.25, unpacking Debian's privately where there is none; raises PartError."""
    return find_micropython(path) or unpack_program(_PROGRAM, cache_folder(), _usable(_PROGRAM), progress)


def fetch_micropython_32(progress: Progress = silent) -> Path:
    """Return a MicroPython whose objects are as small as a board's, on a PC's kernel; raises PartError without one."""
    return unpack_program(_PROGRAM_32, cache_folder(), _usable(_PROGRAM_32), progress, lambda: host_32(read_host()))


def host_32(host: HostApt) -> HostApt:
    """Return the same machine as its own predecessor of 32 bits; raises PartError for one that is not a PC."""
    if host.architecture != "amd64":
        raise PartError(f"expected a machine of architecture amd64, which runs i386 as well, got {host.architecture}")
    return replace(host, architecture="i386")


def _usable(program: DebianProgram) -> Callable[[], bool]:
    return lambda: first_recent([wrapper_path(program, cache_folder())], "--version", OLDEST) is not None
