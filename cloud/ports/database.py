"""The relational database, and the unit of work: one transaction with its time and its ids."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from cloud.ports.changes import Change, Commits


@dataclass(frozen=True, slots=True)
class UnitOfWork:
    """One open transaction; rules take the time and new ids from it and so stay pure.

    ``after_commit`` keeps a function that is called once the transaction is committed, and never if it is not;
    ``note_change`` keeps what a household's followers are told, committed together with the change itself.
    """

    connection: Connection
    now: int
    new_id: Callable[[], str]
    after_commit: Callable[[Callable[[], None]], None]
    note_change: Callable[[Change], None]


class Database(Protocol):
    """Promises: what ``write`` committed survives a power cut; a unit of work that raises leaves no trace."""

    @property
    def commits(self) -> Commits:
        """Return who is told of this process's commits."""

    @property
    def has_server(self) -> bool:
        """Whether a server of its own works out what is asked: two threads that ask keep two processors at work."""

    def write(self) -> AbstractContextManager[UnitOfWork]:
        """Open a writing transaction, committed at the end of the block; raises RetryLaterError when it cannot."""

    def read(self) -> AbstractContextManager[UnitOfWork]:
        """Open a reading transaction that sees one state of the database."""

    def revision(self) -> str | None:
        """Return the revision that the tables are at, None where there are none."""

    def migrate(self, to: str | None = None) -> None:
        """Bring the tables to a revision, the newest by default; raises ConfigurationError for one it does not know."""

    def close(self) -> None:
        """Close every connection."""
