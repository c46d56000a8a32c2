"""One statement that inserts many rows, written once."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Insert, Table
from sqlalchemy.dialects import mysql, sqlite


def insert_many(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], *, unless_there: bool = False
) -> None:
    """Insert rows that have the same keys, and values that the driver takes as they are; perhaps but those there.

    The statement goes straight to the driver: SQLAlchemy's own work for each row costs more than the row.
    """
    if rows:
        statement, order = _statement(table, tuple(rows[0]), connection.dialect, unless_there=unless_there)
        connection.exec_driver_sql(statement, [dict(row) for row in rows] if order is None else _tuples(rows, order))


def insert_telling(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, object]], told: str
) -> Sequence[tuple[Any, ...]]:
    """Insert some hundred rows as ``insert_many`` does; return these columns of each, or nothing: not all servers tell.

    MariaDB does (mariadb.com/kb/en/insertreturning), MySQL cannot. SQLite could; to ask it afterwards costs no more.
    """
    if not rows or connection.dialect.name == "sqlite" or not connection.dialect.insert_returning:
        insert_many(connection, table, rows)
        return ()
    names = tuple(rows[0])
    head = _statement(table, names, connection.dialect, unless_there=False)[0].partition(" VALUES ")[0]
    values = ", ".join([f"({', '.join(['%s'] * len(names))})"] * len(rows))
    given = tuple(chain.from_iterable(map(itemgetter(*names), rows)))
    return connection.exec_driver_sql(f"{head} VALUES {values} RETURNING {told}", given).all()


@lru_cache(maxsize=64)
def _statement(
    table: Table, names: tuple[str, ...], dialect: Dialect, *, unless_there: bool
) -> tuple[str, Sequence[str] | None]:
    """Return the statement and the order of its values, None where the driver takes them by name."""
    insert = _insert_unless_there(table, dialect) if unless_there else table.insert()
    compiled = insert.compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup


def _insert_unless_there(table: Table, dialect: Dialect) -> Insert:
    if dialect.name == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    # Not IGNORE, which would let pass whatever else is wrong with a row.
    return mysql.insert(table).on_duplicate_key_update(id=table.c.id)


def _tuples(rows: Sequence[Mapping[str, object]], order: Sequence[str]) -> list[tuple[object, ...]]:
    return list(map(itemgetter(*order), rows))
