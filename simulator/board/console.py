"""The virtual board as a process: commands come line by line, reports go out as one JSON object per line."""

import json
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import TextIO, get_args

from simulator.board.reports import BoardReport, ReportKind, as_json
from simulator.board.virtual_board import VirtualBoard

COMMANDS = (
    "open, close, cut, restore, battery MILLIVOLTS, network on|off, bounce MILLISECONDS…, wait SECONDS, "
    f"until {'|'.join(get_args(ReportKind))} or quit"
)
_SWITCH = {"on": 1, "off": 0}

Report = Callable[[BoardReport], None]
Act = Callable[[], None]


class ScenarioError(Exception):
    """A line is no command; the text says what was expected and what came."""


class Console:
    """Plays the board that ``make(report)`` returns by commands, and writes to ``stdout`` what it reports."""

    def __init__(self, make: Callable[[Report], VirtualBoard], stdout: TextIO) -> None:
        self._stdout = stdout
        self._changed = threading.Condition()
        self._kinds: list[str] = []
        self._board = make(self._hear)

    def run(self, scenario: Iterable[str], stdin: Iterable[str]) -> None:
        """Obey the scenario, then ``stdin``, until quit or the end of both.

        Raises ScenarioError before the start, and when the board that it waits for is no more.
        What follows # in a line is a comment. A scenario that does not end in quit goes on by hand.
        """
        acts = [self._read(number, command) for number, command in _commands(scenario)]
        with self._board:
            for act in acts:
                if act is None:
                    return
                act()
            for _, command in _commands(stdin):
                try:
                    act = self._act(command)
                except ScenarioError as error:
                    self._write({"kind": "refused", "text": str(error)})
                    continue
                if act is None:
                    return
                act()

    def _read(self, number: int, command: str) -> Act | None:
        try:
            return self._act(command)
        except ScenarioError as error:
            raise ScenarioError(f"line {number}: {error}") from error

    def _act(self, command: str) -> Act | None:
        """Return what the command does, None for quit; raises ScenarioError."""
        word, *rest = command.split()
        board = self._board
        plain = {
            "open": board.open_door,
            "close": board.close_door,
            "cut": board.cut_power,
            "restore": board.restore_power,
        }
        numbered: dict[str, Callable[..., None]] = {
            "battery": board.set_battery,
            "network": board.set_network,
            "bounce": board.set_bounce,
            "wait": self._wait,
        }
        if command == "quit":
            return None
        if command in plain:
            return plain[command]
        if word == "until" and len(rest) == 1 and rest[0] in get_args(ReportKind):
            return partial(self._wait_for, rest[0])
        if word in numbered and rest and all(text.isdecimal() or text in _SWITCH for text in rest):
            return partial(numbered[word], *(_SWITCH[text] if text in _SWITCH else int(text) for text in rest))
        raise ScenarioError(f"expected {COMMANDS}, got {command!r}")

    def _hear(self, happened: BoardReport) -> None:
        self._write(as_json(happened))
        with self._changed:
            self._kinds.append(happened.kind)
            self._changed.notify_all()

    def _write(self, fields: dict[str, object]) -> None:
        # Whoever listened may have gone; the board goes on until its input ends.
        with self._changed, suppress(BrokenPipeError):
            self._stdout.write(json.dumps(fields) + "\n")
            self._stdout.flush()

    def _wait_for(self, kind: str) -> None:
        """Wait for a report of this kind after the one last waited for; raises ScenarioError if none can come."""
        with self._changed:
            self._changed.wait_for(lambda: kind in self._kinds or "failed" in self._kinds)
            if kind not in self._kinds:
                raise ScenarioError(f"expected the board to be {kind}, its simulation has failed")
            del self._kinds[: self._kinds.index(kind) + 1]

    def _wait(self, seconds: int) -> None:
        threading.Event().wait(seconds)


def _commands(lines: Iterable[str]) -> Iterable[tuple[int, str]]:
    """Yield each command with the number of its line."""
    stripped = ((number, line.partition("#")[0].strip()) for number, line in enumerate(lines, 1))
    return ((number, text) for number, text in stripped if text)
