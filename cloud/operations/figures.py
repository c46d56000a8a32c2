"""How much waits, how long already, and which devices are silent: looked up when somebody asks."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from cloud.adapters.local.event_queue import Backlog, JobsTableQueue
from cloud.devices.silence import EveryDevice
from cloud.errors import PillarboxError
from cloud.ports.database import Database
from cloud.ports.metrics import Gauge, Labels


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted from rows."""

    backlogs: tuple[Backlog, ...]
    silent: int
    now: int


def figures(database: Database, queue: JobsTableQueue) -> Figures:
    """Return the figures of one moment."""
    with database.read() as unit_of_work:
        silent = EveryDevice(unit_of_work).count(silent=True)
        return Figures(tuple(queue.backlogs(unit_of_work)), silent, unit_of_work.now)


def gauges_now(database: Database, queue: JobsTableQueue) -> Iterable[Gauge]:
    """Return the figures as gauges; while the database does not answer, only that: the process's own are asked for."""
    told = "whether the database answers: 1 or 0"
    try:
        found = figures(database, queue)
    except (PillarboxError, SQLAlchemyError):
        yield "database_up", told, {(): 0.0}
        return
    yield "database_up", told, {(): 1.0}
    yield from gauges(found)


def gauges(found: Figures) -> Iterable[Gauge]:
    """Return them as gauges; an empty DLQ is told as 0, for an alarm needs a value."""
    by_state: dict[Labels, float] = {
        (("state", one.state), ("stage", one.stage)): float(one.count) for one in found.backlogs
    }
    yield "jobs", "jobs by state: waiting for their time, due, leased by a worker, parked in the DLQ", by_state
    due = [one.oldest for one in found.backlogs if one.state == "due"]
    age_s = max(found.now - min(due), 0) / 1000 if due else 0.0
    yield "oldest_due_job_seconds", "how long the oldest job that could be worked on waits", {(): age_s}
    parked = sum(one.count for one in found.backlogs if one.state == "parked")
    yield "dlq_entries", "entries of the DLQ", {(): float(parked)}
    yield "devices_silent", "devices that should have been heard of by now", {(): float(found.silent)}
