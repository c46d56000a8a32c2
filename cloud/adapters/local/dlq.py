"""The DLQ in the jobs table: entries are its rows in the state ``parked``."""

from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, update

from cloud.adapters.local.event_queue import DONE, WAITING, JobsTableQueue
from cloud.adapters.local.event_queue_parking import MOST_REASON, PARKED
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Entry, WholeEntry
from cloud.tables import jobs

_ENTRY = tuple(
    jobs.c[name]
    for name in (
        *("id", "household_id", "stage", "event", "subject_id", "reason"),
        *("created_at", "ended_at", "tries", "correlation_id"),
    )
)


class JobsTableDlq:
    """The parked rows of ``queue``, whose workers are woken for what is put back."""

    def __init__(self, queue: JobsTableQueue) -> None:
        self._queue = queue

    def entries(self, unit_of_work: UnitOfWork, limit: int, reason: str = "", before: str = "~") -> list[Entry]:
        """Return entries of all households whose reason holds ``reason``, newest first from those before an id."""
        return _newest(unit_of_work, _about(reason) & (jobs.c.id < before), limit)

    def of_household(self, unit_of_work: UnitOfWork, household_id: str, limit: int) -> list[Entry]:
        """Return the household's entries, newest first; those of no known household are the operator's."""
        return _newest(unit_of_work, (jobs.c.household_id == household_id) & (jobs.c.state == PARKED), limit)

    def count(self, unit_of_work: UnitOfWork, reason: str = "") -> int:
        """Return how many entries of all households there are whose reason holds ``reason``."""
        return int(unit_of_work.connection.execute(select(func.count()).where(_about(reason))).scalar_one())

    def entry(self, unit_of_work: UnitOfWork, entry_id: str, household_id: str | None = None) -> WholeEntry | None:
        """Return one entry; with a household only if it is that household's."""
        wanted = (jobs.c.id == entry_id) & (jobs.c.state == PARKED)
        if household_id is not None:
            wanted &= jobs.c.household_id == household_id
        query: Select[Any] = select(*_ENTRY, jobs.c.payload).where(wanted)
        row = unit_of_work.connection.execute(query).first()
        return WholeEntry(**_told(row), payload=row.payload or b"") if row else None

    def put_back(self, unit_of_work: UnitOfWork, entry: Entry) -> bool:
        """Let a job wait for its stage as if it were new; False when it is parked no longer."""
        unit_of_work.after_commit(self._queue.wake)
        return _change(unit_of_work, entry, PARKED, state=WAITING, tries=0, visible_at=0, ended_at=None)

    def take_out(self, unit_of_work: UnitOfWork, entry: Entry) -> bool:
        """End an entry for good; False when it is parked no longer."""
        return _change(unit_of_work, entry, PARKED, state=DONE, ended_at=unit_of_work.now)

    def park_again(self, unit_of_work: UnitOfWork, entry: Entry, reason: str) -> None:
        """Keep an entry that was taken out in this transaction after all, for another reason."""
        values = {"state": PARKED, "reason": reason[:MOST_REASON], "ended_at": unit_of_work.now}
        _change(unit_of_work, entry, DONE, **values)


def _about(reason: str) -> Any:
    parked = jobs.c.state == PARKED
    return parked & jobs.c.reason.contains(reason, autoescape=True) if reason else parked


def _change(unit_of_work: UnitOfWork, entry: Entry, only_from: str, **values: object) -> bool:
    chosen = (jobs.c.id == entry.id) & (jobs.c.state == only_from)
    is_changed = unit_of_work.connection.execute(update(jobs).where(chosen).values(**values)).rowcount == 1
    if is_changed and entry.household_id:
        unit_of_work.note_change(Change(entry.household_id, ChangeKind.PROBLEM, entry.id))
    return is_changed


def _newest(unit_of_work: UnitOfWork, wanted: ColumnElement[bool], limit: int) -> list[Entry]:
    query = select(*_ENTRY).where(wanted).order_by(jobs.c.id.desc()).limit(limit)
    return [Entry(**_told(row)) for row in unit_of_work.connection.execute(query)]


def _told(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "household_id": row.household_id,
        "stage": row.stage,
        "event": row.event,
        "subject_id": row.subject_id,
        "reason": row.reason or "",
        "came_at": row.created_at,
        "parked_at": row.ended_at or row.created_at,
        "times": 1 if row.event else max(row.tries, 1),  # a job came once
        "story": row.correlation_id or "",
    }
