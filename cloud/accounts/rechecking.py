"""What a request writes is written for a caller who is still let in, as the transaction that stores it sees.

They are let in first, and what they ask for is done later: what ended between the two, as by a new password, must not
leave anything of theirs behind. Requests have their database and writer from here, so that none can forget it.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

from cloud.accounts.callers import OUTDATED, Claim, OutdatedClaimError, still_stands
from cloud.errors import PillarboxError
from cloud.ports.changes import Commits
from cloud.ports.database import Database, UnitOfWork
from cloud.ports.writer import Writer

T = TypeVar("T")
Refusal = Callable[[], PillarboxError]


@dataclass(slots=True)
class _Asking:
    """Who asks in one request, once they are let in, and what they hear where that is true no more.

    It is changed in place: routes run in threads with a copy of the request's context.
    """

    claim: Claim | None = None
    refusal: Refusal = lambda: OutdatedClaimError(OUTDATED)


_asking: ContextVar[_Asking | None] = ContextVar("asking", default=None)


def begin() -> None:
    """Let the rest of this task be a request of nobody yet."""
    _asking.set(_Asking())


def let_in(claim: Claim, refusal: Refusal | None = None) -> None:
    """Let what the request writes from now on be checked again; without ``refusal`` it raises OutdatedClaimError."""
    asking = _asking.get()
    if asking is not None:
        asking.claim = claim
        asking.refusal = refusal or asking.refusal


def current() -> Claim | None:
    """Return who is checked again with what the request writes, None while nobody is let in."""
    asking = _asking.get()
    return asking.claim if asking else None


class RecheckingDatabase:
    """A database whose writing transactions begin by checking again who asks, in a request that has let somebody in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def commits(self) -> Commits:
        """Return who is told of this process's commits."""
        return self._database.commits

    @property
    def has_server(self) -> bool:
        """Whether a server of its own works out what is asked."""
        return self._database.has_server

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; raises the caller's refusal where they are let in no more."""
        with self._database.write() as unit_of_work:
            _recheck(unit_of_work, _asking.get())
            yield unit_of_work

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a reading transaction that sees one state of the database."""
        with self._database.read() as unit_of_work:
            yield unit_of_work

    def revision(self) -> str | None:
        """Return the revision that the tables are at."""
        return self._database.revision()

    def migrate(self, to: str | None = None) -> None:
        """Bring the tables to a revision."""
        self._database.migrate(to)

    def close(self) -> None:
        """Close every connection."""
        self._database.close()


class RecheckingWriter:
    """A writer whose work begins by checking again who asks, in a request that has let somebody in."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def submit(self, work: Callable[[UnitOfWork], T]) -> Future[T]:
        """Have the work done in the next group; the caller's refusal, where they are let in no more, is its error."""
        return self._writer.submit(_rechecked(work))

    async def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Return the result of the work, committed; raises the caller's refusal where they are let in no more."""
        return await self._writer.write(_rechecked(work))

    def close(self) -> None:
        """Commit what was submitted and take no more."""
        self._writer.close()


def _rechecked(work: Callable[[UnitOfWork], T]) -> Callable[[UnitOfWork], T]:
    asking = _asking.get()

    def rechecked(unit_of_work: UnitOfWork) -> T:
        _recheck(unit_of_work, asking)
        return work(unit_of_work)

    return rechecked


def _recheck(unit_of_work: UnitOfWork, asking: _Asking | None) -> None:
    if asking and asking.claim and not still_stands(unit_of_work, asking.claim):
        raise asking.refusal()
