"""Ask a program for its version by running it, which also shows that it runs at all."""

import re
import subprocess
from pathlib import Path

SECONDS_TO_ANSWER = 20

Version = tuple[int, int]

_VERSION = re.compile(r"\bv?(\d+)\.(\d+)")


def program_version(program: Path, question: str) -> Version | None:
    """Return (major, minor) of what ``program question`` prints, None when it does not run or names no version."""
    try:
        # The exit code is not looked at: mosquitto 2.0 answers -h with 3.
        done = subprocess.run(  # noqa: S603 - a path that we found or made
            [program, question],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=SECONDS_TO_ANSWER,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stdout)
    return (int(found[1]), int(found[2])) if found else None


def first_recent(programs: list[Path], question: str, oldest: Version) -> Path | None:
    """Return the first of ``programs`` that runs and is at least version ``oldest``."""
    for program in programs:
        version = program_version(program, question)
        if version is not None and version >= oldest:
            return program
    return None
