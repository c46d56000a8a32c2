"""Chromium for the browser tests: the machine's own, else installed by apt where we are root."""

import os
import shutil
import subprocess
from pathlib import Path

from tools.parts.cache import PartError, Progress, silent

NAMES = ("chromium", "chromium-browser", "google-chrome")
SECONDS_FOR_APT = 540

_INSTALL = ("install", "-y", "--no-install-recommends", "chromium")


def find_chromium(path: str | None = None) -> Path | None:
    """Return Chromium or Chrome from ``path`` (default: $PATH), None without one."""
    for name in NAMES:
        if found := shutil.which(name, path=path):
            return Path(found)
    return None


def fetch_chromium(
    progress: Progress = silent, *, path: str | None = None, user: int | None = None, apt: str = "apt-get"
) -> Path:
    """Return Chromium, installing Debian's where we are root (user 0); raises PartError with the command elsewhere."""
    if found := find_chromium(path):
        return found
    if (os.geteuid() if user is None else user) != 0:
        raise PartError(f"expected chromium for the browser tests, got none; run: sudo apt-get {' '.join(_INSTALL)}")
    progress("installing chromium with apt")
    _run(apt, "update")
    _run(apt, *_INSTALL)
    if found := find_chromium(path):
        return found
    raise PartError(f"expected chromium on PATH after apt-get {' '.join(_INSTALL)}, got none")


def _run(*command: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - fixed words
            command,
            check=True,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            timeout=SECONDS_FOR_APT,
        )
    except subprocess.CalledProcessError as error:
        raise PartError(f"expected {' '.join(command)} to succeed, got: {error.stderr.strip()[-500:]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PartError(f"expected {' '.join(command)} to succeed, got: {error}") from error
