"""The hardware of a Raspberry Pi Pico W, on whose flash this file is ``board.py``.

Its RP2040 has no deep sleep that a pin could end, no memory that outlives a reset, and a watchdog of 8 s at most
(RP2040 datasheet, 2.11 and 4.7). So it sleeps lightly in short pieces and looks at the door between them; what others
keep in RTC memory is a file, believed only while a register that loses its content with the power says so.
"""

import os
import time

import machine

from firmware.chip import COLD, DOOR, RESTART, TIMER, Chip
from firmware.errors import FLASH_IS_FULL

DOOR_PIN = 15
BATTERY_PIN = 26  # ADC0, through a divider by two
DIVIDER = 2
LED = "LED"  # of the radio's chip, which MicroPython knows by this name
FULL_SCALE_MV = 3300
FULL_SCALE = 65535
# A door that is opened for a letter stays open longer.
LOOK_EVERY_MS = 100
MEMORY = "state/memory"

# SCRATCH0 of the watchdog: the SDK leaves the first four alone, a reset keeps them, lost power clears them.
_SCRATCH = 0x4005800C
_KEPT = 0x50B0C000
_CAUSES = {_KEPT + 1: DOOR, _KEPT + 2: TIMER}


class Board(Chip):
    """A Pico W; every wake begins with a soft reset."""

    HAS_DHCP_ID = False

    def __init__(self):
        super().__init__(DOOR_PIN, LED, time.ticks_ms())
        kept = machine.mem32[_SCRATCH]
        self._is_kept = kept & ~3 == _KEPT
        self._cause = _CAUSES.get(kept)
        self._guard_ms = None
        if self._is_kept:
            machine.mem32[_SCRATCH] = _KEPT  # the cause is good for one start

    def wake_cause(self):
        """Return what ended the sleep: the door, the timer, a restart in between, or power coming on."""
        if self._cause is not None:
            return self._cause
        is_cold = not self._is_kept and machine.reset_cause() == machine.PWRON_RESET
        return COLD if is_cold else RESTART

    def battery_mv(self):
        """Return the voltage at the battery, in mV."""
        return DIVIDER * machine.ADC(BATTERY_PIN).read_u16() * FULL_SCALE_MV // FULL_SCALE

    def recall(self):
        """Return what was remembered since power came on."""
        if not self._is_kept:
            return b""
        try:
            with open(MEMORY, "rb") as file:
                return file.read()
        except OSError:
            return b""  # nothing was

    def remember(self, block):
        """Keep ``block``: through sleep and restarts; a full flash keeps nothing, as if the power had gone."""
        try:
            with open(MEMORY + ".new", "wb") as file:
                file.write(block)
            os.rename(MEMORY + ".new", MEMORY)
        except OSError as error:
            if error.errno != FLASH_IS_FULL:
                raise
            machine.mem32[_SCRATCH] = 0
            self._is_kept = False
        else:
            machine.mem32[_SCRATCH] = _KEPT
            self._is_kept = True

    def guard(self, timeout_ms):
        """Restart the board when ``feed`` is not called for this long."""
        self._guard_ms = timeout_ms
        self._watchdog = machine.Timer()
        self.feed()

    def feed(self):
        """Begin the time of ``guard`` anew."""
        if self._watchdog is not None:
            once = machine.Timer.ONE_SHOT
            self._watchdog.init(mode=once, period=self._guard_ms, callback=lambda _: machine.reset())

    def sleep(self, milliseconds, wake_when_open):
        """Sleep lightly until the time is over or the door is in the given position, then start anew.

        With None for a position the door ends no sleep.
        """
        if self._watchdog is not None:
            self._watchdog.deinit()
        cause = 2
        while milliseconds > 0:
            if self.is_open() == wake_when_open:
                cause = 1
                break
            milliseconds -= _nap(min(milliseconds, LOOK_EVERY_MS))
        if self._is_kept:
            machine.mem32[_SCRATCH] = _KEPT + cause
        machine.soft_reset()


def _nap(milliseconds):
    """Sleep for about so long; return how long it was."""
    began = time.ticks_ms()
    machine.lightsleep(milliseconds)
    if time.ticks_ms() == began:
        time.sleep_ms(1)  # the radio's chip wanted something first, which sleeping at once does not give it
    return time.ticks_diff(time.ticks_ms(), began)
