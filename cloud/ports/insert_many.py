"""One statement that inserts many rows, written once."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

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
