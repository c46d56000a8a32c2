"""A lane of ingest: what some of the devices send, in groups, one commit a group, answered only after it."""

import enum
import logging
import math
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cloud import pipeline
from cloud.bootstrap import Application
from cloud.devices.model import desired
from cloud.devices.repository import DeviceRepository
from cloud.errors import RetryLaterError
from cloud.ports.database import Database
from cloud.ports.device_hub import Acknowledge, DeviceMessage, Downlink
from cloud.ports.event_queue import Parked
from cloud.ports.metrics import INGEST_GROUP, INGEST_LAG, INGEST_PARKED
from cloud.worker.answers import Answers
from firmware.wire.topics import DESIRED

log = logging.getLogger(__name__)

# A deadlock is over at once, a database that is away is not asked all the time.
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
# Of payloads in one transaction; a statement over its events is some times that, and a server takes none above 16 MB
# (``max_allowed_packet``).
MOST_BYTES = 1_000_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that is to be stored, and what tells the broker that it is."""

    message: DeviceMessage
    acknowledge: Acknowledge


class Signal(enum.Enum):
    """What else a lane is asked for, in its turn."""

    REPUBLISH = enum.auto()
    STOP = enum.auto()


class Lane:
    """One thread that stores what its devices send. A message is never acknowledged before its commit.

    ``serves`` says whether a thing is one of its devices; ``note_taken`` is called when a group no longer waits.
    """

    def __init__(
        self,
        app: Application,
        database: Database,
        answers: Answers,
        most_at_once: int,
        serves: Callable[[str], bool],
        note_taken: Callable[[], None],
    ) -> None:
        self._app, self._database, self._answers = app, database, answers
        self._most_at_once, self._serves, self._note_taken = most_at_once, serves, note_taken
        self._given: queue.SimpleQueue[Waiting | Downlink | Signal] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)
        self._stopping = threading.Event()
        self._stop_at = math.inf

    def start(self) -> None:
        """Store what is given from now on."""
        self._thread.start()

    def give(self, one: Waiting | Downlink | Signal) -> None:
        """Have something done after all that was given before."""
        self._given.put(one)

    @property
    def waiting(self) -> int:
        """Return how many messages wait to be stored, those at work not counted."""
        return self._given.qsize()

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def end_by(self, at: float) -> None:
        """Store what was given, until this time of the monotonic clock, and end."""
        self._stop_at = at
        self._stopping.set()
        self.give(Signal.STOP)

    def join(self, timeout_s: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout_s)

    def _work(self) -> None:
        group: list[Waiting | Downlink | Signal] = []
        while Signal.STOP not in group and time.monotonic() < self._stop_at:
            group = self._group()
            try:
                self._handle(group)
            except RetryLaterError as error:
                log.warning("messages are left to the next server: %s", error)
            except Exception:
                # Not acknowledged, so the broker delivers the group again when it is connected anew.
                log.exception("a fault of ours; %d messages are left", len(group))

    def _group(self) -> list[Waiting | Downlink | Signal]:
        group = [self._given.get()]
        size = _size(group[0])
        while len(group) < self._most_at_once and size < MOST_BYTES and not self._given.empty():
            group.append(self._given.get())
            size += _size(group[-1])
        self._note_taken()
        return group

    def _handle(self, group: list[Waiting | Downlink | Signal]) -> None:
        waiting = [one for one in group if isinstance(one, Waiting)]
        if waiting:
            self._store(waiting)
        told = [one for one in group if isinstance(one, Downlink)]
        if told:
            self._answers.send(self._patiently(lambda: self._current(told)))
        if Signal.REPUBLISH in group:
            self._answers.send(self._patiently(self._every_desired))

    def _store(self, group: list[Waiting]) -> None:
        try:
            downlinks = self._patiently(lambda: self._commit([one.message for one in group]))
        except RetryLaterError:
            raise
        except Exception:  # noqa: BLE001 - it is told of with the message that is to blame
            # One message spoils its group: alone, only it is parked. One that another process overtook looks again.
            for one in group:
                self._store_alone(one)
            return
        self._answers.send(downlinks, [one.acknowledge for one in group])

    def _store_alone(self, one: Waiting) -> None:
        """Store a message, or else park it; one that cannot even be parked stays with the broker and harms no other."""
        message = one.message
        try:
            downlinks = self._patiently(lambda: self._commit([message]))
        except RetryLaterError:
            raise
        except Exception as error:
            log.exception("a message is parked: %s of %s", message.kind, message.thing)
            reason = f"a fault of ours: {type(error).__name__}: {error}"
            try:
                downlinks = self._patiently(lambda: self._park(message, reason))
            except RetryLaterError:
                raise
            except Exception:
                log.exception("a message is left to the broker: %s of %s", message.kind, message.thing)
                return
        self._answers.send(downlinks, [one.acknowledge])

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns once the database lets it; raises RetryLaterError when the server stops."""
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return call()
            except RetryLaterError as error:
                if self._stopping.is_set():
                    raise
                log.warning("messages wait: %s", error)
                self._stopping.wait(pause_s)
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _commit(self, messages: list[DeviceMessage]) -> list[Downlink]:
        with self._database.write() as unit_of_work:
            downlinks = pipeline.take(self._app.ports, self._app.queue, unit_of_work, messages)
        lag_ms = time.time_ns() // 1_000_000 - min(message.received_at for message in messages)
        self._app.metrics.observe(INGEST_GROUP, len(messages))
        self._app.metrics.observe(INGEST_LAG, max(lag_ms, 0) / 1000)
        return newest(downlinks)

    def _park(self, message: DeviceMessage, reason: str) -> list[Downlink]:
        with self._database.write() as unit_of_work:
            device = DeviceRepository(unit_of_work).by_thing(message.thing)
            household_id = device.household_id if device else None
            parked = Parked(message.kind, reason, household_id, message.thing, message.payload)
            kept = self._app.queue.park(unit_of_work, parked)
        self._app.metrics.count(INGEST_PARKED, kind=message.kind, outcome=kept)
        return []

    def _current(self, told: list[Downlink]) -> list[Downlink]:
        """Return the messages with each ``desired`` as its device's row is now; none of a device that is gone."""
        things = {link.thing for link in told if link.kind == DESIRED}
        with self._database.read() as unit_of_work:
            found = [DeviceRepository(unit_of_work).by_thing(thing) for thing in sorted(things)]
        return [link for link in told if link.kind != DESIRED] + [desired(device) for device in found if device]

    def _every_desired(self) -> list[Downlink]:
        with self._database.read() as unit_of_work:
            every = DeviceRepository(unit_of_work).all_devices()
        return [desired(device) for device in every if self._serves(device.thing)]


def _size(one: Waiting | Downlink | Signal) -> int:
    return len(one.message.payload) if isinstance(one, Waiting) else 0


def newest(downlinks: list[Downlink]) -> list[Downlink]:
    """Return the messages to send: of several ``desired`` for one thing only the last, for it says everything."""
    last = {link.thing: link for link in downlinks if link.kind == DESIRED}
    return [link for link in downlinks if link.kind != DESIRED or last[link.thing] is link]
