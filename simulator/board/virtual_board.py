"""The virtual board as its users hold it: a door to open and close, a cable to pull."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Self

from simulator.board.firmware_files import CHOOSER, ESP32, chip_of
from simulator.board.flash_image import kept
from simulator.board.interpreter import DEFAULT_HEAP, CPython, Interpreter, MicroPython
from simulator.board.reports import BoardReport
from simulator.board.serial_port import SerialPort
from simulator.board.supervisor import BOUNCE_MS, Supervisor


class VirtualBoard:
    """A board with the flash in file ``flash``, made or brought up to date from ``bundle`` at the start.

    Which chip it has is the bundle's to say. Without a bundle it is ``chip``, and the flash, of ``flash_bytes`` and
    empty at first, is left to whoever writes onto it through the serial port. With ``has_port`` there is such a port,
    ``<flash>.port``, with a prompt behind it (MicroPython).
    ``micropython`` is the interpreter (None: this CPython), ``umqtt`` the folder that holds ``umqtt/simple.py``.
    ``report`` is called from the board's own thread. Beside the flash stands ``<flash>.state.json``, by which a
    board goes on sleeping when its simulator is started again. On MicroPython ``heap`` is the interpreter's heapsize
    and ``main`` what lies on the flash as /main.py; ``bounce_ms`` are the moments at which the switch changes its
    level when the door moves.
    """

    def __init__(  # noqa: PLR0913 - what a board is made of, and what a benchmark varies
        self,
        flash: Path,
        bundle: Path | None,
        micropython: Path | None,
        umqtt: Path,
        report: Callable[[BoardReport], None],
        *,
        heap: str = DEFAULT_HEAP,
        main: Path = CHOOSER,
        bounce_ms: Sequence[int] = BOUNCE_MS,
        has_port: bool = False,
        flash_bytes: int | None = None,
        chip: str = ESP32,
    ) -> None:
        flash, umqtt = flash.absolute(), umqtt.absolute()
        self._bundle = bundle
        self._flash = flash
        self._keeping = ExitStack()
        self._sidecar = flash.with_name(flash.name + ".state.json")
        self._report = report
        self._bounce_ms = bounce_ms
        chip = chip_of(bundle) if bundle else chip
        self._interpreter: Interpreter = (
            CPython(flash, umqtt, chip)
            if micropython is None
            else MicroPython(micropython, flash, umqtt, heap, main, flash_bytes, chip)
        )
        self._port_link = flash.with_name(flash.name + ".port") if has_port else None
        self._supervisor: Supervisor | None = None
        self._thread: Thread | None = None

    def start(self) -> None:
        """Flash what is new of firmware and bundle, and go on from where the board was left; raises FlashError."""
        with ExitStack() as keeping:
            keeping.enter_context(kept(self._flash))
            self._interpreter.flash_board(self._bundle)
            self._keeping = keeping.pop_all()
        port = SerialPort(self._port_link) if self._port_link else None
        self._supervisor = Supervisor(self._interpreter, self._sidecar, self._report, self._bounce_ms, port=port)
        self._thread = Thread(target=self._supervisor.play, name="virtual board", daemon=True)
        self._thread.start()

    def open_door(self) -> None:
        """Open the mailbox."""
        self._post("open")

    def close_door(self) -> None:
        """Close the mailbox."""
        self._post("close")

    def cut_power(self) -> None:
        """Take the battery out, in the middle of whatever is going on."""
        self._post("cut")

    def cut_power_at_write(self, number: int) -> None:
        """Take the battery out in the middle of the next wake's ``number``th write to flash; only on MicroPython."""
        self._post("cut_at_write", number)

    def restore_power(self) -> None:
        """Put the battery back in."""
        self._post("restore")

    def set_battery(self, millivolts: int) -> None:
        """Let the battery have this voltage."""
        self._post("battery", millivolts)

    def set_network(self, is_up: int) -> None:
        """Let the access point be on the air, or not."""
        self._post("network", is_up)

    def set_bounce(self, *moments_ms: int) -> None:
        """Let the switch change its level at these moments after the door moves, the last time for good."""
        self._post("bounce", *moments_ms)

    def stop(self) -> None:
        """End the simulation: a sleeping board sleeps on, one that is awake loses power."""
        if self._supervisor is not None and self._thread is not None:
            self._supervisor.post("quit")
            self._thread.join()
            self._supervisor.close()
            self._supervisor = self._thread = None
            self._keeping.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _post(self, command: str, *arguments: int) -> None:
        if self._supervisor is None:
            raise RuntimeError("expected a started board, got one that was not started or is stopped")
        self._supervisor.post(command, *arguments)
