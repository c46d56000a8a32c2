"""Ingest: device messages in groups, one commit a group, acknowledged and answered only after it."""

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
from cloud.ports.device_hub import Acknowledge, DeviceHub, DeviceMessage, Downlink
from cloud.ports.event_queue import Parked
from cloud.ports.metrics import INGEST_GROUP, INGEST_LAG
from cloud.worker.answers import Answers
from firmware.wire.topics import DESIRED

log = logging.getLogger(__name__)

MAX_GROUP = 1000
# About 13 MB. More stay with the broker, or on the way from it.
MOST_WAITING = 10 * MAX_GROUP
STOP_S = 5.0
RETRY_PAUSE_S = 1.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: DeviceMessage
    acknowledge: Acknowledge


class _Signal(enum.Enum):
    """What else the thread is asked for; it alone has things published, no older ``desired`` after a newer one."""

    REPUBLISH = enum.auto()
    STOP = enum.auto()


class Ingest:
    """One thread stores what devices send, another answers. A message is never acknowledged before its commit."""

    def __init__(self, app: Application, hub: DeviceHub, most_waiting: int = MOST_WAITING) -> None:
        self._app, self._hub, self._most_waiting = app, hub, most_waiting
        self._arrived: queue.SimpleQueue[_Waiting | Downlink | _Signal] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)
        self._answers = Answers(hub.publish)
        self._stopping = threading.Event()
        self._stop_at = math.inf
        self._hearing = threading.Event()
        self._has_room = threading.Event()

    def start(self) -> None:
        """Connect to the devices and store what they send."""
        self._answers.start()
        self._thread.start()
        self._hub.start(self._take, self._take_connection)

    def hears(self, timeout_s: float) -> bool:
        """Wait until messages of devices arrive here or are kept for here; returns whether they do."""
        return self._hearing.wait(timeout_s)

    def tell(self, downlink: Downlink) -> None:
        """Have this thread send a message; of a ``desired`` only the device counts, it is rendered anew then."""
        self._arrived.put(downlink)

    @property
    def waiting(self) -> int:
        """Return how many messages wait here to be stored, those at work not counted."""
        return self._arrived.qsize()

    def fault(self) -> str:
        """Return what keeps messages from being stored, "" for nothing."""
        if not self._thread.is_alive():
            return "the thread that stores messages has ended"
        return "" if self._answers.is_alive() else "the thread that answers devices has ended"

    def stop(self) -> None:
        """Store and acknowledge what has arrived, for some seconds, then disconnect; the next server gets the rest."""
        self._stop_at = time.monotonic() + STOP_S
        self._stopping.set()
        self._has_room.set()
        self._arrived.put(_Signal.STOP)
        self._thread.join(10.0)
        self._answers.stop(10.0)
        self._hub.stop()

    def _take(self, message: DeviceMessage, acknowledge: Acknowledge) -> None:
        """Have a message stored; holds up the hub, and so the broker, while too many wait for that."""
        if self.waiting >= self._most_waiting:
            self._hub.hold_up()
            self._has_room.clear()
            # Looked at again: the last of them may have been stored just before, and nobody would say so any more.
            if self.waiting >= self._most_waiting and not self._stopping.is_set():
                self._has_room.wait()
            self._go_on_with_few()
        self._arrived.put(_Waiting(message, acknowledge))

    def _take_connection(self) -> None:
        self._hearing.set()
        self._arrived.put(_Signal.REPUBLISH)

    def _work(self) -> None:
        group: list[_Waiting | Downlink | _Signal] = []
        while _Signal.STOP not in group and time.monotonic() < self._stop_at:
            group = self._group()
            try:
                self._handle(group)
            except RetryLaterError as error:
                log.warning("messages are left to the next server: %s", error)
            except Exception:
                # Not acknowledged, so the broker delivers the group again when it is connected anew.
                log.exception("a fault of ours; %d messages are left", len(group))

    def _group(self) -> list[_Waiting | Downlink | _Signal]:
        group = [self._arrived.get()]
        while len(group) < MAX_GROUP and not self._arrived.empty():
            group.append(self._arrived.get())
        if self.waiting < self._most_waiting:
            self._has_room.set()
        self._go_on_with_few()
        return group

    def _go_on_with_few(self) -> None:
        """Let the broker speak again once half is stored: until then the hub has time to acknowledge and answer."""
        if self.waiting <= self._most_waiting // 2:
            self._hub.go_on()

    def _handle(self, group: list[_Waiting | Downlink | _Signal]) -> None:
        waiting = [one for one in group if isinstance(one, _Waiting)]
        if waiting:
            self._store(waiting)
        told = [one for one in group if isinstance(one, Downlink)]
        if told:
            self._answers.send(self._patiently(lambda: self._current(told)))
        if _Signal.REPUBLISH in group:
            self._answers.send(self._patiently(self._every_desired))

    def _store(self, group: list[_Waiting], *, again: bool = False) -> None:
        try:
            downlinks = self._patiently(lambda: self._commit([one.message for one in group]))
        except RetryLaterError:
            raise
        except Exception as error:
            if not again:
                # One message spoils its group: alone, only it is parked. One that another process overtook looks again.
                for one in group:
                    self._store([one], again=True)
                return
            message, reason = group[0].message, f"a fault of ours: {type(error).__name__}: {error}"
            log.exception("a %s message of %s is parked", message.kind, message.thing)
            downlinks = self._patiently(lambda: self._park(message, reason))
        self._answers.send(downlinks, [one.acknowledge for one in group])

    def _patiently(self, call: Callable[[], T]) -> T:
        """Return what ``call`` returns once the database lets it; raises RetryLaterError when the server stops."""
        while True:
            try:
                return call()
            except RetryLaterError as error:
                if self._stopping.is_set():
                    raise
                log.warning("messages wait: %s", error)
                self._stopping.wait(RETRY_PAUSE_S)

    def _commit(self, messages: list[DeviceMessage]) -> list[Downlink]:
        downlinks: list[Downlink] = []
        with self._app.database.write() as unit_of_work:
            downlinks += pipeline.take(self._app.ports, self._app.queue, unit_of_work, messages)
        lag_ms = time.time_ns() // 1_000_000 - min(message.received_at for message in messages)
        self._app.metrics.observe(INGEST_GROUP, len(messages))
        self._app.metrics.observe(INGEST_LAG, max(lag_ms, 0) / 1000)
        return newest(downlinks)

    def _park(self, message: DeviceMessage, reason: str) -> list[Downlink]:
        with self._app.database.write() as unit_of_work:
            device = DeviceRepository(unit_of_work).by_thing(message.thing)
            household_id = device.household_id if device else None
            parked = Parked(message.kind, reason, household_id, message.thing, message.payload)
            self._app.queue.park(unit_of_work, parked)
        return []

    def _current(self, told: list[Downlink]) -> list[Downlink]:
        """Return the messages with each ``desired`` as its device's row is now; none of a device that is gone."""
        things = {link.thing for link in told if link.kind == DESIRED}
        with self._app.database.read() as unit_of_work:
            found = [DeviceRepository(unit_of_work).by_thing(thing) for thing in sorted(things)]
        return [link for link in told if link.kind != DESIRED] + [desired(device) for device in found if device]

    def _every_desired(self) -> list[Downlink]:
        with self._app.database.read() as unit_of_work:
            return [desired(device) for device in DeviceRepository(unit_of_work).all_devices()]


def newest(downlinks: list[Downlink]) -> list[Downlink]:
    """Return the messages to send: of several ``desired`` for one thing only the last, for it says everything."""
    last = {link.thing: link for link in downlinks if link.kind == DESIRED}
    return [link for link in downlinks if link.kind != DESIRED or last[link.thing] is link]
