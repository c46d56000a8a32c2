"""Ingest: what devices send, stored in lanes; so much waits here, the rest with the broker."""

import threading
import time
from collections.abc import Sequence
from functools import partial
from zlib import crc32

from cloud.bootstrap import Application
from cloud.ports.database import Database
from cloud.ports.device_hub import Acknowledge, DeviceHub, DeviceMessage, Downlink
from cloud.worker.answers import Answers
from cloud.worker.lane import Lane, Signal, Waiting

# About 13 MB. More stay with the broker, or on the way from it.
MOST_WAITING = 10_000
# In a transaction: what a tenth of a second stores where the application's other writers wait meanwhile; where nobody
# does, twice as many, for in a flood a device has several messages in them, and what they share is asked once.
MOST_SHARING, MOST_BESIDE = 1000, 2000
STOP_S = 5.0


class Ingest:
    """A lane for each database that writes, and a thread that answers; a device's messages keep to one lane.

    ``beside`` are databases of its own, closed with this; without any it stores by the application's. While the
    interpreter works for one lane, the database's server works for another (docs/decisions/0116).
    """

    def __init__(
        self, app: Application, hub: DeviceHub, beside: Sequence[Database] = (), most_waiting: int = MOST_WAITING
    ) -> None:
        self._hub, self._beside, self._most_waiting = hub, beside, most_waiting
        self._answers = Answers(hub.publish)
        databases, most = (beside, MOST_BESIDE) if beside else ((app.database,), MOST_SHARING)
        self._lanes = [
            Lane(app, database, self._answers, most, partial(_is_of, number, len(databases)), self._note_taken)
            for number, database in enumerate(databases)
        ]
        self._stopping = threading.Event()
        self._hearing = threading.Event()
        self._has_room = threading.Event()

    def start(self) -> None:
        """Connect to the devices and store what they send."""
        self._answers.start()
        for lane in self._lanes:
            lane.start()
        self._hub.start(self._take, self._take_connection)

    def hears(self, timeout_s: float) -> bool:
        """Wait until messages of devices arrive here or are kept for here; returns whether they do."""
        return self._hearing.wait(timeout_s)

    def tell(self, downlink: Downlink) -> None:
        """Have a lane send a message; of a ``desired`` only the device counts, it is rendered anew then."""
        self._lane_of(downlink.thing).give(downlink)

    @property
    def waiting(self) -> int:
        """Return how many messages wait here to be stored, those at work not counted."""
        return sum(lane.waiting for lane in self._lanes)

    def fault(self) -> str:
        """Return what keeps messages from being stored, "" for nothing."""
        if not all(lane.is_alive() for lane in self._lanes):
            return "a thread that stores messages has ended"
        return "" if self._answers.is_alive() else "the thread that answers devices has ended"

    def stop(self) -> None:
        """Store and acknowledge what has arrived, for some seconds, then disconnect; the next server gets the rest."""
        self._stopping.set()
        self._has_room.set()
        stop_at = time.monotonic() + STOP_S
        for lane in self._lanes:
            lane.end_by(stop_at)
        for lane in self._lanes:
            lane.join(10.0)
        self._answers.stop(10.0)
        self._hub.stop()
        for database in self._beside:
            database.close()

    def _lane_of(self, thing: str) -> Lane:
        return self._lanes[_number(thing, len(self._lanes))]

    def _take(self, message: DeviceMessage, acknowledge: Acknowledge) -> None:
        """Have a message stored; holds up the hub, and so the broker, while too many wait for that."""
        if self.waiting >= self._most_waiting:
            self._hub.hold_up()
            self._has_room.clear()
            # Looked at again: the last of them may have been stored just before, and nobody would say so any more.
            if self.waiting >= self._most_waiting and not self._stopping.is_set():
                self._has_room.wait()
            self._go_on_with_few()
        self._lane_of(message.thing).give(Waiting(message, acknowledge))

    def _take_connection(self) -> None:
        self._hearing.set()
        for lane in self._lanes:
            lane.give(Signal.REPUBLISH)

    def _note_taken(self) -> None:
        """Make room: a lane has taken a group of those that waited."""
        if self.waiting < self._most_waiting:
            self._has_room.set()
        self._go_on_with_few()

    def _go_on_with_few(self) -> None:
        """Let the broker speak again once half is stored: until then the hub has time to acknowledge and answer."""
        if self.waiting <= self._most_waiting // 2:
            self._hub.go_on()


def _number(thing: str, lanes: int) -> int:
    return crc32(thing.encode()) % lanes


def _is_of(number: int, lanes: int, thing: str) -> bool:
    return _number(thing, lanes) == number
