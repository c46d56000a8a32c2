"""One statement that inserts many rows, written once."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table
from sqlalchemy.dialects import sqlite

from cloud.ports.given_rows import GivenRows, columns_of

# About half a megabyte: a server takes no statement above 16 (``max_allowed_packet``).
MOST_AT_ONCE = 1000


def insert_many(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], *, unless_there: bool = False
) -> None:
    """Insert rows that have the same keys; perhaps but those there.

    Values are short texts, finite numbers, True, False and None; raises TypeError for another column.

    The statement goes straight to the driver: SQLAlchemy's own work for each row costs more than the row. SQLite runs
    it for each row, which costs little within the process. MySQL is given all rows at once, as JSON: PyMySQL's work
    for each value costs more than the server's to read it.
    """
    if not rows:
        return
    names = tuple(rows[0])
    if connection.dialect.name == "sqlite":
        statement, order = _prepared(table, names, connection.dialect, unless_there=unless_there)
        connection.exec_driver_sql(statement, list(map(itemgetter(*order), rows)))
        return
    given = _given(table, names, unless_there=unless_there)
    for values in _in_parts(rows, names):
        given.run(connection, values)


def insert_telling(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], told: str
) -> Sequence[tuple[Any, ...]]:
    """Insert rows as ``insert_many`` does; return these columns of each, or nothing: not all servers tell.

    MariaDB does (mariadb.com/kb/en/insertreturning), MySQL cannot. SQLite could; to ask it afterwards costs no more.
    """
    if not rows or connection.dialect.name == "sqlite" or not connection.dialect.insert_returning:
        insert_many(connection, table, rows)
        return ()
    names = tuple(rows[0])
    given = _given(table, names, told=told)
    return [row for values in _in_parts(rows, names) for row in given.read(connection, values)]


def _in_parts(rows: Sequence[Mapping[str, object]], names: Sequence[str]) -> Sequence[Sequence[object]]:
    values = list(map(itemgetter(*names), rows))
    return [values[start : start + MOST_AT_ONCE] for start in range(0, len(values), MOST_AT_ONCE)]


@lru_cache(maxsize=64)
def _prepared(
    table: Table, names: tuple[str, ...], dialect: Dialect, *, unless_there: bool
) -> tuple[str, Sequence[str]]:
    columns_of(table, names)
    insert = sqlite.insert(table).on_conflict_do_nothing() if unless_there else table.insert()
    compiled = insert.compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup or ()


@lru_cache(maxsize=64)
def _given(table: Table, names: tuple[str, ...], *, unless_there: bool = False, told: str = "") -> GivenRows:
    # Not IGNORE, which would let pass whatever else is wrong with a row.
    those_there = f"ON DUPLICATE KEY UPDATE id = {table.name}.id" if unless_there else ""
    telling = f"RETURNING {told}" if told else ""
    values = ", ".join(f"given.{name}" for name in names)
    return GivenRows(
        lambda _, given, __: (
            f"INSERT INTO {table.name} ({', '.join(names)}) SELECT {values} "  # noqa: S608 - our own names
            f"FROM {given} {those_there}{telling}"
        ),
        **columns_of(table, names),
    )
