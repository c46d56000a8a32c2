"""The jobs table as the queue: jobs are rows, committed with the data that caused them.

A job is ``waiting`` from ``visible_at`` on; a lease hides it until it ends or the lease runs out, as an
SQS message is hidden by its visibility timeout. ``done`` rows stay a week, so that a late repeat is noticed.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, case, func, or_, select, update

from cloud.adapters.local.event_queue_parking import MOST_REASON, PARKED, keep
from cloud.correlation import current
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event, Job, Keeping, Parked
from cloud.ports.insert_many import insert_many
from cloud.tables import households, jobs

WAITING, DONE = "waiting", "done"
KEEP_DONE_MS = 7 * 24 * 3600 * 1000
# Who waits for a job looks again after this time at the latest, so a job that is due later need wake nobody.
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many jobs of a stage are in one state, and since when the oldest could have been worked on (Unix ms)."""

    state: str
    stage: str
    count: int
    oldest: int


class JobsTableQueue:
    """The jobs of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._changed = threading.Condition()
        self._generation = 0
        # Whose job was leased last, for households that take turns.
        self._served = ""

    def put(self, unit_of_work: UnitOfWork, stage: str, *events: Event) -> None:
        """Add jobs in the caller's transaction; without ``not_before`` they wait for no clock, not even a wrong one."""
        rows = [
            _row(unit_of_work, stage, event.household_id, event.subject_id)
            | {"event": event.name, "visible_at": event.not_before, "correlation_id": event.correlation_id or current()}
            for event in events
        ]
        insert_many(unit_of_work.connection, jobs, rows)
        if min(event.not_before for event in events) < unit_of_work.now + LONGEST_WAIT_S * 1000:
            unit_of_work.after_commit(self.wake)

    def park(self, unit_of_work: UnitOfWork, parked: Parked) -> Keeping:
        """Keep something in the DLQ in the caller's transaction; nobody fills the disk so."""
        return keep(unit_of_work, parked, _row(unit_of_work, parked.stage, parked.household_id, parked.subject_id))

    def finish(self, unit_of_work: UnitOfWork, job: Job) -> bool:
        """End the job in the caller's transaction; False when it had ended before."""
        return _end(unit_of_work, job, state=DONE)

    def fail(self, unit_of_work: UnitOfWork, job: Job, reason: str) -> bool:
        """Move the job to the DLQ with its reason; False when it had ended before."""
        has_ended = _end(unit_of_work, job, state=PARKED, reason=reason[:MOST_REASON])
        if has_ended:
            unit_of_work.note_change(Change(job.event.household_id, ChangeKind.PROBLEM, job.job_id))
        return has_ended

    def stories(self, unit_of_work: UnitOfWork, stage: str, subject_ids: Sequence[str]) -> list[str]:
        """Return the correlation ids of the stage's jobs about these subjects, oldest first."""
        about = jobs.c.subject_id.in_(subject_ids) & (jobs.c.stage == stage) & jobs.c.correlation_id.is_not(None)
        query = select(jobs.c.correlation_id).where(about).order_by(jobs.c.id)
        return list(unit_of_work.connection.execute(query).scalars())

    def backlogs(self, unit_of_work: UnitOfWork) -> list[Backlog]:
        """Return how many jobs wait for their time, are due, leased or parked, by stage."""
        state = case(
            (jobs.c.state == PARKED, PARKED),
            (jobs.c.lease_until >= unit_of_work.now, "leased"),
            (jobs.c.visible_at <= unit_of_work.now, "due"),
            else_=WAITING,
        ).label("backlog")
        since = func.min(case((jobs.c.visible_at > jobs.c.created_at, jobs.c.visible_at), else_=jobs.c.created_at))
        query = select(state, jobs.c.stage, func.count(), since).where(jobs.c.state.in_((WAITING, PARKED)))
        return [Backlog(*row) for row in unit_of_work.connection.execute(query.group_by(state, jobs.c.stage))]

    def lease(self, stages: Sequence[str], lease_ms: int, *, in_turns: bool = False) -> Job | None:
        """Return the oldest job that waits for one of the stages, hidden from others for ``lease_ms``.

        ``in_turns`` it is the oldest of the next household, so that nobody waits for all that another one has.
        """
        with self._database.read() as unit_of_work:
            if unit_of_work.connection.execute(_free(stages, unit_of_work.now)).first() is None:
                return None
            of = self._next_household(unit_of_work, stages) if in_turns else None
        with self._database.write() as unit_of_work:
            # Another process's worker must neither get this job too nor wait for it; SQLite has one writer anyway.
            chosen = _free(stages, unit_of_work.now, of).with_for_update(skip_locked=True)
            row = unit_of_work.connection.execute(chosen).first()
            if row is None:
                return None
            values = {"lease_until": unit_of_work.now + lease_ms, "tries": row.tries + 1}
            unit_of_work.connection.execute(update(jobs).where(jobs.c.id == row.id).values(**values))
        self._served = row.household_id or ""
        return _job(row)

    def _next_household(self, unit_of_work: UnitOfWork, stages: Sequence[str]) -> str | None:
        """Return the next household after the one served last that has a job; walks to it, and sorts nothing."""
        # As a sum it is no time to look up in the index of times: each household's own jobs are looked at.
        due = _waiting(stages, unit_of_work.now, jobs.c.visible_at + 0)
        has_job = due.where(jobs.c.household_id == households.c.id).exists()
        query = select(households.c.id).where(has_job).order_by(households.c.id).limit(1)
        after = unit_of_work.connection.execute(query.where(households.c.id > self._served)).scalar()
        return after or unit_of_work.connection.execute(query).scalar()

    def retry(self, job: Job, pause_ms: int, reason: str) -> None:
        """Give a leased job back, to be tried again after the pause."""
        with self._database.write() as unit_of_work:
            values = {"lease_until": None, "visible_at": unit_of_work.now + pause_ms, "reason": reason[:MOST_REASON]}
            waiting = (jobs.c.id == job.job_id) & (jobs.c.state == WAITING)
            unit_of_work.connection.execute(update(jobs).where(waiting).values(**values))
            unit_of_work.after_commit(self.wake)

    def recover(self) -> None:
        """End the leases that a dead server left behind; called once at start."""
        with self._database.write() as unit_of_work:
            leased = jobs.c.lease_until.is_not(None) & (jobs.c.state == WAITING)
            unit_of_work.connection.execute(update(jobs).where(leased).values(lease_until=None))

    def forget_done(self) -> None:
        """Delete the jobs that were done more than a week ago; the DLQ is kept."""
        with self._database.write() as unit_of_work:
            old = (jobs.c.state == DONE) & (jobs.c.ended_at < unit_of_work.now - KEEP_DONE_MS)
            unit_of_work.connection.execute(jobs.delete().where(old))

    def next_due(self, stages: Sequence[str]) -> int | None:
        """Return when the next waiting job of the stages becomes free, in Unix ms."""
        free_at = case((jobs.c.lease_until > jobs.c.visible_at, jobs.c.lease_until), else_=jobs.c.visible_at)
        query = select(func.min(free_at)).where(jobs.c.state == WAITING, jobs.c.stage.in_(stages))
        with self._database.read() as unit_of_work:
            return unit_of_work.connection.execute(query).scalar_one_or_none()

    def generation(self) -> int:
        """Return a number that grows with every commit that adds a job due soon, or returns one."""
        return self._generation

    def wait(self, generation: int, timeout_s: float) -> None:
        """Return at the first such commit after ``generation`` was read, or after the timeout, a minute at most."""
        with self._changed:
            self._changed.wait_for(lambda: self._generation != generation, min(timeout_s, LONGEST_WAIT_S))

    def wake(self) -> None:
        """Let everyone who waits look again."""
        with self._changed:
            self._generation += 1
            self._changed.notify_all()


def _row(unit_of_work: UnitOfWork, stage: str, household_id: str | None, subject_id: str) -> dict[str, object]:
    return {
        "id": unit_of_work.new_id(),
        "household_id": household_id,
        "stage": stage,
        "event": "",
        "subject_id": subject_id[:64],
        "state": WAITING,
        "tries": 0,
        "visible_at": unit_of_work.now,
        "correlation_id": current(),
        "created_at": unit_of_work.now,
    }


def _end(unit_of_work: UnitOfWork, job: Job, **values: object) -> bool:
    waiting = (jobs.c.id == job.job_id) & (jobs.c.state == WAITING)
    ended = update(jobs).where(waiting).values(lease_until=None, ended_at=unit_of_work.now, **values)
    return unit_of_work.connection.execute(ended).rowcount == 1


def _free(stages: Sequence[str], now: int, of: str | None = None) -> Any:
    """Return the query for the oldest job that may be leased, of one household or of all."""
    if of is not None:
        mine = _waiting(stages, now, jobs.c.visible_at + 0).where(jobs.c.household_id == of)
        return mine.order_by(jobs.c.id).limit(1)  # as its index is
    return _waiting(stages, now).order_by(jobs.c.visible_at, jobs.c.id).limit(1)


def _waiting(stages: Sequence[str], now: int, visible_at: ColumnElement[int] = jobs.c.visible_at) -> Any:
    return select(jobs).where(
        jobs.c.state == WAITING,
        visible_at <= now,
        or_(jobs.c.lease_until.is_(None), jobs.c.lease_until < now),
        jobs.c.stage.in_(stages),
    )


def _job(row: Row[Any]) -> Job:
    return Job(
        row.id, row.stage, Event(row.event, row.household_id, row.subject_id), row.tries + 1, row.correlation_id or ""
    )
