"""ESP32's ``machine``, as far as the firmware uses it."""

import binascii
import gc

import chip
import link

PWRON_RESET = 1
HARD_RESET = 2
WDT_RESET = 3
DEEPSLEEP_RESET = 4
SOFT_RESET = 5
EXT0_WAKE = 2
EXT1_WAKE = 3
TIMER_WAKE = 4

_RTC_MEMORY_BYTES = 2048
# By attenuation, the highest voltage that can be told from a higher one (ESP32 datasheet, ADC).
_MOST_UV = {0: 950000, 1: 1250000, 2: 1750000, 3: 2450000}
_FREQUENCY_HZ = 160000000
# Levels that programs set, by pin.
_levels = {}


class Pin:
    """A GPIO pin. The door's level is asked of the supervisor at every look; nothing is connected to the others."""

    IN = 1
    OUT = 3
    OPEN_DRAIN = 7
    PULL_UP = 2
    PULL_DOWN = 1
    IRQ_RISING = 1
    IRQ_FALLING = 2

    def __init__(self, number: int, mode: int = -1, pull: int | None = None, *, value: int | None = None) -> None:
        self.number = number
        self.init(mode, pull, value=value)

    def init(self, mode: int = -1, pull: int | None = None, *, value: int | None = None) -> None:
        """Use the pin in another way."""
        self.mode = mode
        self.pull = pull
        if value is not None:
            self.value(value)

    def value(self, level: int | None = None) -> int | None:
        """Return the level, or set it."""
        if level is not None:
            _levels[self.number] = int(bool(level))
            link.tell("out", self.number, _levels[self.number])
            return None
        if self.mode in (Pin.OUT, Pin.OPEN_DRAIN):
            return _levels.get(self.number, 0)
        if self.number == chip.DOORS[link.wake["chip"]]:
            return link.call("pin", self.number)
        link.call("look")
        return int(self.pull == Pin.PULL_UP)

    def __call__(self, level: int | None = None) -> int | None:
        """Return the level, or set it."""
        return self.value(level)

    def on(self) -> None:
        """Set the level high."""
        self.value(1)

    def off(self) -> None:
        """Set the level low."""
        self.value(0)

    def toggle(self) -> None:
        """Set the other level."""
        self.value(not _levels.get(self.number, 0))

    def irq(self, handler, trigger: int = 3) -> None:
        """Call ``handler(pin)`` for movements, as a real board does between two bytecodes: here with the next call."""
        link.on_move(lambda: handler(self))
        link.tell("irq", self.number, trigger)


class ADC:
    """An analog input."""

    ATTN_0DB = 0
    ATTN_2_5DB = 1
    ATTN_6DB = 2
    ATTN_11DB = 3

    def __init__(self, pin: Pin | int, *, atten: int = ATTN_0DB) -> None:
        self._number = pin if isinstance(pin, int) else pin.number
        self.atten(atten)

    def atten(self, atten: int) -> None:
        """Measure up to another voltage."""
        self._most_uv = _MOST_UV[atten]

    def read_uv(self) -> int:
        """Return the voltage in microvolts, cut off where the attenuation ends."""
        return min(link.call("adc", self._number), self._most_uv)

    def read_u16(self) -> int:
        """Return the voltage as a part of 65535."""
        return self.read_uv() * 65535 // self._most_uv

    def read(self) -> int:
        """Return the voltage as a part of 4095."""
        return self.read_u16() >> 4


class RTC:
    """The real-time clock and the memory that survives deep sleep."""

    def memory(self, data: bytes | None = None) -> bytes | None:
        """Return the memory, or replace it; more than 2048 bytes are refused as by the ESP32."""
        if data is None:
            return binascii.unhexlify(link.wake["rtc"])
        if len(data) > _RTC_MEMORY_BYTES:
            raise ValueError("buffer too long")
        link.wake["rtc"] = binascii.hexlify(data).decode()
        link.tell("rtc", link.wake["rtc"])
        return None

    def datetime(self, fields: tuple | None = None) -> tuple | None:
        """Return the clock, or set it: (year, month, day, weekday, hours, minutes, seconds, microseconds)."""
        import time  # noqa: PLC0415 - the simulated one, made after this module

        if fields is None:
            now = time.time_ns()
            year, month, day, hour, minute, second, weekday = time.gmtime(now // 1000000000)[:7]
            return (year, month, day, weekday, hour, minute, second, now // 1000 % 1000000)
        year, month, day, _, hour, minute, second, microsecond = fields
        seconds = time.mktime((year, month, day, hour, minute, second, 0, 0))
        time.set_ns((seconds * 1000000 + microsecond) * 1000)
        link.tell("clock", time.offset_ms())
        return None


class WDT:
    """The watchdog, kept by the supervisor."""

    def __init__(self, *, timeout: int) -> None:
        self._timeout = timeout
        self.feed()

    def feed(self) -> None:
        """Begin the time anew."""
        link.tell("wdt", self._timeout)


def reset_cause() -> int:
    """Return why the processor started."""
    return link.wake["reset_cause"]


def wake_reason() -> int:
    """Return what ended the deep sleep."""
    return link.wake["wake_reason"]


def unique_id() -> bytes:
    """Return the chip's number."""
    return binascii.unhexlify(link.wake["unique_id"])


def freq() -> int:
    """Return how fast the processor is said to be, in Hz."""
    return _FREQUENCY_HZ


def idle() -> None:
    """Let others work, of whom there are none."""


def lightsleep(milliseconds: int) -> None:
    """Wait."""
    import time  # noqa: PLC0415 - the simulated one, made after this module

    time.sleep_ms(milliseconds)


def deepsleep(milliseconds: int = 0) -> None:
    """Sleep until the time is over or an armed pin has its level; never returns."""
    if "heap_bytes" in link.wake:  # on MicroPython
        gc.collect()
        link.tell("heap", gc.mem_alloc() - link.wake["heap_bytes"])
    link.tell("sleep", milliseconds)
    link.end()


def reset() -> None:
    """Restart the processor; never returns."""
    link.tell("reset")
    link.end()


def soft_reset() -> None:
    """Start the interpreter anew, the chip staying as it is; never returns."""
    raise SystemExit
