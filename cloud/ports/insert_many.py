"""One statement that inserts many rows, written once."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import Connection, Dialect, Table


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that have the same keys, and values that the driver takes as they are.

    The statement goes straight to the driver: SQLAlchemy's own work for each row costs more than the row.
    """
    if rows:
        statement, order = _statement(table, tuple(rows[0]), connection.dialect)
        connection.exec_driver_sql(statement, [dict(row) for row in rows] if order is None else _tuples(rows, order))


@lru_cache(maxsize=64)
def _statement(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, Sequence[str] | None]:
    """Return the statement and the order of its values, None where the driver takes them by name."""
    compiled = table.insert().compile(dialect=dialect, column_keys=list(names))
    return str(compiled), compiled.positiontup


def _tuples(rows: Sequence[Mapping[str, object]], order: Sequence[str]) -> list[tuple[object, ...]]:
    return list(map(itemgetter(*order), rows))
