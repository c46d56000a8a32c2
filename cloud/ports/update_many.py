"""One statement that changes many rows, each to values of its own."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import Connection, Dialect, Table, bindparam, text, update


def update_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Set columns of the rows named by ``id`` and ``household_id``; every mapping has the same keys.

    SQLite runs a prepared statement for each row, which costs little within the process. Over the network each
    would be a round trip, so MySQL is given all rows at once, as JSON.
    """
    if not rows:
        return
    names = tuple(name for name in rows[0] if name not in ("id", "household_id"))
    if connection.dialect.name == "sqlite":
        statement, order = _prepared(table, names, connection.dialect)
        connection.exec_driver_sql(statement, list(map(itemgetter(*order), rows)))
    else:
        connection.execute(text(_joined(connection, table, names)), {"rows": json.dumps([dict(row) for row in rows])})


@lru_cache(maxsize=64)
def _prepared(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, Sequence[str]]:
    chosen = (table.c.id == bindparam("of_id")) & (table.c.household_id == bindparam("of_household_id"))
    changed = update(table).where(chosen).values({name: bindparam(f"of_{name}") for name in names})
    compiled = changed.compile(dialect=dialect)
    return str(compiled), [name.removeprefix("of_") for name in compiled.positiontup or ()]


def _joined(connection: Connection, table: Table, names: tuple[str, ...]) -> str:
    types = {name: table.c[name].type.compile(connection.dialect) for name in names}
    return _statement(table.name, tuple(types.items()))


@lru_cache(maxsize=64)
def _statement(table: str, types: tuple[tuple[str, str], ...]) -> str:
    # Ids are ASCII; said so, they are compared by the collation of the table whatever the connection's is.
    ids = [f"{name} VARCHAR(36) CHARACTER SET ascii PATH '$.{name}'" for name in ("id", "household_id")]
    columns = ", ".join([*ids, *(f"{name} {kind} PATH '$.{name}'" for name, kind in types)])
    changes = ", ".join(f"{table}.{name} = given.{name}" for name, _ in types)
    return (
        f"UPDATE {table} JOIN JSON_TABLE(:rows, '$[*]' COLUMNS ({columns})) AS given "  # noqa: S608 - our own names
        f"ON {table}.id = given.id AND {table}.household_id = given.household_id SET {changes}"
    )
