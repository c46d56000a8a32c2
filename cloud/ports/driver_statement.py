"""Statements that go straight to the driver: for some rows SQLAlchemy's own work costs more than the driver's."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ClauseElement, Connection, CursorResult

MARIADB = "mariadb"


class DriverStatement:
    """A statement that is compiled once for each dialect; its values are numbers and texts, as the driver takes them.

    ``write`` gets the dialect's name (``sqlite``, ``mysql`` or ``mariadb``) and returns the statement.
    """

    def __init__(self, write: Callable[[str], ClauseElement]) -> None:
        self._write = write
        self._compiled: dict[str, tuple[str, Sequence[str] | None, dict[str, object]]] = {}

    def run(self, connection: Connection, values: dict[str, object]) -> CursorResult[*tuple[Any, ...]]:
        """Run it with values for all its parameters."""
        dialect = connection.dialect
        name = MARIADB if getattr(dialect, "is_mariadb", False) else dialect.name
        compiled = self._compiled.get(name)
        if compiled is None:
            written = self._write(name).compile(dialect=dialect)
            # The dialect may add values of its own, as SQLite's an OFFSET.
            compiled = self._compiled[name] = (str(written), getattr(written, "positiontup", None), written.params)
        statement, order, own = compiled
        given = own | values
        return connection.exec_driver_sql(statement, tuple(given[one] for one in order) if order else given)
