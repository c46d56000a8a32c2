"""Installing one Debian package for the tests, where we are root; elsewhere its command is told."""

import os
import subprocess

from tools.parts.cache import PartError, Progress

SECONDS_FOR_APT = 540


def apt_install(
    package: str, purpose: str, progress: Progress, *, user: int | None = None, apt: str = "apt-get"
) -> None:
    """Install a package where we are root (user 0); raises PartError, elsewhere with the command."""
    command = ("install", "-y", "--no-install-recommends", package)
    if (os.geteuid() if user is None else user) != 0:
        raise PartError(f"expected {package} for {purpose}, got none; run: sudo apt-get {' '.join(command)}")
    progress(f"installing {package} with apt")
    _run(apt, "update")
    _run(apt, *command)


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
