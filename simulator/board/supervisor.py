"""The loop that keeps a virtual board: it starts and kills the processor, moves its door, and reports."""

import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from simulator.board.hardware import (
    BY_TIMER,
    INTERRUPTED,
    POWER,
    RESET,
    SOFT,
    SOFT_RAW,
    WATCHDOG,
    Start,
    by_door,
    load_hardware,
    now_ms,
    save_hardware,
)
from simulator.board.interpreter import Interpreter
from simulator.board.peripherals import Peripherals
from simulator.board.processor import Processor
from simulator.board.reports import BoardReport, ReportKind
from simulator.board.serial_port import SerialPort

# What a reed switch does when the magnet comes or goes: milliseconds at which its level changes, the last for good.
BOUNCE_MS = (0, 1, 2, 4, 5)
# Restarts in a row without a sleep in between before the board counts as broken.
MOST_RESTARTS = 5
# Ctrl-C interrupts a program that prints, opens a file or looks at the hardware where it does so; one that does not,
# wherever it is, after a time that is long even on a busy machine: that may break the interpreter, which then ends or
# falls silent, and is started anew at its prompt.
CTRL_C = 3
INTERRUPT_S = 1.0
SILENCE_S = 2.0

Action = Callable[[], None]


class Supervisor:
    """Runs in one thread by ``run``; from other threads only ``post`` may be called."""

    def __init__(
        self,
        interpreter: Interpreter,
        sidecar: Path,
        report: Callable[[BoardReport], None],
        bounce_ms: Sequence[int] = BOUNCE_MS,
        *,
        port: SerialPort | None = None,
    ) -> None:
        self._interpreter = interpreter
        self._sidecar = sidecar
        self._report_to = report
        self._bounce_ms = bounce_ms
        self._began = self._spawned = time.monotonic()
        self._hardware = load_hardware(sidecar)
        self._processor: Processor | None = None
        self._peripherals = Peripherals(self._hardware, POWER, self._uptime_ms)
        self._restarts = 0
        self._cut_at_write: int | None = None
        self._timers: dict[str, tuple[float, Action]] = {}
        self._commands: deque[Action] = deque()
        self._moves: deque[int] = deque()
        self._bell_read, self._bell_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell_read, selectors.EVENT_READ, self._obey)
        self._is_running = True
        self._port = port
        self._printed = self._keys = b""
        self._ends: dict[str, Callable[..., None]] = {
            "sleep": self._sleep,
            "cut": self._cut_power,
            "reset": self._reset,
            "soft_reset": self._soft_reset,
            "wdt": self._set_watchdog,
        }
        if port is not None:
            self._selector.register(port, selectors.EVENT_READ, self._read_keys)

    def post(self, command: str, *arguments: int) -> None:
        """Let the loop's thread carry out one of the commands below; returns at once."""
        actions: dict[str, Action] = {
            "open": lambda: self._swing(1),
            "close": lambda: self._swing(0),
            "cut": self._cut_power,
            "cut_at_write": lambda: self._plan_cut(*arguments),
            "restore": self._restore_power,
            "battery": lambda: setattr(self._hardware, "battery_mv", *arguments),
            "network": lambda: setattr(self._hardware, "network_up", any(arguments)),
            "bounce": lambda: setattr(self, "_bounce_ms", arguments),
            "quit": self._quit,
        }
        self._commands.append(actions[command])
        os.write(self._bell_write, b"!")

    def run(self) -> None:
        """Play the board until ``quit``; a board left asleep goes on sleeping."""
        try:
            if self._port is not None:
                self._report("port", text=self._port.path)
            self._resume()
            while self._is_running:
                for key, _ in self._selector.select(self._until_next_timer()):
                    key.data()
                self._let_door_move()
                self._fire_timers()
        finally:
            self._end_processor()
            save_hardware(self._sidecar, self._hardware)
            self._selector.close()
            if self._port is not None:
                self._port.close()

    def play(self) -> None:
        """Run, and tell those who watch if that ends by a fault of this machine's or of ours."""
        try:
            self.run()
        except Exception as error:
            self._report("failed", text=f"{type(error).__name__}: {error}")
            raise

    def close(self) -> None:
        """Take no more commands; call it after the run, for until then somebody may give one."""
        os.close(self._bell_read)
        os.close(self._bell_write)

    def _resume(self) -> None:
        if self._hardware.is_asleep:
            self._report("asleep")
            self._after_falling_asleep()
        elif self._hardware.is_powered:
            self._start(POWER)
        else:
            self._report("off")

    def _obey(self) -> None:
        os.read(self._bell_read, 4096)
        while self._commands:
            self._commands.popleft()()

    def _quit(self) -> None:
        self._is_running = False

    def _swing(self, level: int) -> None:
        self._moves.append(level)
        self._let_door_move()

    def _let_door_move(self) -> None:
        """Move the door as told, but not before a board just powered on watches it: until then nobody could notice."""
        is_blind = self._processor is not None and self._peripherals.is_blind
        while self._moves and not is_blind:
            self._move_door(self._moves.popleft())

    def _move_door(self, level: int) -> None:
        """Change the door's level for good, after the bounces of its switch."""
        for number in range(len(self._bounce_ms)):
            self._timers.pop(f"bounce {number}", None)
        if level == self._hardware.door_level:
            return
        now = time.monotonic()
        # Levels alternate; counted from the end so that the last is the wanted one.
        for number, after_ms in enumerate(self._bounce_ms):
            is_wanted = (len(self._bounce_ms) - number) % 2
            change = self._level_change(level if is_wanted else 1 - level)
            self._set_timer(f"bounce {number}", now + after_ms / 1000, change)
        self._fire_timers()

    def _level_change(self, level: int) -> Action:
        def change() -> None:
            if level != self._hardware.door_level:
                self._peripherals.move_door(level)
                self._wake_if_due()

        return change

    def _cut_power(self) -> None:
        self._end_processor()
        self._keys = b""
        self._forget_timers("sleep", "watchdog", "restart")
        self._hardware.lose_power()
        save_hardware(self._sidecar, self._hardware)
        self._report("off")

    def _plan_cut(self, number: int) -> None:
        self._cut_at_write = number

    def _restore_power(self) -> None:
        if not self._hardware.is_powered:
            self._hardware.gain_power()
            self._restarts = 0
            self._start(POWER)

    def _start(self, start: Start) -> None:
        self._forget_timers("sleep", "watchdog", "restart")
        self._hardware.wake_up()
        # Saved as awake: if the simulator dies now, RTC memory is older than what the firmware has used of it.
        save_hardware(self._sidecar, self._hardware)
        self._spawned = time.monotonic()
        self._peripherals = Peripherals(self._hardware, start, self._uptime_ms)
        self._peripherals.cut_at_write, self._cut_at_write = self._cut_at_write, None
        self._processor = Processor(self._interpreter, has_keyboard=self._port is not None)
        self._selector.register(self._processor.link, selectors.EVENT_READ, self._serve)
        self._selector.register(self._processor.serial, selectors.EVENT_READ, self._read_serial)
        self._report("awake", cause=start.cause, interpreter=self._interpreter.name)

    def _end_processor(self) -> int:
        """Kill the processor, report what it still had to say, and return its exit status."""
        processor, self._processor = self._processor, None
        if self._peripherals.take_interrupt():
            # It came too late for this program: the next one has to heed it, or mpremote waits in vain.
            self._keys = bytes([CTRL_C]) + self._keys
        self._forget_timers("interrupt", "silence")
        if processor is None:
            return 0
        for stream in (processor.link, processor.serial):
            if stream in self._selector.get_map():
                self._selector.unregister(stream)
        status, printed = processor.end()
        self._hear(printed)
        if self._printed:
            self._log(self._printed)
            self._printed = b""
        return status

    def _serve(self) -> None:
        if self._processor is None:
            return
        requests = self._processor.requests()
        if requests is None and self._peripherals.is_broken_into:
            self._start_at_prompt()
            return
        if requests is None:
            self._crash(f"the processor ended by itself, status {self._end_processor()}")
            return
        for operation, *arguments in requests:
            self._serve_one(operation, arguments)

    def _serve_one(self, operation: str, arguments: list[Any]) -> None:
        if self._processor is None:
            return
        if self._peripherals.answers(operation):
            *arguments, number = arguments
            value = self._peripherals.answer(operation, arguments)
            if operation == "hello":
                value |= self._interpreter.places | {"has_port": self._port is not None}
            self._forget_timers("interrupt")
            moves, is_interrupted = self._peripherals.take_moves(), self._peripherals.take_interrupt()
            self._processor.answer(value, moves, is_interrupted, number)
            self._type_keys()
        elif operation in self._ends:
            self._ends[operation](*arguments)
        else:
            self._peripherals.obey(operation, arguments)

    def _read_serial(self) -> None:
        if self._processor is None:
            return
        printed = self._processor.printed()
        if printed is None:
            self._selector.unregister(self._processor.serial)
        else:
            self._forget_timers("silence")
            self._hear(printed)
            self._type_keys()

    def _read_keys(self) -> None:
        self._restarts = 0  # somebody is looking after it
        received = self._port.received() if self._port is not None else b""
        self._keys = self._keys + received if self._processor is not None else b""
        self._type_keys()

    def _type_keys(self) -> None:
        """Let the processor have what was typed, once it heeds it, and interrupt its program where Ctrl-C is in it.

        What follows a Ctrl-C waits until that is heeded: it is for whoever comes after the program.
        """
        byte = self._peripherals.interrupt_byte
        is_heeding = self._peripherals.is_interrupted or "silence" in self._timers
        if self._processor is None or byte is None or is_heeding or not self._keys:
            return
        at = self._keys.find(byte) if byte >= 0 else -1
        if at < 0:
            at = len(self._keys)
        else:
            self._peripherals.is_interrupted = True
            self._set_timer("interrupt", time.monotonic() + INTERRUPT_S, self._interrupt)
        typed, self._keys = self._keys[:at], self._keys[at + 1 :]
        self._processor.type(typed)

    def _interrupt(self) -> None:
        if self._processor is not None:
            self._peripherals.is_interrupted, self._peripherals.is_broken_into = False, True
            self._processor.interrupt()
            self._set_timer("silence", time.monotonic() + SILENCE_S, self._start_at_prompt)

    def _start_at_prompt(self) -> None:
        self._end_processor()
        self._start(INTERRUPTED)

    def _reset(self) -> None:
        self._end_processor()
        self._restart(RESET)

    def _soft_reset(self, is_raw: bool) -> None:  # noqa: FBT001 - as it comes over the link
        self._end_processor()
        self._start(SOFT_RAW if is_raw else SOFT)

    def _set_watchdog(self, milliseconds: int) -> None:
        """Begin its time anew; 0 ends it."""
        self._forget_timers("watchdog")
        if milliseconds:
            self._set_timer("watchdog", time.monotonic() + milliseconds / 1000, self._bite)

    def _sleep(self, milliseconds: int) -> None:
        self._end_processor()
        self._keys = b""
        self._forget_timers("watchdog")
        self._restarts = 0
        self._hardware.fall_asleep(milliseconds)
        save_hardware(self._sidecar, self._hardware)
        self._report("asleep", sleep_ms=milliseconds, heap_bytes=self._peripherals.heap_bytes)
        self._after_falling_asleep()

    def _after_falling_asleep(self) -> None:
        if self._hardware.wake_at_ms is not None:
            remaining_s = max(0, self._hardware.wake_at_ms - now_ms()) / 1000
            self._set_timer("sleep", time.monotonic() + remaining_s, lambda: self._start(BY_TIMER))
        self._wake_if_due()

    def _wake_if_due(self) -> None:
        if self._hardware.is_woken_by_door():
            self._start(by_door(self._hardware.wake_reason))

    def _bite(self) -> None:
        self._end_processor()
        self._report("crashed", text="the watchdog was not fed in time")
        self._restart(WATCHDOG)

    def _crash(self, text: str) -> None:
        self._report("crashed", text=text)
        self._restart(RESET)

    def _restart(self, start: Start) -> None:
        self._forget_timers("watchdog")
        self._restarts += 1
        if self._restarts > MOST_RESTARTS:
            self._hardware.lose_power()
            self._report("crashed", text=f"gave up after {MOST_RESTARTS} restarts without a sleep: its log says why")
            return
        self._start(start)

    def _set_timer(self, name: str, at: float, action: Action) -> None:
        self._timers[name] = (at, action)

    def _forget_timers(self, *names: str) -> None:
        for name in names:
            self._timers.pop(name, None)

    def _until_next_timer(self) -> float | None:
        if not self._timers:
            return None
        return max(0.0, min(at for at, _ in self._timers.values()) - time.monotonic())

    def _fire_timers(self) -> None:
        """Fire what is due, earliest first; one may cancel another or set a new one."""
        now = time.monotonic()
        while due := sorted((at, name) for name, (at, _) in self._timers.items() if at <= now):
            _, action = self._timers.pop(due[0][1])
            action()

    def _uptime_ms(self) -> int:
        return round((time.monotonic() - self._spawned) * 1000)

    def _hear(self, printed: bytes) -> None:
        """Pass on what the board prints: to the port as it is, to the log by lines."""
        if self._port is not None:
            self._port.send(printed)
        *lines, self._printed = (self._printed + printed).split(b"\n")
        for line in lines:
            self._log(line)

    def _log(self, line: bytes) -> None:
        if not self._peripherals.is_raw:
            self._report("log", text=line.decode(errors="replace").rstrip("\r"))

    def _report(self, kind: ReportKind, **fields: Any) -> None:
        at_ms = round((time.monotonic() - self._began) * 1000)
        self._report_to(BoardReport(at_ms, kind, **fields))
