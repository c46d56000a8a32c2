"""Statements that are given rows: as one JSON parameter, joined as the table ``given``."""

from collections.abc import Callable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, LargeBinary, String, Table, Text, TextClause, text

from cloud.ports.driver_statement import MARIADB, DriverStatement

# Ids are ASCII; said so, they are compared by the collation of the table whatever the connection's is.
ID = "VARCHAR(36) CHARACTER SET ascii"
NAME = "VARCHAR(64) CHARACTER SET ascii"


# As text: of a number that does not fit MariaDB's JSON_TABLE would make the nearest that does, a table refuses it.
_NUMBER = "VARCHAR(40) CHARACTER SET ascii"


def columns_of(table: Table, names: Sequence[str]) -> dict[str, str]:
    """Return the MySQL types of a table's columns to be given values for them, wider: too long a text is refused.

    As wide as the column itself MariaDB would cut it short, and say nothing; a long text (TEXT) it cuts whatever is
    said, and JSON has no bytes. Raises TypeError for such a column.
    """
    return {name: _wider(table.c[name].type) for name in names}


def _wider(kind: object) -> str:
    if isinstance(kind, Text | LargeBinary):
        raise TypeError(f"expected columns of numbers and short texts, got {kind!r}: write one row at a time")
    if isinstance(kind, String) and kind.length:
        return f"VARCHAR({kind.length + 1}) CHARACTER SET utf8mb4"
    return _NUMBER


def given_rows(dialect: str, **columns: str) -> str:
    """Return the table ``given`` of the parameter ``:rows``, a JSON list of lists: its columns with their MySQL types.

    However many rows, the statement stays the same, so it is compiled once, and each row costs one look-up
    (sqlite.org/json1.html#jeach, dev.mysql.com/doc/refman/8.4/en/json-table-functions.html).
    """
    if dialect == "sqlite":
        named = ", ".join(f"value ->> {place} AS {name}" for place, name in enumerate(columns))
        return f"(SELECT {named} FROM json_each(:rows)) AS given"  # noqa: S608 - our own names
    paths = [f"{name} {kind} PATH '$[{place}]' ERROR ON ERROR" for place, (name, kind) in enumerate(columns.items())]
    return f"JSON_TABLE(:rows, '$[*]' COLUMNS ({', '.join(paths)})) AS given"


def by(dialect: str, index: str) -> str:
    """Return what lets MySQL look rows up by this index alone: a small table it would read whole.

    A statement that holds rows would then wait for those that others hold, and hold what others wait for.
    """
    return "" if dialect == "sqlite" else f"FORCE INDEX ({index})"


def held(dialect: str, *tables: str) -> str:
    """Return what holds the rows of these tables that a query reads, in the order in which they were given.

    MySQL can hold rows of the named tables only, where ``given`` has none; MariaDB cannot name them, and need not
    (dev.mysql.com/doc/refman/8.4/en/innodb-locking-reads.html, mariadb.com/kb/en/for-update). SQLite has one writer.
    """
    if dialect == "sqlite":
        return ""
    return "FOR UPDATE" if dialect == MARIADB else f"FOR UPDATE OF {', '.join(tables)}"


class GivenRows:
    """A statement over the table ``given`` that goes straight to the driver.

    ``write`` gets the dialect's name (``sqlite``, ``mysql`` or ``mariadb``), the table ``given`` and what joins it so
    that MySQL begins with it; it returns SQL with ``:names``.
    """

    def __init__(self, write: Callable[[str, str, str], str], **columns: str) -> None:
        self._write = write
        self._columns = columns
        self._statement = DriverStatement(self._of_dialect)

    def read(self, connection: Connection, rows: Sequence[object], **values: object) -> Sequence[tuple[Any, ...]]:
        """Run a query with these rows, lists of values, and values of its other parameters; return what it finds.

        A row with a NUL in it finds nothing: no name of ours has one.
        """
        given = _as_json(rows, connection.dialect.name, is_query=True)
        return self._statement.run(connection, {"rows": given, **values}).all()

    def run(self, connection: Connection, rows: Sequence[object], **values: object) -> None:
        """Run a statement that returns nothing; raises ValueError for a NUL that SQLite would not store."""
        given = _as_json(rows, connection.dialect.name, is_query=False)
        self._statement.run(connection, {"rows": given, **values})

    def _of_dialect(self, name: str) -> TextClause:
        joined = "CROSS JOIN" if name == "sqlite" else "STRAIGHT_JOIN"
        return text(self._write(name, given_rows(name, **self._columns), joined))


def _as_json(rows: Sequence[Any], dialect: str, *, is_query: bool) -> str:
    """Return rows as JSON in which true and false are numbers, as in a table; MySQL would take them for words.

    SQLite reads only what stands before a NUL, so a query goes without rows that have one; else raises ValueError.
    """
    written = orjson.dumps(rows).decode()
    if "true" in written or "false" in written:
        written = orjson.dumps([[_numbered(value) for value in row] for row in rows]).decode()
    if dialect != "sqlite" or "\\u0000" not in written:
        return written
    whole = [row for row in rows if not any("\0" in str(value) for value in row)]
    if len(whole) == len(rows):
        return written  # a backslash stands before u0000
    if not is_query:
        raise ValueError("expected texts without NUL, got one with it, of which SQLite would keep a part only")
    return _as_json(whole, dialect, is_query=is_query)


def _numbered(value: object) -> object:
    return int(value) if isinstance(value, bool) else value
