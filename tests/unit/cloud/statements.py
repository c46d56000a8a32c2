"""What is asked of the tables of households while tests run, by which way, and whether it is asked by household."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.event import listen, remove

import cloud
from cloud.tables import metadata
from tests.unit.cloud.scoping import HOUSEHOLD, ways

CLOUD = str(Path(cloud.__file__).parent)
# A session is a user's; it only remembers at which of their households they look.
OF_HOUSEHOLDS = [name for name, table in metadata.tables.items() if HOUSEHOLD in table.columns and name != "sessions"]
# A migration changes the tables of all.
MIGRATIONS = str(Path(CLOUD) / "migrations")
# Their callers name tables and rows.
LENT = {
    str(Path(CLOUD) / "ports" / f"{name}.py")
    for name in ("driver_statement", "given_rows", "insert_many", "update_many")
}
_NAMED = re.compile(rf"\b(?:{'|'.join(sorted(OF_HOUSEHOLDS, key=len, reverse=True))})\b")
_STATEMENT = re.compile(r"(SELECT|INSERT|UPDATE|DELETE|WITH)\b", re.IGNORECASE)
# What is written is no condition; in an UPDATE it stands between these, or at the end.
_WRITTEN = re.compile(r"(?<!CHARACTER )\bSET\b.*?(?=\bWHERE\b|$)", re.DOTALL)
# Compared with a value: another table's column would tie rows of one household to each other, of whichever it is.
# Of no value SQLAlchemy makes a query for nothing.
_OF_NONE = r"SELECT 1 FROM \(SELECT 1\) WHERE 1!=1"
_BY_HOUSEHOLD = re.compile(
    rf"\b(?:{HOUSEHOLD}|households\.id)\s*(?:=\s*(?:[?%]|given\.)|IN\s*\((?:{_OF_NONE}|(?!\s*SELECT)))"
)
_INSERTS = re.compile(rf"INSERT [^()]*\([^()]*\b{HOUSEHOLD}\b", re.IGNORECASE)


@lru_cache(8192)
def asks_of_all(statement: str) -> bool:
    """Return whether a statement names a table of households, but not the household whose rows are meant."""
    if not _STATEMENT.match(statement.lstrip()) or not _NAMED.search(statement):
        return False
    if statement.lstrip().upper().startswith("INSERT"):
        return not _INSERTS.match(statement.lstrip())
    return not _BY_HOUSEHOLD.search(_WRITTEN.sub("", statement))


@contextmanager
def heard(of: type[Engine] | Any, tell: Callable[[str], None]) -> Iterator[None]:
    """Tell of every statement that runs meanwhile."""

    def hear(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        tell(statement)

    listen(of, "before_cursor_execute", hear)
    try:
        yield
    finally:
        remove(of, "before_cursor_execute", hear)


class Asking:
    """By which way of ``cloud`` a statement comes; those are looked for when the first one is to be told."""

    @cached_property
    def _names(self) -> dict[CodeType, str]:
        return {way.function.__code__: way.name for way in ways()}

    def way(self) -> str | None:
        """Return the innermost public way that is being called, else what else of ``cloud`` asks.

        None for a test, and for a migration.
        """
        codes = [frame.f_code for frame in _calling() if frame.f_code.co_filename.startswith(CLOUD)]
        if any(code.co_filename.startswith(MIGRATIONS) for code in codes):
            return None
        codes = [code for code in codes if code.co_filename not in LENT]
        named = (self._names[code] for code in codes if code in self._names)
        return next(named, _named(codes[0]) if codes else None)


def _named(code: CodeType) -> str:
    """Return a method by its class, a function by its file, and what is within either as that."""
    name = code.co_qualname.partition(".<locals>")[0]
    return name if "." in name else f"{Path(code.co_filename).stem}.{name}"


def _calling() -> Iterator[FrameType]:
    frame = sys._getframe()  # noqa: SLF001 - inspect would read every file of the stack
    while frame := frame.f_back:
        yield frame
