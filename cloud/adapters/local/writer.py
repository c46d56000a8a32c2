"""Group commit: one thread runs what has come meanwhile in one transaction, so that many share one fsync."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import Context, copy_context
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from sqlalchemy.exc import IntegrityError

from cloud.errors import RetryLaterError
from cloud.ports.changes import Change
from cloud.ports.database import Database, UnitOfWork

# Of small work, what one transaction does in some ten milliseconds: nobody waits much longer than a commit.
MAX_GROUP = 256

T = TypeVar("T")


@dataclass(slots=True)
class _Request:
    """One caller's work, and what it came to in the last run."""

    work: Callable[[UnitOfWork], Any]
    # What is written belongs to the caller's story (``cloud.correlation``), not to this thread.
    context: Context = field(default_factory=copy_context)
    future: Future[Any] = field(default_factory=Future)
    result: Any = None
    error: Exception | None = None

    def run(self, unit_of_work: UnitOfWork) -> None:
        self.result = self.context.run(self.work, unit_of_work)

    def settle(self) -> None:
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class GroupCommitWriter:
    """The writer of one database; its thread starts with the first work."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._arrived: queue.SimpleQueue[_Request | None] = queue.SimpleQueue()
        self._state = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    def submit(self, work: Callable[[UnitOfWork], T]) -> Future[T]:
        """Have the work done in the next group; its own error, or RetryLaterError, is the future's."""
        request = _Request(work)
        with self._state:
            if self._closed:
                raise RetryLaterError("expected a writer that takes work, this one is closed")
            if self._thread is None:
                self._thread = threading.Thread(target=self._write_groups, name="writer", daemon=True)
                self._thread.start()
            self._arrived.put(request)
        return request.future

    async def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Return the result of the work, committed; raises what the work raises, or RetryLaterError."""
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Commit what was submitted and take no more."""
        with self._state:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._arrived.put(None)
            thread.join()

    def _write_groups(self) -> None:
        group: list[_Request | None] = []
        while None not in group:
            group = [self._arrived.get()]
            while len(group) < MAX_GROUP and not self._arrived.empty():
                group.append(self._arrived.get())
            # A caller that has gone away meanwhile wants nothing written.
            wanted = [one for one in group if one is not None and one.future.set_running_or_notify_cancel()]
            self._write(wanted)

    def _write(self, group: list[_Request]) -> None:
        if not group:
            return
        try:
            if len(group) == 1:
                self._alone(group[0])
            elif not self._together(group):
                self._each(group)
        except Exception as error:  # noqa: BLE001 - it is every caller's, and raised there
            for request in group:
                request.error = error
        for request in group:
            request.settle()

    def _alone(self, request: _Request) -> None:
        """Commit one; once more when a key was taken: if another process did that at this instant, it is seen now.

        On SQLite no other writes between a look and the write that follows; on MySQL it may.
        """
        request.error = None
        try:
            try:
                self._commit([request])
            except IntegrityError:
                self._commit([request])
        except Exception as error:  # noqa: BLE001 - raised where the work came from
            request.error = error

    def _together(self, group: list[_Request]) -> bool:
        """Commit the group; False when one of them failed, which left no trace."""
        try:
            self._commit(group)
        except Exception:  # noqa: BLE001 - raised when each is run within a savepoint
            return False
        return True

    def _commit(self, group: list[_Request]) -> None:
        with self._database.write() as unit_of_work:
            for request in group:
                request.run(unit_of_work)

    def _each(self, group: list[_Request]) -> None:
        """Commit the group with a savepoint around each, so that those that fail fail alone."""
        with self._database.write() as unit_of_work:
            for request in group:
                request.error = _try(request, unit_of_work)
        for request in group:
            if isinstance(request.error, IntegrityError):
                self._alone(request)


def _try(request: _Request, unit_of_work: UnitOfWork) -> Exception | None:
    """Run the work within a savepoint; when it fails, what it noted and wanted done after the commit is forgotten."""
    after: list[Callable[[], None]] = []
    noted: list[Change] = []
    savepoint = unit_of_work.connection.begin_nested()
    try:
        request.run(replace(unit_of_work, after_commit=after.append, note_change=noted.append))
    except Exception as error:  # noqa: BLE001 - raised where the work came from
        savepoint.rollback()
        return error
    savepoint.commit()
    for call in after:
        unit_of_work.after_commit(call)
    for change in noted:
        unit_of_work.note_change(change)
    return None
