"""Database work of a group of requests: in this process, or beside it while many ask at the same time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from cloud.ports.database import Database, UnitOfWork
from cloud.ports.event_queue import Event

Given = TypeVar("Given")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Means:
    """What such work uses: the database, jobs put within a transaction, and how long a delivery settles."""

    database: Database
    put: Callable[[UnitOfWork, list[Event]], None]
    settle_ms: int


class GroupWork(Protocol):
    """Promises: whatever ``work`` committed is told to this process's followers and workers.

    ``work`` is a function of a module, and what it takes and returns can be pickled: it may run in another process.
    """

    async def run(
        self,
        work: Callable[[Means, Given], T],
        given: Given,
        size: int,
        again: Callable[[Given], Given] = lambda given: given,
    ) -> T:
        """Return what the work returns for a group of ``size``; raises what it raises.

        Work whose process has died is done once more, on ``again(given)``: it may have been committed before.
        """

    async def close(self) -> None:
        """End what runs beside this process."""
