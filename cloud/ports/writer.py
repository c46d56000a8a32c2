"""Small writes of many callers, committed together."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Protocol, TypeVar

from cloud.ports.database import UnitOfWork

T = TypeVar("T")


class Writer(Protocol):
    """Promises: a result is given only once it is committed; work that raises leaves no trace and fails alone.

    Work touches nothing but its unit of work and is short: it may run again, and only the last run counts.
    """

    def submit(self, work: Callable[[UnitOfWork], T]) -> Future[T]:
        """Have the work done in the next group; its own error, or RetryLaterError, is the future's."""

    async def write(self, work: Callable[[UnitOfWork], T]) -> T:
        """Return the result of the work, committed; raises what the work raises, or RetryLaterError."""

    def close(self) -> None:
        """Commit what was submitted and take no more."""
