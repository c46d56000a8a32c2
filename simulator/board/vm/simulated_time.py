"""ESP32's ``time``: counts from 2000, stands at 2000-01-01 after power-on, and is only as right as it was set."""

import time as host

EPOCH_S = 946684800  # 2000-01-01 in Unix seconds

# CPython's time has no ticks; its monotonic clock is the same thing.
_host_ticks_ms = getattr(host, "ticks_ms", None) or (lambda: host.monotonic_ns() // 1000000)


class SimulatedTime:
    """Stands in ``sys.modules`` as ``time``. ``offset_ms`` is how far the board's clock is ahead of the host's.

    ``epoch_s`` is where the chip begins to count, in Unix seconds: 2000 on an ESP32, 1970 on an RP2040.
    """

    def __init__(self, offset_ms: int, uptime_ms: int, epoch_s: int = EPOCH_S) -> None:
        self._epoch_s = epoch_s
        self._offset_ns = offset_ms * 1000000
        self._began_ms = _host_ticks_ms() - uptime_ms
        # MicroPython lets nobody ``from time import`` a method: as attributes of the object they are values.
        for name in dir(SimulatedTime):
            if not name.startswith("_"):
                setattr(self, name, getattr(self, name))

    def time_ns(self) -> int:
        """Return nanoseconds since the epoch."""
        return host.time_ns() + self._offset_ns - self._epoch_s * 1000000000

    def time(self) -> int:
        """Return whole seconds since the epoch."""
        return self.time_ns() // 1000000000

    def set_ns(self, nanoseconds: int) -> None:
        """Set the clock to nanoseconds since the epoch."""
        self._offset_ns += nanoseconds - self.time_ns()

    def offset_ms(self) -> int:
        """Return how far the board's clock is ahead of the host's."""
        return self._offset_ns // 1000000

    def gmtime(self, seconds: int | None = None) -> tuple:
        """Return (year, month, day, hour, minute, second, weekday, yearday)."""
        return tuple(host.gmtime((self.time() if seconds is None else seconds) + self._epoch_s)[:8])

    def localtime(self, seconds: int | None = None) -> tuple:
        """Return the same: a board knows no time zone."""
        return self.gmtime(seconds)

    def mktime(self, fields: tuple) -> int:
        """Return seconds since the epoch of a broken-down time in UTC."""
        # The supervisor sets TZ, so that the host's local time is UTC.
        return int(host.mktime(fields[:6] + (0, 0, 0))) - self._epoch_s  # noqa: RUF005 - not in MicroPython

    def ticks_ms(self) -> int:
        """Return milliseconds since this start of the processor."""
        return _host_ticks_ms() - self._began_ms

    def ticks_us(self) -> int:
        """Return microseconds since this start of the processor."""
        return self.ticks_ms() * 1000

    def ticks_diff(self, end: int, start: int) -> int:
        """Return milliseconds between two ticks."""
        return end - start

    def ticks_add(self, ticks: int, delta: int) -> int:
        """Return ticks moved by ``delta``."""
        return ticks + delta

    def sleep_ms(self, milliseconds: int) -> None:
        """Wait."""
        host.sleep(milliseconds / 1000)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        host.sleep(seconds)

    def sleep_us(self, microseconds: int) -> None:
        """Wait."""
        host.sleep(microseconds / 1000000)
