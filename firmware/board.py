"""The hardware: the only file that knows of ESP32 modules; the simulator brings its own."""

import os
import sys
import time

import esp32
import machine
import network
import ntptime

DOOR_PIN = 27  # RTC-capable, so that it can end a deep sleep; reed switch to ground, 1 megohm to 3.3 V
BATTERY_PIN = 35  # through a divider by two; of ADC1, since Wi-Fi occupies ADC2
DIVIDER = 2
UNIX_1970_TO_2000_S = 946684800

COLD = "cold"
DOOR = "door"
TIMER = "timer"
RESTART = "restart"


class Board:
    """An ESP32 with a reed switch on its door: high = open, since a closed door holds the switch closed."""

    def __init__(self):
        self._door = machine.Pin(DOOR_PIN, machine.Pin.IN)
        self._rtc = machine.RTC()
        self._moves = 0
        self._watchdog = None
        self._station = None
        # MicroPython counts from 1970 on a desk and from 2000 on an ESP32.
        self._epoch_ms = 1000 * (UNIX_1970_TO_2000_S if time.gmtime(0)[0] == 2000 else 0)

    def wake_cause(self):
        """Return what ended the sleep: the door, the timer, a restart in between, or power coming on."""
        if machine.reset_cause() == machine.DEEPSLEEP_RESET:
            return DOOR if machine.wake_reason() == machine.EXT0_WAKE else TIMER
        return COLD if machine.reset_cause() == machine.PWRON_RESET else RESTART

    def is_open(self):
        """Return whether the door's switch says open at this moment."""
        return self._door.value() == 1

    def watch_door(self):
        """Begin to notice every movement of the switch."""
        self._moves = 0
        self._door.irq(self._moved, machine.Pin.IRQ_RISING | machine.Pin.IRQ_FALLING)

    def door_moved(self):
        """Return whether the switch moved since ``watch_door`` or the last call."""
        self._door.value()  # a simulated interrupt is delivered with the next look
        moved, self._moves = self._moves, 0
        return moved > 0

    def battery_mv(self):
        """Return the voltage at the battery, in mV."""
        # Without attenuation an ESP32 measures up to 1 V only.
        cell = machine.ADC(machine.Pin(BATTERY_PIN), atten=machine.ADC.ATTN_11DB)
        return DIVIDER * cell.read_uv() // 1000

    def recall(self):
        """Return what RTC memory holds."""
        return self._rtc.memory()

    def remember(self, block):
        """Keep ``block`` in RTC memory: through deep sleep and restarts, not through loss of power."""
        self._rtc.memory(block)

    def uptime_ms(self):
        """Return milliseconds since this wake began."""
        return time.ticks_ms()

    def clock_ms(self):
        """Return the hardware clock in Unix milliseconds; counts from 2000 until it is set."""
        return time.time_ns() // 1000000 + self._epoch_ms

    def set_clock(self, unix_ms):
        """Set the hardware clock, which TLS compares with the broker's certificate."""
        year, month, day, hour, minute, second, weekday = time.gmtime((unix_ms - self._epoch_ms) // 1000)[:7]
        self._rtc.datetime((year, month, day, weekday, hour, minute, second, unix_ms % 1000 * 1000))

    def ask_ntp(self):
        """Return Unix milliseconds from the network, None when it does not answer."""
        try:
            # It answers whole seconds, cut off.
            return ntptime.time() * 1000 + 500 + self._epoch_ms
        except OSError:
            return None

    def pause_ms(self, milliseconds):
        """Do nothing for a while."""
        time.sleep_ms(milliseconds)

    def random_bytes(self, count):
        """Return bytes from the hardware's generator."""
        return os.urandom(count)

    def join(self, ssid, password, timeout_ms):
        """Join the Wi-Fi network; return whether that worked in time."""
        self._station = station = network.WLAN(network.STA_IF)
        station.active(True)  # noqa: FBT003 - network's signature
        if not station.isconnected():
            station.connect(ssid, password)
        end = self.uptime_ms() + timeout_ms
        while not station.isconnected():
            if self.uptime_ms() > end:
                return False
            self.pause_ms(10)
        return True

    def rssi(self):
        """Return the strength of the Wi-Fi signal in dBm."""
        return self._station.status("rssi")

    def radio_off(self):
        """Switch the radio off."""
        if self._station is not None:
            self._station.active(False)  # noqa: FBT003 - network's signature
            self._station = None

    def guard(self, timeout_ms):
        """Restart the board when ``feed`` is not called for this long; cannot be undone before the next sleep."""
        self._watchdog = machine.WDT(timeout=timeout_ms)

    def feed(self):
        """Tell the watchdog that the wake gets on."""
        if self._watchdog is not None:
            self._watchdog.feed()

    def sleep(self, milliseconds, wake_when_open):
        """Sleep deeply until the time is over or the door is in the given position; does not return."""
        level = esp32.WAKEUP_ANY_HIGH if wake_when_open else esp32.WAKEUP_ALL_LOW
        esp32.wake_on_ext0(pin=self._door, level=level)
        machine.deepsleep(milliseconds)

    def log(self, text):
        """Write one line to the serial port."""
        print("%d %s" % (self.uptime_ms(), text))

    def log_error(self, error):
        """Write an unexpected error, with its traceback where the interpreter has one to give."""
        self.log("error %r" % error)
        if hasattr(sys, "print_exception"):
            sys.print_exception(error)

    def free_bytes(self):
        """Return how much room the flash has left."""
        flash = os.statvfs("/")
        return flash[0] * flash[3]

    def _moved(self, _):
        self._moves += 1
