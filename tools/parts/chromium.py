"""Chromium for the browser tests: the machine's own, else installed by apt where we are root."""

import shutil
from pathlib import Path

from tools.parts.apt_install import apt_install
from tools.parts.cache import PartError, Progress, silent

NAMES = ("chromium", "chromium-browser", "google-chrome")


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
    apt_install("chromium", "the browser tests", progress, user=user, apt=apt)
    if found := find_chromium(path):
        return found
    raise PartError("expected chromium on PATH after apt-get install chromium, got none")
