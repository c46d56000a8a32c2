"""One statement that changes many rows, each to values of its own."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter

from sqlalchemy import Connection, Dialect, Table, bindparam, update

from cloud.ports.given_rows import ID, GivenRows, by, columns_of


def update_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Set columns of the rows named by ``id`` and ``household_id``; every mapping has the same keys.

    Values are short texts, finite numbers, True, False and None; raises TypeError for another column.

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
        values = itemgetter("id", "household_id", *names)
        _joined(table, names).run(connection, list(map(values, rows)))


@lru_cache(maxsize=64)
def _prepared(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, Sequence[str]]:
    columns_of(table, names)
    chosen = (table.c.id == bindparam("of_id")) & (table.c.household_id == bindparam("of_household_id"))
    changed = update(table).where(chosen).values({name: bindparam(f"of_{name}") for name in names})
    compiled = changed.compile(dialect=dialect)
    return str(compiled), [name.removeprefix("of_") for name in compiled.positiontup or ()]


@lru_cache(maxsize=64)
def _joined(table: Table, names: tuple[str, ...]) -> GivenRows:
    changes = ", ".join(f"{table.name}.{name} = given.{name}" for name in names)
    return GivenRows(
        lambda dialect, given, joined: (
            f"UPDATE {given} {joined} {table.name} {by(dialect, 'PRIMARY')} "  # noqa: S608 - our own names
            f"ON {table.name}.id = given.id AND {table.name}.household_id = given.household_id SET {changes}"
        ),
        id=ID,
        household_id=ID,
        **columns_of(table, names),
    )
