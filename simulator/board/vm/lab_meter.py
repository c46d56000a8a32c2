"""The laboratory's power meter: a clock that only moves when something costs time, and the charge that it cost.

Every figure comes from the host (``simulator/lab/charge.py``), so the same wake costs the same on every machine.
"""

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


class poll:  # noqa: N801 - select's name for it
    """``select.poll`` that tells the meter when it waited in vain."""

    def __init__(self):
        self._poll = host_select.poll()
        self.register = self._poll.register
        self.modify = self._poll.modify

    def poll(self, timeout_ms=-1):
        """Wait; for nothing, the whole time counts."""
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
        super().connect(address)
        METER.spend("round trip")
        self._has_asked = False

    def write(self, data):
        """Write, after which an answer is a round trip away."""
        self._has_asked = True
        METER.writes += 1
        return super().write(data)

    def readinto(self, buffer):
        """Read, which the first time after a write is the other half of a round trip."""
        count = super().readinto(buffer)
        if count and self._has_asked:
            self._has_asked = False
            METER.spend("round trip")
        return count
