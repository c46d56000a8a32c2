"""RP2040's ``machine``, as far as the firmware uses it: no deep sleep to wake from by a pin, no RTC memory."""

import gc

import link
import machine as esp32_machine
from machine import Pin, freq, idle, reset, unique_id  # noqa: F401 - the same on both

PWRON_RESET = 1
WDT_RESET = 3

_SCRATCH0 = 0x4005800C
_FULL_SCALE_UV = 3300000
_MOST_WATCHDOG_MS = 8388
_RESTARTED = (2, 3)  # what the supervisor calls resets that the watchdog makes on this chip


class ADC:
    """An analog input of 0 to 3.3 V."""

    def __init__(self, pin: Pin | int) -> None:
        self._pin = pin if isinstance(pin, int) else pin.number

    def read_u16(self) -> int:
        """Return the voltage as a part of 65535."""
        return min(65535, link.call("adc", self._pin) * 65535 // _FULL_SCALE_UV)


class RTC:
    """The real-time clock; it has no memory."""

    def datetime(self, fields: tuple | None = None) -> tuple | None:
        """Return or set the clock."""
        return esp32_machine.RTC().datetime(fields)


class WDT:
    """The watchdog, which cannot wait as long as a wake may take."""

    def __init__(self, *, timeout: int) -> None:
        if timeout > _MOST_WATCHDOG_MS:
            raise ValueError("timeout exceeds 8388")
        esp32_machine.WDT(timeout=timeout)


class Timer:
    """A timer; the only callback here is a reset, so the supervisor keeps it."""

    ONE_SHOT = 0

    def init(self, *, mode: int, period: int, callback) -> None:
        """Call back once after ``period`` ms."""
        if mode != self.ONE_SHOT or callback is None:
            raise ValueError("expected a callback that comes once")
        link.tell("wdt", period)

    def deinit(self) -> None:
        """Call back no more."""
        link.tell("wdt", 0)


class Memory:
    """``mem32``: of all registers the one that outlives a reset."""

    def __getitem__(self, address: int) -> int:
        _check(address)
        return link.wake["scratch"]

    def __setitem__(self, address: int, value: int) -> None:
        _check(address)
        link.wake["scratch"] = value
        link.tell("scratch", value)


mem32 = Memory()


def reset_cause() -> int:
    """Return whether power came on or the watchdog started the chip; a soft reset changes nothing of it."""
    return WDT_RESET if link.wake["reset_cause"] in _RESTARTED else PWRON_RESET


def lightsleep(milliseconds: int) -> None:
    """Sleep for a while, all memory kept."""
    import time  # noqa: PLC0415 - the simulated one, made after this module

    time.sleep_ms(milliseconds)


def soft_reset() -> None:
    """Start the interpreter anew, the chip staying as it is; never returns."""
    if "heap_bytes" in link.wake:  # on MicroPython
        gc.collect()
        link.tell("heap", gc.mem_alloc() - link.wake["heap_bytes"])
    link.tell("soft_reset", False)  # noqa: FBT003 - as it goes over the link
    link.end()


def _check(address: int) -> None:
    if address != _SCRATCH0:
        raise ValueError("expected the register of the watchdog that programs may use")
