"""What a virtual board tells whoever watches it."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

ReportKind = Literal["awake", "asleep", "off", "log", "crashed", "port", "failed"]


@dataclass(frozen=True, slots=True)
class BoardReport:
    """One thing that happened, ``at_ms`` milliseconds after the simulator's start."""

    at_ms: int
    kind: ReportKind
    cause: str = ""
    """awake: power, ext0, ext1, gpio, timer, reset, soft reset, interrupt or watchdog."""
    interpreter: str = ""
    """awake: micropython or cpython."""
    text: str = ""
    """log: a line of the serial port; crashed: what happened; port: where mpremote finds the board; failed: why.

    After ``failed`` there is no board any more: this machine gave the simulation no process, file or memory.
    """
    sleep_ms: int | None = None
    """asleep: when the timer will end it."""
    heap_bytes: int | None = None
    """asleep: what the firmware had in use on MicroPython's heap."""


def as_json(report: BoardReport) -> dict[str, Any]:
    """Return the report's fields that say something."""
    return {name: value for name, value in asdict(report).items() if value not in ("", None)}
