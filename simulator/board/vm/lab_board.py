"""The laboratory's board: what ``firmware.main`` asks of hardware, on a clock that is moved on at will."""

import os
import time

from lab_chip import Cut
from lab_meter import AIR, METER
from network import MAC
from router import DAY_S, ROUTER

from firmware.lease import Client
from firmware.resolver import PORT, lookup

START_MS = 946684800000  # an ESP32's clock at power-on
FLASH = "/flash"
_CERT_VERIFY_FAILED = -0x2700  # mbedTLS, x509.h


class Asleep(BaseException):
    """The wake has ended as it should."""


class Board:
    """The hardware that ``firmware.main`` asks for."""

    def __init__(self):
        self.chip = None
        self.torn = 0.5  # how much is done of the change of flash into which a power cut falls
        self.rtc = b""
        self.jumps = START_MS - time.ticks_ms()
        self.began = 0
        self.cause = "cold"
        self.is_high = False
        self.looks = []
        self.moves = []
        self.battery = 3900
        self.has_wifi = True
        self.air = -1  # uses of the network after which this wake's is gone
        self.ntp = None
        self.dns_port = PORT
        self.lease_s = DAY_S  # 0: the router says nothing when asked for it; below: it refuses
        self.knows_restarts = True  # whether the router answers INIT-REBOOT
        self.lines = []
        self.joins = 0

    def now(self):
        """Return the hardware clock, in Unix milliseconds; ends the wake whose power is gone."""
        self._must_have_power()
        return (time.ticks_ms() if METER.costs is None else METER.now_ms) + self.jumps

    def wake_cause(self):
        """Return what ended the sleep."""
        return self.cause

    def is_open(self):
        """Return the door's position, from ``looks`` while there are any."""
        if self.looks:
            self.is_high = self.looks.pop(0)
        return self.is_high

    def watch_door(self):
        """Begin to notice movements: those of ``moves``."""

    def door_moved(self):
        """Return whether the door moved since the last call."""
        return self.moves.pop(0) if self.moves else False

    def battery_mv(self):
        """Return the battery's voltage."""
        return self.battery

    def recall(self):
        """Return what RTC memory holds."""
        return self.rtc

    def remember(self, block):
        """Keep ``block`` in RTC memory."""
        if not self.chip.is_dead:
            self.rtc = bytes(block)

    def uptime_ms(self):
        """Return milliseconds since this wake began."""
        return self.now() - self.began

    def clock_ms(self):
        """Return the hardware clock."""
        return self.now()

    def set_clock(self, unix_ms):
        """Set the hardware clock."""
        step = unix_ms - self.now()
        self.jumps += step
        self.began += step

    def ask_ntp(self, _server):
        """Return the network's time, None where it does not answer."""
        METER.spend("round trip")
        if AIR.is_gone():
            return None
        AIR.use()
        return self.ntp

    def pause_ms(self, milliseconds):
        """Let time pass."""
        if METER.costs is None:
            self.jumps += milliseconds
        METER.idle(milliseconds)

    def random_bytes(self, count):
        """Return random bytes."""
        return os.urandom(count)

    def join(self, _ssid, _password, known, timeout_ms):
        """Join Wi-Fi, or wait in vain."""
        self.joins += 1
        METER.enter("wifi")
        if self.has_wifi:
            METER.spend("join" if known and known[2:] else "join by DHCP")
            return ["02706c6c7231", 6, "127.0.0.1", "255.0.0.0", "127.0.0.1", "127.0.0.1"]
        self.pause_ms(timeout_ms)
        return None

    def look_up(self, host, server, _):
        """Ask the test's name server, or the home's router and whoever else is there."""
        return lookup(host, server, 7, 100, self.dns_port)

    def renew(self, address, questions, timeout_ms):
        """Ask the home's router."""
        ROUTER.lease_s, ROUTER.refuses, ROUTER.is_silent = self.lease_s, self.lease_s < 0, self.lease_s == 0
        ROUTER.knows_restarts = self.knows_restarts
        return Client(MAC, True, os.urandom(4)).renew(address, questions, timeout_ms)  # noqa: FBT003 - as an ESP32 has

    def rssi(self):
        """Return the signal's strength."""
        return None if AIR.is_gone() else -61

    def radio_off(self):
        """Switch the radio off."""
        METER.enter("awake")

    def feed(self):
        """Tell the watchdog that the wake gets on."""

    def free_bytes(self):
        """Return how much room the flash has left."""
        flash = os.statvfs(FLASH)
        return flash[0] * flash[3]

    def blink(self, _):
        """Let the LED speak."""

    def log(self, text):
        """Keep a line of the serial port."""
        self._must_have_power()
        self.lines.append(text)

    def sleep(self, milliseconds, wake_when_open):
        """End the wake."""
        self._must_have_power()
        raise Asleep(milliseconds, wake_when_open)

    def _must_have_power(self):
        if self.chip is not None and self.chip.is_dead:
            raise Cut


class Context:
    """A TLS context whose certificates are as valid as the board's clock says, as on an ESP32."""

    def __init__(self, context, board, valid):
        self._context = context
        self._board = board
        self._valid = valid

    def wrap_socket(self, *arguments, **options):
        """Begin TLS, unless the certificate is not valid at the board's time."""
        if not self._valid[0] <= self._board.now() <= self._valid[1]:
            raise OSError(_CERT_VERIFY_FAILED)
        METER.spend("handshake")
        return self._context.wrap_socket(*arguments, **options)
