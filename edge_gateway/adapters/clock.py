"""The system clock, with its error as the Linux kernel knows it (adjtimex(2))."""

import ctypes
import time

TIME_ERROR = 5  # adjtimex's answer while the clock is not synchronised
UNSYNCHRONISED_MS = 86_400_000  # a Pi starts with the time at which it was last shut down


class _Timex(ctypes.Structure):
    """``struct timex``; only the first fields are read, the rest is room for the kernel to write."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_byte * 256),
    )


class SystemClock:
    """The time of day of this machine."""

    def now_ms(self) -> int:
        """Return the time in Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def error_ms(self) -> int:
        """Return the kernel's bound of the clock's error in ms, a day when the clock was never set."""
        adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
        if adjtimex is None:  # not Linux
            return UNSYNCHRONISED_MS
        timex = _Timex()
        state = adjtimex(ctypes.byref(timex))
        return UNSYNCHRONISED_MS if state in (TIME_ERROR, -1) else 1 + int(timex.maxerror) // 1000
