"""The laboratory's network: a power meter at it, and a switch that takes it off the air in the midst of a wake.

The meter's clock moves only when something costs time. Every figure comes from the host (``simulator/lab/charge.py``),
so the same wake costs the same on every machine.
"""

import errno
import select as host_select

import esp32_socket
from esp32_socket import (  # noqa: F401 - part of what stands for socket
    AF_INET,
    SO_BROADCAST,
    SOCK_DGRAM,
    SOCK_STREAM,
    SOL_SOCKET,
    getaddrinfo,
)
from router import is_dhcp


class Meter:
    """Counts milliseconds and microcoulombs by phase; None in ``costs`` means that nothing is measured."""

    def __init__(self):
        self.costs = None
        self.now_ms = 0
        self.writes = 0  # to sockets: TLS writes each of its records at once
        self.records = []  # of each publish of this wake
        self._phase = "awake"
        self._drawn_uc = {}

    def begin(self):
        """Begin a wake: the charge of the start, and the time of it that the firmware sees."""
        self._drawn_uc = {}
        self.records = []
        self.enter("awake")
        self.spend("start")

    def enter(self, phase):
        """Let what follows count to ``phase``."""
        self._phase = phase

    def spend(self, name, times=1):
        """Let something happen that has a price of ``[ms, uC]``."""
        if self.costs is not None:
            milliseconds, microcoulombs = self.costs[name]
            self.now_ms += milliseconds * times
            self._drawn_uc[self._phase] = self._drawn_uc.get(self._phase, 0) + microcoulombs * times

    def idle(self, milliseconds):
        """Let time pass in which nothing is done: that costs by the radio, whether it is on."""
        self.spend("idle awake" if self._phase == "awake" else "idle radio", milliseconds)

    def drawn(self):
        """Return what the wake drew, in uC by phase."""
        return self._drawn_uc


METER = Meter()


class Air:
    """What Wi-Fi goes through: after so many uses by sockets nothing does any more, either way, and nobody says so."""

    def __init__(self):
        self.uses_left = -1  # for ever
        self.pause_ms = None  # lets time pass

    def is_gone(self):
        """Return whether nothing gets through."""
        return self.uses_left == 0

    def use(self):
        """Let something through."""
        if self.uses_left > 0:
            self.uses_left -= 1

    def wait(self, milliseconds):
        """Wait for what does not come; raises RuntimeError for who would do so for ever."""
        if milliseconds < 0:
            raise RuntimeError("expected a deadline, got a wait that never ends")
        self.pause_ms(milliseconds)


AIR = Air()


class poll:  # noqa: N801 - select's name for it
    """``select.poll`` that tells the meter when it waited in vain."""

    def __init__(self):
        self._poll = host_select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify

    def poll(self, timeout_ms=-1):
        """Wait; for nothing, the whole time counts."""
        if AIR.is_gone():
            AIR.wait(timeout_ms)
            return []
        ready = self._poll.poll(timeout_ms)
        if not ready and timeout_ms > 0:
            METER.idle(timeout_ms)
        return ready


POLLIN = host_select.POLLIN
POLLOUT = host_select.POLLOUT


class socket(esp32_socket.socket):  # noqa: N801 - the board's name for it
    """A socket whose peer is a round trip away: what is read after something was written came from there."""

    def connect(self, address):
        """Connect, which is a round trip."""
        if AIR.is_gone():
            AIR.wait(self._limit_ms)
            raise OSError(errno.ETIMEDOUT)
        AIR.use()
        super().connect(address)
        METER.spend("round trip")
        self._has_asked = False

    def write(self, data):
        """Write, after which an answer is a round trip away."""
        self._has_asked = True
        METER.writes += 1
        if AIR.is_gone():
            return len(data)
        AIR.use()
        return super().write(data)

    def sendto(self, data, address):
        """Send one datagram, whose answer is a round trip away."""
        self._owed = "DHCP answer" if is_dhcp(address) else "round trip"
        if AIR.is_gone():
            return len(data)
        AIR.use()
        return super().sendto(data, address)

    def readinto(self, buffer):
        """Read, which the first time after a write is the other half of a round trip."""
        if AIR.is_gone():
            return None
        count = super().readinto(buffer)
        if count:
            AIR.use()
        if count and self._has_asked:
            self._has_asked = False
            METER.spend("round trip")
        return count

    def recv(self, count):
        """Return one datagram."""
        AIR.use()
        METER.spend(self._owed)
        return super().recv(count)
