"""The DLQ in the jobs table: entries are its rows in the state ``parked``."""

from typing import Any

from sqlalchemy import Row, func, select, update

from cloud.adapters.local.event_queue import DONE, WAITING, JobsTableQueue, times_come
from cloud.adapters.local.event_queue_parking import MOST_REASON, PARKED
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.dlq import Entry
from cloud.tables import jobs


class JobsTableDlq:
    """The parked rows of ``queue``, whose workers are woken for what is put back."""

    def __init__(self, queue: JobsTableQueue) -> None:
        self._queue = queue

    def entries(self, unit_of_work: UnitOfWork, limit: int, reason: str = "", before: str = "~") -> list[Entry]:
        """Return entries of all households whose reason holds ``reason``, newest first from those before an id."""
        wanted = _about(reason) & (jobs.c.id < before)
        found = unit_of_work.connection.execute(select(jobs).where(wanted).order_by(jobs.c.id.desc()).limit(limit))
        return [_entry(row) for row in found]

    def count(self, unit_of_work: UnitOfWork, reason: str = "") -> int:
        """Return how many entries of all households there are whose reason holds ``reason``."""
        return int(unit_of_work.connection.execute(select(func.count()).where(_about(reason))).scalar_one())

    def entry(self, unit_of_work: UnitOfWork, entry_id: str, household_id: str | None = None) -> Entry | None:
        """Return one entry; with a household only if it is that household's."""
        wanted = (jobs.c.id == entry_id) & (jobs.c.state == PARKED)
        if household_id is not None:
            wanted &= jobs.c.household_id == household_id
        row = unit_of_work.connection.execute(select(jobs).where(wanted)).first()
        return _entry(row) if row else None

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


def _entry(row: Row[Any]) -> Entry:
    return Entry(
        row.id,
        row.household_id,
        row.stage,
        row.event,
        row.subject_id,
        row.reason or "",
        row.payload or b"",
        row.created_at,
        row.ended_at or row.created_at,
        times_come(row),
    )
