"""The mosquitto broker: the machine's own, else Debian's package unpacked into the private cache."""

import os
import shutil
from pathlib import Path

from tools.parts.cache import Progress, cache_folder, silent
from tools.parts.debian_archive import DebianProgram, unpack_program, wrapper_path
from tools.parts.program_version import first_recent

OLDEST = (2, 0)

_PROGRAM = DebianProgram(
    "mosquitto",
    package="mosquitto",
    path="usr/sbin/mosquitto",
    remedy="run: sudo apt-get install mosquitto",
    only_for_scripts=("adduser", "debconf", "init-system-helpers", "lsb-base", "sysvinit-utils"),
)


def find_mosquitto(path: str | None = None) -> Path | None:
    """Return a mosquitto of at least 2.0, from ``path`` (default: $PATH, /usr/sbin) or the cache; None without one."""
    # Debian keeps it in /usr/sbin, which is not on the PATH of an ordinary user.
    on_path = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin" if path is None else path)
    private = wrapper_path(_PROGRAM, cache_folder())
    return first_recent([*([Path(on_path)] if on_path else []), private], "-h", OLDEST)


def fetch_mosquitto(progress: Progress = silent, *, path: str | None = None) -> Path:
    """Return a mosquitto of at least 2.0, unpacking Debian's privately where there is none; raises PartError."""
    return find_mosquitto(path) or unpack_program(_PROGRAM, cache_folder(), _usable, progress)


def _usable() -> bool:
    return first_recent([wrapper_path(_PROGRAM, cache_folder())], "-h", OLDEST) is not None
