"""What a transaction is on every database: its unit of work, and what follows its commit."""

import time
from collections.abc import Callable

import uuid_utils
from sqlalchemy import Connection

from cloud.ports.changes import Change
from cloud.ports.database import UnitOfWork

# Web threads, workers and ingest may all read at once; a connection costs little.
MOST_CONNECTIONS = 64


class AfterCommit:
    """What is to be called once a transaction is committed, each once, in the order it was first asked for."""

    def __init__(self) -> None:
        self._calls: dict[Callable[[], None], None] = {}

    def add(self, call: Callable[[], None]) -> None:
        """Keep a function for after the commit."""
        self._calls[call] = None

    def call(self) -> None:
        """Call what was kept."""
        for call in self._calls:
            call()


def unit_of_work(
    connection: Connection, after_commit: Callable[[Callable[[], None]], None], note_change: Callable[[Change], None]
) -> UnitOfWork:
    """Return the unit of work of a transaction that begins now."""
    now = time.time_ns() // 1_000_000
    return UnitOfWork(connection, now, lambda: str(uuid_utils.uuid7()), after_commit, note_change)


def never(_: object) -> None:
    """Do nothing: nothing follows a commit that writes nothing."""
