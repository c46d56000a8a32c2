"""The simulated peripherals: what the firmware's questions are answered with, and what it sets."""

from collections.abc import Callable
from typing import Any

from simulator.board.hardware import POWER, Hardware, Start, now_ms

RSSI_DBM = -61
# The divider between cell and ADC, as firmware/board.py assumes it.
DIVIDER = 2
_RISING = 1
_FALLING = 2


class Peripherals:
    """The pins, clock and radio of one run of the processor, on the board's lasting ``hardware``."""

    def __init__(self, hardware: Hardware, start: Start, uptime_ms: Callable[[], int]) -> None:
        self._hardware = hardware
        self._start = start
        self._uptime_ms = uptime_ms
        self._trigger = 0
        self._moves = 0
        self.heap_bytes: int | None = None
        self.cut_at_write: int | None = None
        self.interrupt_byte: int | None = None
        """Which byte interrupts the program, -1 at the prompt, None while the interpreter still starts."""
        self.is_interrupted = False
        self.is_broken_into = False
        """Whether the present program was interrupted wherever it was."""
        self.is_raw = False
        """Whether what is printed is a talk of programs, which is no log."""
        self._is_at_prompt = False
        self._questions: dict[str, Callable[..., Any]] = {
            "hello": self._hello,
            "pin": lambda _: hardware.door_level,
            "adc": lambda _: hardware.battery_mv * 1000 // DIVIDER,
            "joined": lambda: hardware.network_up,
            "status": lambda _: RSSI_DBM if hardware.network_up else None,
            "ntp": lambda: now_ms() if hardware.network_up else None,
            "interrupt": self._set_interrupt,
            "look": lambda: None,
        }
        self._orders: dict[str, Callable[..., None]] = {
            "rtc": self._set_rtc_memory,
            "clock": self._set_clock,
            "irq": self._set_trigger,
            "wake_on": self._set_wake,
            "scratch": self._set_scratch,
            "heap": self._note_heap,
            "raw": self._set_raw,
            "radio": lambda _: None,
            "join": lambda _ssid, _length, _is_known: None,
            "out": lambda _pin, _level: None,
        }

    @property
    def is_blind(self) -> bool:
        """Return whether the power came on and nothing has watched the door since."""
        return self._start is POWER and not self._trigger and not self._is_at_prompt

    def answers(self, operation: str) -> bool:
        """Return whether the operation is a question."""
        return operation in self._questions

    def answer(self, operation: str, arguments: list[Any]) -> Any:
        """Return the answer to a question."""
        return self._questions[operation](*arguments)

    def obey(self, operation: str, arguments: list[Any]) -> None:
        """Do what has no answer."""
        self._orders[operation](*arguments)

    def move_door(self, level: int) -> None:
        """Let the door's pin change to ``level`` and remember an interrupt where one is armed."""
        self._hardware.door_level = level
        self._moves += bool(self._trigger & (_RISING if level else _FALLING))

    def take_moves(self) -> int:
        """Return how many interrupts wait, which are then delivered."""
        moves, self._moves = self._moves, 0
        return moves

    def take_interrupt(self) -> bool:
        """Return whether Ctrl-C waits, which is then delivered."""
        is_interrupted, self.is_interrupted = self.is_interrupted, False
        return is_interrupted

    def _hello(self) -> dict[str, Any]:
        return {
            "reset_cause": self._start.reset_cause,
            "wake_reason": self._start.wake_reason,
            "rtc": self._hardware.rtc_memory,
            "scratch": self._hardware.scratch,
            "offset_ms": self._hardware.clock_offset_ms,
            "uptime_ms": self._uptime_ms(),
            "unique_id": self._hardware.unique_id,
            "cut_at_write": self.cut_at_write,
            "prompt": self._start.prompt,
        }

    def _set_interrupt(self, byte: int) -> None:
        """Note which byte at the serial port interrupts the program; a question, so that it is heeded at once."""
        self.interrupt_byte = byte
        self.is_interrupted = False
        self._is_at_prompt = byte < 0
        if byte >= 0:
            self.is_broken_into = False

    def _set_raw(self, is_raw: int) -> None:
        self.is_raw = bool(is_raw)

    def _set_rtc_memory(self, digits: str) -> None:
        self._hardware.rtc_memory = digits

    def _set_clock(self, offset_ms: int) -> None:
        self._hardware.clock_offset_ms = offset_ms

    def _set_trigger(self, _pin: int, trigger: int) -> None:
        self._trigger = trigger

    def _set_wake(self, _pin: int, level: int, reason: int) -> None:
        self._hardware.wake_level, self._hardware.wake_reason = level, reason

    def _set_scratch(self, value: int) -> None:
        self._hardware.scratch = value

    def _note_heap(self, count: int) -> None:
        self.heap_bytes = count
