"""SQLite as the database: WAL, every commit on the disk before it is acknowledged."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uuid_utils
from sqlalchemy import Connection, create_engine, event
from sqlalchemy.exc import OperationalError

from cloud.errors import RetryLaterError
from cloud.migrations.upgrade import upgrade
from cloud.ports.database import UnitOfWork

BUSY_TIMEOUT_S = 10


class SqliteDatabase:
    """One database file; writers of this process queue for a lock, which is fairer and faster than SQLite's polling."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(
            f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False}, pool_size=8
        )
        self._writing = threading.Lock()
        self._after_commit: list[Callable[[], None]] = []
        event.listen(self._engine, "connect", _configure)
        event.listen(self._engine, "begin", _begin)

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; raises RetryLaterError when another process holds the database too long."""
        with self._writing:
            try:
                connection = self._engine.connect().execution_options(begin="BEGIN IMMEDIATE")
                with connection, connection.begin():
                    yield _unit_of_work(connection)
            except OperationalError as error:
                if "locked" in str(error) or "busy" in str(error):
                    raise RetryLaterError(f"the database is busy: {error.orig}") from error
                raise
        for call in self._after_commit:
            call()

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call ``call`` after each commit of this process."""
        self._after_commit.append(call)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a reading transaction; it neither waits for a writer nor makes one wait."""
        with self._engine.connect() as connection, connection.begin():
            yield _unit_of_work(connection)

    def migrate(self) -> None:
        """Bring the tables to the newest revision."""
        with self._writing:
            upgrade(self._engine)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _unit_of_work(connection: Connection) -> UnitOfWork:
    return UnitOfWork(connection, time.time_ns() // 1_000_000, lambda: str(uuid_utils.uuid7()))


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN below is the only one
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
