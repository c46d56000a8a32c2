"""One board in the laboratory: its door moved, its power cut, its wakes run, and the truth about what it journaled."""

import json
import re
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from simulator.lab.broker import LabBroker
from simulator.lab.ledger import Ledger

VM_FOLDER = Path(__file__).parents[1] / "board" / "vm"
ROOT = Path(__file__).parents[2]
FLASH_BLOCKS = 160
ANSWER_MS = 2000
# More wakes than any ladder of tries has steps.
MOST_WAKES = 60
_JOURNALED = re.compile(r"journaled (\w+) (\S+)")


class LabError(Exception):
    """A wake did not end in sleep when nothing was wrong."""


class InterpreterError(LabError):
    """The laboratory's interpreter ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a wake ended: "sleep", "cut" or "crash"; ``changes`` counts the block operations that changed flash."""

    end: str
    lines: tuple[str, ...]
    changes: int
    clock: int
    rtc: bytes
    joins: int
    awake_ms: int
    """How long the wake took, by the board's clock."""
    is_air_gone: bool
    """Whether the network went away in the midst of it."""
    sleep_ms: int = 0
    listens_for: bool | None = None
    drawn_uc: Mapping[str, int] = field(default_factory=dict)
    """Charge by phase, where it is measured."""
    records: tuple[int, ...] = ()
    """TLS records of each publish that was acknowledged."""

    @property
    def firmware(self) -> tuple[str, ...]:
        """Return slot and version of what was started, nothing when nothing was."""
        words = next((line.split() for line in self.lines if line.startswith("slot ")), [])
        return tuple(words[1::2])


class Interpreter:
    """A MicroPython that plays boards, one after another."""

    def __init__(self, micropython: Path, umqtt: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the caller chose
            [str(micropython), "-X", "heapsize=128M", str(VM_FOLDER / "lab.py"), str(ROOT), str(VM_FOLDER), str(umqtt)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def order(self, what: str, **fields: Any) -> dict[str, Any]:
        """Return what the board's side answers to an order; raises InterpreterError when it has ended."""
        assert self._process.stdin is not None  # noqa: S101 - PIPE was asked for
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        with suppress(BrokenPipeError):  # it has ended, which the lack of an answer tells
            self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
            self._process.stdin.flush()
        for line in self._process.stdout:
            if line.startswith("="):
                answer: dict[str, Any] = json.loads(line[1:]) or {}
                return answer
        status = self._process.wait()
        raise InterpreterError(f"expected an answer to {what}, got the end of the interpreter, status {status}")

    def close(self) -> None:
        """End the interpreter."""
        self._process.kill()
        self._process.communicate()


class Lab:
    """A new board with the files of ``bundle``, and its broker; ``journaled`` is the truth, by event_id.

    ``answer_ms`` is how long the firmware waits for any answer, the only time in the laboratory that really passes.
    """

    def __init__(
        self, interpreter: Interpreter, bundle: Mapping[str, bytes], broker: LabBroker, *, answer_ms: int = ANSWER_MS
    ) -> None:
        self._interpreter = interpreter
        self.broker = broker
        self.journaled: dict[str, str] = {}
        self.install = ""
        self._saved: Any = None
        self._sleep_ms = 0
        files = {f"config/{name}": content.hex() for name, content in bundle.items()}
        interpreter.order("format", blocks=FLASH_BLOCKS, files=files, answer_ms=answer_ms)

    @property
    def ledger(self) -> Ledger:
        """Return what the cloud has."""
        return self.broker.ledger

    def set(self, **hardware: Any) -> Self:
        """Change the hardware, as ``simulator/board/vm/lab.py`` names it."""
        self._interpreter.order("set", **hardware)
        return self

    def measure(self, costs: Mapping[str, tuple[int, int]]) -> None:
        """Let the board's time pass by these costs alone, ms and uC of each, and its wakes tell what they drew."""
        self._interpreter.order("measure", costs=costs)

    def wake(self, cause: str, after_ms: int = 0, cut_at: int = 0) -> Outcome:
        """Run one wake; with ``cut_at`` the power goes in the middle of that block operation."""
        answer = self._interpreter.order("wake", cause=cause, after_ms=after_ms, cut_at=cut_at)
        outcome = Outcome(
            **{
                **answer,
                "lines": tuple(answer["lines"]),
                "records": tuple(answer["records"]),
                "rtc": bytes.fromhex(answer["rtc"]),
            }
        )
        self._note(outcome)
        self._sleep_ms = outcome.sleep_ms
        return outcome

    def start(self, cut_at: int = 0) -> Outcome:
        """Give the board power."""
        return self.wake("cold", cut_at=cut_at)

    def move(self, *, is_open: bool, after_ms: int = 60_000, cut_at: int = 0) -> Outcome:
        """Open or close the door, which wakes the board."""
        self.set(is_high=is_open)
        return self.wake("door", after_ms, cut_at)

    def sleep_on(self) -> Outcome:
        """Let the timer end the sleep."""
        return self.wake("timer", self._sleep_ms)

    def settle(self) -> Outcome:
        """Let the board sleep and wake by its timer until its journal is empty; raises LabError if that fails."""
        outcome = self.sleep_on()
        for _ in range(MOST_WAKES):
            if outcome.end == "sleep" and " 0 waiting" in outcome.lines[-1]:
                return outcome
            outcome = self.sleep_on()
        raise LabError(f"expected an empty journal, got {self.missing()} missing and {outcome}")

    def missing(self) -> list[str]:
        """Return what was journaled and has not arrived."""
        return [name for name in self.journaled if name not in self.ledger.rows]

    def save(self) -> None:
        """Remember the board and the cloud."""
        self._interpreter.order("save")
        self._saved = deepcopy((self.ledger, self.journaled, self._sleep_ms))

    def load(self) -> None:
        """Go back to what was remembered."""
        self._interpreter.order("load")
        self.broker.ledger, self.journaled, self._sleep_ms = deepcopy(self._saved)

    def reflash(self) -> None:
        """Format the flash and write firmware and bundle anew; what was journaled and not sent is gone with it."""
        self._interpreter.order("reflash")
        self.journaled = {name: kind for name, kind in self.journaled.items() if name in self.ledger.rows}

    def read(self, path: str) -> bytes | None:
        """Return a file of the flash, None when there is none."""
        content = self._interpreter.order("read", path=path).get("content")
        return None if content is None else bytes.fromhex(content)

    def write(self, path: str, content: bytes) -> None:
        """Put a file onto the flash."""
        self._interpreter.order("write", path=path, content=content.hex())

    def fill_flash(self, free_blocks: int) -> None:
        """Leave so few blocks free."""
        self._interpreter.order("fill", free=free_blocks)

    def empty_flash(self) -> None:
        """Give them back."""
        self._interpreter.order("empty")

    def _note(self, outcome: Outcome) -> None:
        """Take down what the board says it has on flash; the line follows the write."""
        for line in outcome.lines:
            if line.startswith("wake by"):
                self.install = line.split()[-1].split("-")[0]
            if found := _JOURNALED.match(line):
                self.journaled[found[2]] = found[1]
