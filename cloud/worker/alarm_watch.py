"""Once a minute: raises alarms for silent devices and low batteries, and ends those that are over."""

import logging
import threading
import time

from cloud import pipeline
from cloud.bootstrap import Application
from cloud.errors import RetryLaterError
from cloud.notifications import alarms

log = logging.getLogger(__name__)

LOOK_EVERY_S = 60.0


class AlarmWatch:
    """One thread that raises and ends alarms; who is not heard of counts from its start."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._stopping = threading.Event()
        self._listening_since = time.time_ns() // 1_000_000
        self._thread = threading.Thread(target=self._work, name="alarm-watch", daemon=True)

    def start(self) -> None:
        """Look once a minute from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join(10.0)

    def look(self) -> None:
        """Look once; raises RetryLaterError when the database cannot answer."""
        database = self._app.database
        with database.read() as unit_of_work:
            if not alarms.is_due(unit_of_work, self._listening_since):
                return
        with database.write() as unit_of_work:
            raised = alarms.raise_and_end(unit_of_work, self._listening_since)
            pipeline.put_all(self._app.queue, unit_of_work, raised)
        if raised:
            stories = [f"{one.correlation_id} {one.subject_id}" for one in raised]
            log.info("alarms raised: %d", len(raised), extra={"stories": stories})

    def _work(self) -> None:
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self.look()
            except RetryLaterError as error:
                log.warning("alarms wait: %s", error)
