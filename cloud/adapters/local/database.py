"""SQLite as the database: WAL, every commit on the disk before it is acknowledged."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError

from cloud.adapters.local.database_transaction import MOST_CONNECTIONS, AfterCommit, never, unit_of_work
from cloud.adapters.local.files import make_folder
from cloud.errors import RetryLaterError
from cloud.live.model import NotedChanges
from cloud.live.repository import store_noted
from cloud.migrations.upgrade import revision, upgrade
from cloud.ports.changes import Commits
from cloud.ports.database import UnitOfWork

BUSY_TIMEOUT_S = 10
LOOK_AGAIN_S = 0.01
# Of 4 KiB each: SQLite's 1,000 are written by five busy commits, and most of their pages again by the next five.
CHECKPOINT_PAGES = 4_000
# Of KiB, in place of SQLite's 2,000: a group of reports of many boards writes to pages all over the indexes.
WRITER_CACHE_KIB = 16_000
# What the machine may get over (sqlite.org/rescode.html); any other fault is a bug and comes again for ever.
PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)


class SqliteDatabase:
    """One database file; writers of this process queue for a lock, which is fairer and faster than SQLite's polling."""

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # letters are nobody else's business
        self._engine = _engine(path, MOST_CONNECTIONS)
        # One connection writes: a page that it wrote it need not read again, as any other connection must.
        self._writer = _engine(path, 1)
        event.listen(self._writer, "connect", _remember_pages)
        self._writing = threading.Lock()
        self.commits = Commits()

    @property
    def has_server(self) -> bool:
        """Whether a server of its own works out what is asked."""
        return False

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; raises RetryLaterError when the database is held too long or the disk is full."""
        after, noted = AfterCommit(), NotedChanges()
        with self._writing, _faults_sorted():
            connection = self._writer.connect().execution_options(begin="BEGIN IMMEDIATE")
            with connection, connection.begin():
                opened = unit_of_work(connection, after.add, noted.add)
                yield opened
                store_noted(connection, opened.now, noted)
        after.call()
        self.commits.tell(noted.households)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a reading transaction; it neither waits for a writer nor makes one wait."""
        with _faults_sorted(), self._engine.connect() as connection, connection.begin():
            yield unit_of_work(connection, never, never)

    def revision(self) -> str | None:
        """Return the revision that the tables are at, None where there are none."""
        with _faults_sorted():
            return revision(self._engine)

    def migrate(self, to: str | None = None) -> None:
        """Bring the tables to a revision, the newest by default; of several processes the others wait for the first."""
        with self._writing, _faults_sorted():
            upgrade(self._engine, to)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._writer.dispose()


def _engine(path: Path, most_connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False},
        pool_size=min(8, most_connections),
        max_overflow=max(0, most_connections - 8),
        hide_parameters=True,  # the texts of errors reach the log and the DLQ, the words of letters must not
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def _faults_sorted() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        code = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        if code & 0xFF in PASSING:  # the upper bytes say more exactly what happened
            raise RetryLaterError(f"expected the database to answer, it said: {error.orig}") from error
        raise


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN below is the only one
    _write_ahead(connection)
    for pragma in ("synchronous=FULL", "foreign_keys=ON", f"wal_autocheckpoint={CHECKPOINT_PAGES}"):
        connection.execute(f"PRAGMA {pragma}")


def _remember_pages(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute(f"PRAGMA cache_size=-{WRITER_CACHE_KIB}")


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Ask for the WAL until it is so: of several processes that open a new file SQLite lets none wait for another."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(LOOK_AGAIN_S)


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))
