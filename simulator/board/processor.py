"""One run of the board's processor: a child process, its link, its serial port and what is typed there."""

import json
import os
import signal
import socket
import subprocess
from contextlib import suppress
from typing import Any

from simulator.board.interpreter import Interpreter

_READ_BYTES = 65536


class Processor:
    """The child process; what it asks comes from ``requests``, what it prints from ``printed``."""

    def __init__(self, interpreter: Interpreter, *, has_keyboard: bool) -> None:
        self.link, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - the interpreter that the caller chose
                interpreter.command(theirs.fileno(), os.getpid()),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.PIPE if has_keyboard else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={"LC_ALL": "C.UTF-8", "TZ": "UTC0"},
            )
        assert self._process.stdout is not None  # noqa: S101 - PIPE was asked for
        self.serial = self._process.stdout
        os.set_blocking(self.serial.fileno(), False)
        if self._process.stdin:
            os.set_blocking(self._process.stdin.fileno(), False)
        self.link.setblocking(False)  # noqa: FBT003 - socket's signature
        self._asked = b""

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

    def answer(self, *fields: Any) -> None:
        """Answer one request with value, moves, whether Ctrl-C was typed, and the request's number."""
        # A process that has ended is noticed by the next read.
        with suppress(BrokenPipeError, ConnectionResetError):
            self.link.sendall(json.dumps(fields).encode() + b"\n")

    def type(self, data: bytes) -> None:
        """Let the program read this; what does not fit into its buffer is lost, as on a real board."""
        if self._process.stdin:
            with suppress(BrokenPipeError, BlockingIOError):
                os.write(self._process.stdin.fileno(), data)

    def interrupt(self) -> None:
        """Raise KeyboardInterrupt in the program, in the middle of whatever it is at."""
        self._process.send_signal(signal.SIGINT)

    def printed(self) -> bytes | None:
        """Return what was printed since the last call, None when nothing more will come."""
        data = self.serial.read(_READ_BYTES)
        return b"" if data is None else data or None

    def end(self) -> tuple[int, bytes]:
        """Kill the process; return its exit status and what it printed that nobody has read yet."""
        status = self._process.poll()
        self._process.kill()
        self._process.wait()
        rest = b""
        while data := self.printed():
            rest += data
        for stream in (self.link, self.serial, self._process.stdin):
            if stream:
                stream.close()
        return (self._process.returncode if status is None else status), rest
