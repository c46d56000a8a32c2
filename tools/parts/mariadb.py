"""MariaDB for the tests: the machine's own, else installed by apt where we are root, with no service started."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.parts.apt_install import apt_install
from tools.parts.cache import PartError, Progress, silent
from tools.parts.program_version import first_recent

OLDEST = (10, 6)  # the first with SKIP LOCKED
# Debian asks this file before it starts a service; 101 forbids it (invoke-rc.d(8)).
POLICY = Path("/usr/sbin/policy-rc.d")
INSTALLER = "mariadb-install-db"


def find_mariadb(path: str | None = None) -> Path | None:
    """Return a mariadbd of at least 10.6 from ``path`` (default: $PATH, /usr/sbin); None without one."""
    places = f"{os.environ.get('PATH', '')}:/usr/sbin" if path is None else path
    found = shutil.which("mariadbd", path=places)
    if found is None or shutil.which(INSTALLER, path=places) is None:
        return None
    return first_recent([Path(found)], "--version", OLDEST)


def fetch_mariadb(
    progress: Progress = silent,
    *,
    path: str | None = None,
    user: int | None = None,
    apt: str = "apt-get",
    policy: Path = POLICY,
) -> Path:
    """Return mariadbd, installing Debian's where we are root (user 0); raises PartError with the command elsewhere."""
    if found := find_mariadb(path):
        return found
    root = (os.geteuid() if user is None else user) == 0
    with _no_service(policy) if root else contextlib.nullcontext():
        apt_install("mariadb-server", "the tests on MySQL's dialect", progress, user=user, apt=apt)
    if found := find_mariadb(path):
        return found
    raise PartError("expected mariadbd of at least 10.6 after apt-get install mariadb-server, got none")


@contextlib.contextmanager
def _no_service(policy: Path) -> Iterator[None]:
    """Forbid Debian to start what it installs, unless the machine has a rule of its own for that."""
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
