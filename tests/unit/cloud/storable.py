"""What MySQL and MariaDB would refuse to store, found on SQLite, which stores everything: triggers look at each row."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from sqlalchemy import Engine, Table
from sqlalchemy.dialects.mysql.pymysql import dialect as mysql
from sqlalchemy.event import listen, remove
from sqlalchemy.pool import ConnectionPoolEntry

import cloud.http_tables
import cloud.trouble_tables  # noqa: F401 - their tables are to be known
from cloud.adapters.local.database import WRITER_CACHE_KIB
from cloud.tables import metadata

REFUSED = "a column of MySQL or MariaDB holds less than what was written here: bound it where it comes in"
MOST_BYTES = {"TEXT": 2**16 - 1, "MEDIUMTEXT": 2**24 - 1, "MEDIUMBLOB": 2**24 - 1}
RANGES = {"INTEGER": 2**31 - 1, "BOOL": 1, "FLOAT": 3.4e38}
# These numbers are as large here as there.
UNBOUNDED = {"BIGINT", "DOUBLE"}
_DROPS = re.compile(r"\s*DROP TABLE", re.IGNORECASE)
_WATCHED = "watched"


@contextmanager
def watched(tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of every value that MySQL would refuse, as ``table.column``, and refuse it here, too."""

    def refuse(column: str) -> None:
        tell(column)
        raise ValueError(REFUSED)

    def watch(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
        if record.info.setdefault(_WATCHED, False) or not isinstance(connection, sqlite3.Connection):
            return
        record.info[_WATCHED] = True
        # Migrations have connections of their own, and no table changes under a trigger that names its columns.
        if connection.execute("PRAGMA cache_size").fetchone() == (-WRITER_CACHE_KIB,):
            connection.create_function("refuse", 1, refuse)
            _add_triggers(connection)

    def let_change(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if connection.dialect.name == "sqlite" and _DROPS.match(statement):
            _drop_triggers(cursor.connection)

    listen(Engine, "checkout", watch)
    listen(Engine, "before_cursor_execute", let_change)
    try:
        yield
    finally:
        remove(Engine, "checkout", watch)
        remove(Engine, "before_cursor_execute", let_change)


def _add_triggers(connection: sqlite3.Connection) -> None:
    """Look at the rows of this connection alone: in the file itself they would be in its backups and migrations."""
    there = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    for name in metadata.tables.keys() & there:
        columns = frozenset(row[1] for row in connection.execute(f"PRAGMA table_info({name})"))
        for statement in _triggers(metadata.tables[name], columns):
            connection.execute(statement)


def _drop_triggers(connection: sqlite3.Connection) -> None:
    """Let go of tables that are dropped, to be restored."""
    for (name,) in connection.execute("SELECT name FROM sqlite_temp_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER IF EXISTS temp.{name}")


@cache
def _triggers(table: Table, columns: frozenset[str]) -> tuple[str, ...]:
    refused = {name: condition for name in columns.intersection(table.c.keys()) if (condition := _refused(table, name))}
    if not refused:
        return ()
    which = " ".join(f"WHEN {condition} THEN '{table.name}.{name}'" for name, condition in refused.items())
    return tuple(
        f"CREATE TEMP TRIGGER watch_{action}_{table.name} BEFORE {action} ON main.{table.name} "
        f"WHEN {' OR '.join(refused.values())} BEGIN SELECT refuse(CASE {which} END); END"
        for action in ("INSERT", "UPDATE")
    )


def _refused(table: Table, name: str) -> str:
    """Return when MySQL refuses a value of a column, empty for never."""
    kind = table.c[name].type.compile(dialect=mysql())
    if kind in MOST_BYTES:
        return f"length(CAST(new.{name} AS BLOB)) > {MOST_BYTES[kind]}"
    if kind in RANGES:
        return f"abs(new.{name}) > {RANGES[kind]}"
    if kind in UNBOUNDED:
        return ""
    characters = re.fullmatch(r"VARCHAR\((\d+)\)", kind)
    assert characters, f"expected a type whose bounds are known here, got {kind}"
    return f"length(new.{name}) > {characters[1]}"
