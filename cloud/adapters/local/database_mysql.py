"""MySQL 8 or MariaDB as the database: one writer at a time a process, row locks between processes."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Dialect, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.exc import TimeoutError as NoConnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from cloud.adapters.local.database_transaction import MOST_CONNECTIONS, AfterCommit, never, unit_of_work
from cloud.errors import ConfigurationError, RetryLaterError
from cloud.live.model import NotedChanges
from cloud.live.repository import store_noted
from cloud.migrations.upgrade import revision, upgrade
from cloud.ports.changes import Commits
from cloud.ports.database import UnitOfWork

LOCK_WAIT_S = 10
# For tables that another changes: a migration waits for every transaction under way. Servers would wait for a day.
TABLE_WAIT_S = 60
CONNECT_S = 10
# Servers and proxies between close what is idle for long, often after an hour, some after five minutes.
RECYCLE_S = 240
# A connection that was used a moment ago is not asked whether it lives: the question takes as long as a statement.
SURELY_ALIVE_S = 1.0
# When a connection was given back.
_USED = "used"
# A backslash is an ordinary character, as in SQLite: lists of rows are JSON, where PyMySQL would else put one before
# every quotation mark, character by character.
_SQL_MODE = "NO_BACKSLASH_ESCAPES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
# The bit by which a server says so with each answer (SERVER_STATUS_NO_BACKSLASH_ESCAPES,
# dev.mysql.com/doc/dev/mysql-server/latest/mysql__com_8h.html).
_SAYS_SO = 0x200
# What passes by itself, by the numbers of the servers' and the client's manuals; any other fault is a bug.
PASSING = frozenset(
    (
        *(1021, 1037, 1041, 1114),  # disk or memory full
        *(1040, 1203, 1226),  # too many connections
        *(1205, 1213, 1305, 3572),  # held by others; a deadlock takes the savepoints with it
        *(1053, 1077, 1079, 1290, 1792, 1836, 1927, 4031),  # going down, read-only while another takes over, cut off
        *(1158, 1159, 1160, 1161, 2002, 2003, 2006, 2013, 2055),  # the network
        1317,  # the statement was stopped by an operator
    )
)
# What only who runs the server can put right: the user, the password, the schema, or what the user may do there.
REFUSING = frozenset((1044, 1045, 1049, 1142, 1227, 1698))
# Their texts quote what was written, which is nobody's business in a log, and name the server, which is no caller's.
_QUOTED = re.compile(r"'.*'(?= for )|(?<=near )'.*'|(?<=server on )'[^']*'", re.DOTALL)
# As SQLite compares: byte by byte, trailing spaces too. Each of the two servers has its own name for that.
_COLLATIONS = {"mariadb": "utf8mb4_nopad_bin", "mysql": "utf8mb4_0900_bin"}


@dataclass(frozen=True, slots=True)
class MysqlAddress:
    """Where the server is, who we are there, and the authority that its certificate is checked against, if any."""

    url: URL
    ssl_ca: Path | None = None


class MysqlDatabase:
    """One schema of a server; nothing is asked of it before the first use."""

    def __init__(self, address: MysqlAddress, surely_alive_s: float = SURELY_ALIVE_S) -> None:
        self._reading = _engine(address, "REPEATABLE READ")
        self._engine = _engine(address, "READ COMMITTED")
        for engine in (self._reading, self._engine):
            event.listen(engine, "checkin", _note_use)
            event.listen(engine, "checkout", partial(_ask_the_idle, engine.dialect, surely_alive_s))
        self._writing = threading.Lock()
        self.commits = Commits()

    @property
    def has_server(self) -> bool:
        """Whether a server of its own works out what is asked."""
        return True

    @contextmanager
    def write(self) -> Iterator[UnitOfWork]:
        """Open a writing transaction; raises RetryLaterError for a deadlock, a long wait or a lost connection."""
        after, noted = AfterCommit(), NotedChanges()
        with self._writing, _faults_sorted(), self._engine.connect() as connection, connection.begin():
            opened = unit_of_work(connection, after.add, noted.add)
            yield opened
            store_noted(connection, opened.now, noted)
        after.call()
        self.commits.tell(noted.households)

    @contextmanager
    def read(self) -> Iterator[UnitOfWork]:
        """Open a reading transaction; it neither waits for a writer nor makes one wait."""
        with _faults_sorted(), self._reading.connect() as connection, connection.begin():
            yield unit_of_work(connection, never, never)

    def revision(self) -> str | None:
        """Return the revision that the tables are at, None where there are none."""
        with _faults_sorted():
            return revision(self._engine)

    def migrate(self, to: str | None = None) -> None:
        """Bring the tables to a revision, the newest by default; of several processes the others wait for the first."""
        with self._writing, _faults_sorted():
            _compare_bytes(self._engine)
            upgrade(self._engine, to)

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()
        self._reading.dispose()


def _engine(address: MysqlAddress, isolation: str) -> Engine:
    settings = (
        f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT_S}, lock_wait_timeout = {TABLE_WAIT_S}, "
        f"sql_mode = '{_SQL_MODE}', time_zone = '+00:00'"
    )
    arguments: dict[str, Any] = {"charset": "utf8mb4", "connect_timeout": CONNECT_S, "init_command": settings}
    if address.ssl_ca:
        arguments |= {"ssl_ca": str(address.ssl_ca), "ssl_verify_cert": True, "ssl_verify_identity": True}
    engine = create_engine(
        address.url.set(drivername="mysql+pymysql"),
        connect_args=arguments,
        isolation_level=isolation,
        pool_size=8,
        max_overflow=MOST_CONNECTIONS - 8,
        pool_recycle=RECYCLE_S,
        hide_parameters=True,
    )
    event.listen(engine, "handle_error", _hide_values)
    event.listen(engine, "connect", _check_quoting)
    return engine


def _check_quoting(connection: Any, _record: object) -> None:
    """Refuse a server of which the driver does not hear that a backslash escapes nothing: it would quote wrongly."""
    if not connection.server_status & _SAYS_SO:
        raise ConfigurationError(
            "expected a database server that tells its sql_mode NO_BACKSLASH_ESCAPES with every answer, got one that "
            "does not; is there a proxy before it that hides it?"
        )


def _note_use(_: object, record: ConnectionPoolEntry) -> None:
    record.info[_USED] = time.monotonic()


def _ask_the_idle(
    dialect: Dialect, surely_alive_s: float, connection: DBAPIConnection, record: ConnectionPoolEntry, _: object
) -> None:
    """Let the pool open another connection in place of one that was idle and has ended."""
    now = time.monotonic()
    if now - record.info.get(_USED, now) < surely_alive_s:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError(str(error)) from error


@contextmanager
def _faults_sorted() -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        number = error.orig.args[0] if error.orig and error.orig.args else 0
        if error.connection_invalidated or number in PASSING:
            raise RetryLaterError(f"expected the database to answer, it said: {error.orig}") from error
        if number in REFUSING:
            raise ConfigurationError(f"expected a schema and a user who may change it, got {error.orig}") from error
        raise
    except NoConnectionError as error:
        raise RetryLaterError(f"expected a connection to the database, got none: {error}") from error


def _hide_values(context: ExceptionContext) -> None:
    """Take what was written out of the text of a fault."""
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = tuple(_QUOTED.sub("'...'", one) if isinstance(one, str) else one for one in error.args)


def _compare_bytes(engine: Engine) -> None:
    """Let every table that is made from now on hold any character and compare as SQLite does."""
    with engine.connect() as connection:
        wanted = _COLLATIONS["mariadb" if getattr(connection.dialect, "is_mariadb", False) else "mysql"]
        if connection.exec_driver_sql("SELECT @@collation_database").scalar_one() != wanted:
            connection.exec_driver_sql(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {wanted}")
