"""What an idle server costs before it has read anything: memory of its whole process tree, and processor time.

``python -m tools.bench.idle [SECONDS]`` starts ``pillarbox up`` on a folder of its own and watches it, 60 s by default.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

MOST_MEMORY_MB = 250
MOST_CPU_PERCENT = 2.0
# Importing, migrating and the first connections are over by then.
CALM_S = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """Processor seconds used so far, and resident memory in bytes, of a process tree."""

    processors_s: float
    resident: int


def main(seconds: float) -> int:
    """Print the figures, and return 1 when one is beyond what it should be."""
    with tempfile.TemporaryDirectory(prefix="pillarbox-idle-") as folder:
        server = _start(Path(folder))
        try:
            time.sleep(CALM_S)
            before, began = usage(server.pid), time.monotonic()
            time.sleep(seconds)
            after, passed = usage(server.pid), time.monotonic() - began
        finally:
            server.terminate()
            server.wait()
    percent = 100 * (after.processors_s - before.processors_s) / passed
    memory = after.resident / 1e6
    print(f"resident memory {memory:7.1f} MB           (to hold: {MOST_MEMORY_MB})")
    print(f"processor time  {percent:7.2f} % of a core  (to hold: {MOST_CPU_PERCENT:g}, over {passed:.0f} s)")
    return int(memory > MOST_MEMORY_MB or percent > MOST_CPU_PERCENT)


def usage(root: int) -> Usage:
    """Return what a process and all below it use (proc(5))."""
    ticks, pages = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    processors, resident = 0, 0
    for pid in _tree(root):
        # The name in brackets may hold spaces; the fields after it are numbered from 3 on.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        processors += int(fields[11]) + int(fields[12])
        resident += int(fields[21]) * pages
    return Usage(processors / ticks, resident)


def _tree(root: int) -> list[int]:
    children = [int(pid) for task in Path(f"/proc/{root}/task").iterdir() for pid in _children(task)]
    return [root, *(pid for child in children for pid in _tree(child))]


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def _start(folder: Path) -> "subprocess.Popen[str]":
    options = ("--data", str(folder / "data"), "--port", "0", "--mqtt-port", "0", "--json")
    server = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "tools", "up", *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    print(f"idle at {json.loads(server.stdout.readline() if server.stdout else '{}')['url']}")
    return server


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 60.0))
