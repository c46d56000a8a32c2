"""What the boards of all chips do in the same way; what differs is in ``board.py``, one for each family of chips."""

import binascii
import os
import sys
import time

import machine
import network
import ntptime

from firmware import signals

UNIX_1970_TO_2000_S = 946684800

COLD = "cold"
DOOR = "door"
TIMER = "timer"
RESTART = "restart"

# The first two of a known network say where it is on the air, the others are its lease.
_LEASE = 2


class Chip:
    """A chip with a reed switch at pin ``door``: high = open, since a closed door holds the switch closed."""

    HAS_DHCP_ID = True
    """Whether the network stack has a DHCP client identifier, as ESP-IDF's does (LWIP_DHCP_DISABLE_CLIENT_ID)."""

    def __init__(self, door, led, began=0):
        self._door = machine.Pin(door, machine.Pin.IN)
        self._led = led
        self._began = began  # of ``time.ticks_ms``, which begins at 0 with each start of an ESP32
        self._rtc = machine.RTC()
        self._moves = 0
        self._watchdog = None
        self._station = None
        # MicroPython counts from 1970 on most chips and from 2000 on an ESP32.
        self._epoch_ms = 1000 * (UNIX_1970_TO_2000_S if time.gmtime(0)[0] == 2000 else 0)

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

    def uptime_ms(self):
        """Return milliseconds since this wake began."""
        return time.ticks_diff(time.ticks_ms(), self._began)

    def clock_ms(self):
        """Return the hardware clock in Unix milliseconds; counts from 2000 until it is set."""
        return time.time_ns() // 1000000 + self._epoch_ms

    def set_clock(self, unix_ms):
        """Set the hardware clock, which TLS compares with the broker's certificate."""
        year, month, day, hour, minute, second, weekday = time.gmtime((unix_ms - self._epoch_ms) // 1000)[:7]
        self._rtc.datetime((year, month, day, weekday, hour, minute, second, unix_ms % 1000 * 1000))

    def ask_ntp(self, server):
        """Return Unix milliseconds from the time server at this address, None of no answer in a second or of nonsense.

        By its name ntptime would wait seven seconds more for each name server (lwIP's dns.c, DNS_MAX_RETRIES).
        """
        ntptime.host = server
        try:
            # It answers whole seconds, cut off.
            return ntptime.time() * 1000 + 500 + self._epoch_ms
        except (OSError, ValueError):  # the latter of an answer that is too short to be one
            return None

    def pause_ms(self, milliseconds):
        """Do nothing for a while."""
        time.sleep_ms(milliseconds)

    def random_bytes(self, count):
        """Return bytes from the hardware's generator."""
        return os.urandom(count)

    def join(self, ssid, password, known, timeout_ms):
        """Join the Wi-Fi network; return what makes the next time fast, None when it did not work in time.

        ``known`` is an earlier result, ``[BSSID, channel, address, netmask, gateway, DNS server]``: with it nothing is
        scanned and no address asked for, which saves half the charge. Without its lease an address is asked for.
        """
        self._station = station = network.WLAN(network.STA_IF)
        try:
            station.active(True)  # noqa: FBT003 - network's signature
            known = known or _strongest(station.scan(), ssid)
            station.ifconfig(tuple(known[_LEASE:]) if known[_LEASE:] else "dhcp")
            if known[0]:
                station.config(channel=known[1])
                station.connect(ssid, password, bssid=binascii.unhexlify(known[0]))
            else:
                station.connect(ssid, password)
        except OSError as error:
            # The driver's own: out of memory, or in a state that only a new start of the radio ends.
            self.log("Wi-Fi: %r" % error)
            return None
        end = self.uptime_ms() + timeout_ms
        while not station.isconnected():
            if self.uptime_ms() > end:
                return None
            self.pause_ms(10)
        return known[:_LEASE] + list(station.ifconfig())

    def look_up(self, host, server, timeout_ms):
        """Return the address of ``host`` as the name server ``server`` tells it, or its owner; raises OSError."""
        # A broker that is known by its address never needs it.
        from firmware.resolver import lookup  # noqa: PLC0415

        return lookup(host, server, int.from_bytes(os.urandom(2), "big"), timeout_ms)

    def renew(self, address, questions, timeout_ms):
        """Return for how many seconds ``address`` may be kept, as ``firmware.lease.Client`` does; raises OSError."""
        from firmware.lease import Client  # noqa: PLC0415 - as firmware.link does

        client = Client(self._station.config("mac"), self.HAS_DHCP_ID, os.urandom(4))
        return client.renew(address, questions, timeout_ms)

    def rssi(self):
        """Return the strength of the Wi-Fi signal in dBm, None where it is lost already, which an ESP32 raises."""
        try:
            return self._station.status("rssi")
        except OSError:
            return None

    def radio_off(self):
        """Switch the radio off."""
        if self._station is not None:
            self._station.active(False)  # noqa: FBT003 - network's signature
            self._station = None

    def light(self, is_on):
        """Switch the LED."""
        machine.Pin(self._led, machine.Pin.OUT).value(int(is_on))

    def blink(self, count):
        """Let the LED say one of ``firmware.signals``."""
        for _ in range(count):
            self.light(True)  # noqa: FBT003 - a lamp
            self.pause_ms(signals.ON_MS)
            self.light(False)  # noqa: FBT003 - a lamp
            self.pause_ms(signals.OFF_MS)

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


def _strongest(found, ssid):
    """Return ``[BSSID, channel]`` of the best access point of a scan; of a hidden one nothing is known."""
    best = ["", 0]
    best_rssi = None
    for name, bssid, channel, rssi, _, _ in found:
        if name == ssid.encode() and (best_rssi is None or rssi > best_rssi):
            best, best_rssi = [binascii.hexlify(bssid).decode(), channel], rssi
    return best
