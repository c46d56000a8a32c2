"""Ingest: device messages in groups, one commit a group, acknowledged and answered only after it."""

import logging
import queue
import threading
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from cloud import pipeline
from cloud.bootstrap import Application
from cloud.devices.model import desired
from cloud.devices.repository import DeviceRepository
from cloud.errors import RetryLaterError
from cloud.ports.device_hub import Acknowledge, DeviceHub, DeviceMessage, Downlink
from cloud.ports.event_queue import Parked

log = logging.getLogger(__name__)

MAX_GROUP = 500
RETRY_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class _Waiting:
    message: DeviceMessage
    acknowledge: Acknowledge


class Ingest:
    """One thread that stores what devices send. A message is never acknowledged before its commit."""

    def __init__(self, app: Application, hub: DeviceHub) -> None:
        self._app, self._hub = app, hub
        self._arrived: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="ingest", daemon=True)
        self._stopping = threading.Event()

    def start(self) -> None:
        """Connect to the devices and store what they send."""
        self._thread.start()
        self._hub.start(lambda message, done: self._arrived.put(_Waiting(message, done)), self._republish)

    def stop(self) -> None:
        """Store what has arrived, then end."""
        self._hub.stop()
        self._stopping.set()
        self._arrived.put(None)
        self._thread.join(10.0)

    def _work(self) -> None:
        while not self._stopping.is_set():
            group = self._group()
            if group:
                self._store(group)

    def _group(self) -> list[_Waiting]:
        group = [self._arrived.get()]
        while len(group) < MAX_GROUP and not self._arrived.empty():
            group.append(self._arrived.get())
        return [one for one in group if one is not None]

    def _store(self, group: list[_Waiting]) -> None:
        downlinks = self._commit([one.message for one in group])
        for downlink in downlinks:
            self._hub.publish(downlink)
        for one in group:
            one.acknowledge()

    def _commit(self, messages: list[DeviceMessage]) -> list[Downlink]:
        while True:
            try:
                return self._commit_once(messages)
            except RetryLaterError as error:
                log.warning("%d messages wait: %s", len(messages), error)
                self._stopping.wait(RETRY_PAUSE_S)
            except (SQLAlchemyError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                if len(messages) == 1:
                    log.exception("a %s message of %s is parked", messages[0].kind, messages[0].thing)
                    return self._park(messages[0], error)
                # One message spoils its group: alone, only it is parked.
                return [link for message in messages for link in self._commit([message])]

    def _commit_once(self, messages: list[DeviceMessage]) -> list[Downlink]:
        downlinks: list[Downlink] = []
        with self._app.database.write() as unit_of_work:
            for message in messages:
                downlinks += pipeline.take(self._app.ports, self._app.queue, unit_of_work, message)
        return newest(downlinks)

    def _park(self, message: DeviceMessage, error: Exception) -> list[Downlink]:
        reason = f"a fault of ours: {type(error).__name__}: {error}"
        with self._app.database.write() as unit_of_work:
            device = DeviceRepository(unit_of_work).by_thing(message.thing)
            household_id = device.household_id if device else None
            parked = Parked(message.kind, reason, household_id, message.thing, message.payload)
            self._app.queue.park(unit_of_work, parked)
        return []

    def _republish(self) -> None:
        with self._app.database.read() as unit_of_work:
            devices = DeviceRepository(unit_of_work).all_devices()
        for device in devices:
            self._hub.publish(desired(device))


def newest(downlinks: list[Downlink]) -> list[Downlink]:
    """Return the messages to send: of several ``desired`` for one thing only the last, for it says everything."""
    last = {link.thing: link for link in downlinks if link.kind == "desired"}
    return [link for link in downlinks if link.kind != "desired" or last[link.thing] is link]
