"""One run of the board's processor: a child process, its link and its serial port."""

import json
import os
import socket
import subprocess
from contextlib import suppress
from typing import Any

from simulator.board.interpreter import Interpreter

_READ_BYTES = 65536


class Processor:
    """The child process; what it asks comes from ``requests``, what it prints from ``lines``."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the caller chose
                interpreter.command(theirs.fileno(), os.getpid()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC0"},
            )
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        self.serial = self._process.stdout
        os.set_blocking(self.serial.fileno(), False)
        self.link.setblocking(False)  # noqa: FBT003 - socket's signature
        self._asked = b""
        self._printed = b""

    def requests(self) -> list[list[Any]] | None:
        """Return what was asked since the last call, None when the process has ended."""
        try:
            data = self.link.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        except ConnectionResetError:
            data = b""
        if not data:
            return None
        *lines, self._asked = (self._asked + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def answer(self, value: Any, moves: int) -> None:
        """Answer one request."""
        # A process that has ended is noticed by the next read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(json.dumps([value, moves]).encode() + b"\n")

    def lines(self) -> list[str] | None:
        """Return the whole lines printed since the last call, None when nothing more will come."""
        data = self.serial.read(_READ_BYTES)
        if data is None:
            return []
        if not data:
            return None
        *lines, self._printed = (self._printed + data).split(b"\n")
        return [_decoded(line) for line in lines]

    def end(self) -> tuple[int, list[str]]:
        """Kill the process; return its exit status and the lines that nobody has read yet."""
        status = self._process.poll()
        self._process.kill()
        self._process.wait()
        rest = []
        while lines := self.lines():
            rest += lines
        if self._printed:
            rest.append(_decoded(self._printed))
        self.link.close()
        self.serial.close()
        return (self._process.returncode if status is None else status), rest


def _decoded(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
