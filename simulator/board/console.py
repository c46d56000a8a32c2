"""The virtual board as a process: commands come line by line, reports go out as one JSON object per line."""

import json
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TextIO

from simulator.board.reports import BoardReport, as_json
from simulator.board.virtual_board import VirtualBoard


def run(flash: Path, bundle: Path, micropython: Path | None, umqtt: Path, stdin: TextIO, stdout: TextIO) -> None:
    """Play a board by the commands open, close, cut, restore and quit until quit or the end of ``stdin``."""
    lock = Lock()

    def write(fields: dict[str, object]) -> None:
        # Whoever listened may have gone; the board goes on until its input ends.
        with lock, suppress(BrokenPipeError):
            stdout.write(json.dumps(fields) + "\n")
            stdout.flush()

    def report(happened: BoardReport) -> None:
        write(as_json(happened))

    board = VirtualBoard(flash, bundle, micropython, umqtt, report)
    actions = {
        "open": board.open_door,
        "close": board.close_door,
        "cut": board.cut_power,
        "restore": board.restore_power,
    }
    with board:
        for line in stdin:
            command = line.strip()
            if command == "quit":
                return
            if command in actions:
                actions[command]()
            elif command:
                write({"kind": "refused", "text": f"expected {', '.join(actions)} or quit, got {command!r}"})
