"""The hardware of an ESP32, ESP32-S3 or ESP32-C3; the simulator brings its own."""

import sys

import esp32
import machine

from firmware.chip import COLD, DOOR, RESTART, TIMER, Chip

# Of each chip the pins of door, battery and LED. The door's must be able to end a deep sleep; it has a reed switch to
# ground and 1 megohm to 3.3 V. The battery's is of ADC1, since Wi-Fi occupies ADC2, through a divider by two.
PINS = {"ESP32": (27, 35, 2), "ESP32S3": (4, 5, 21), "ESP32C3": (4, 3, 10)}
DIVIDER = 2


class Board(Chip):
    """A board with one of these chips; which, MicroPython says at the end of what it calls its machine."""

    def __init__(self):
        machine_name = sys.implementation._machine  # noqa: SLF001 - where MicroPython keeps it
        door, self._battery, led = PINS[machine_name.split()[-1]]
        super().__init__(door, led)

    def wake_cause(self):
        """Return what ended the sleep: the door, the timer, a restart in between, or power coming on."""
        if machine.reset_cause() == machine.DEEPSLEEP_RESET:
            return TIMER if machine.wake_reason() == machine.TIMER_WAKE else DOOR
        return COLD if machine.reset_cause() == machine.PWRON_RESET else RESTART

    def battery_mv(self):
        """Return the voltage at the battery, in mV."""
        # Without attenuation these chips measure up to 1 V only.
        cell = machine.ADC(machine.Pin(self._battery), atten=machine.ADC.ATTN_11DB)
        return DIVIDER * cell.read_uv() // 1000

    def recall(self):
        """Return what RTC memory holds."""
        return self._rtc.memory()

    def remember(self, block):
        """Keep ``block`` in RTC memory: through deep sleep and restarts, not through loss of power."""
        self._rtc.memory(block)

    def guard(self, timeout_ms):
        """Restart the board when ``feed`` is not called for this long; cannot be undone before the next sleep."""
        self._watchdog = machine.WDT(timeout=timeout_ms)

    def feed(self):
        """Tell the watchdog that the wake gets on."""
        if self._watchdog is not None:
            self._watchdog.feed()

    def sleep(self, milliseconds, wake_when_open):
        """Sleep deeply until the time is over or the door is in the given position; does not return.

        With None for a position the door ends no sleep.
        """
        if wake_when_open is not None:
            level = esp32.WAKEUP_ANY_HIGH if wake_when_open else esp32.WAKEUP_ALL_LOW
            # ext1 lets more of the chip sleep than ext0 does, and an ESP32-C3 has neither.
            wake_on = esp32.wake_on_ext1 if hasattr(esp32, "wake_on_ext1") else esp32.wake_on_gpio
            wake_on((self._door,), level)
        machine.deepsleep(milliseconds)
