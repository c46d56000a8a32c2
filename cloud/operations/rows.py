"""Rows of every table as lines of JSON, the same from every database, so that one can be restored into another."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Any

from sqlalchemy import Connection, MetaData, Table, select

import cloud.http_tables
import cloud.trouble_tables  # noqa: F401 - same
from cloud.tables import metadata

ROWS_AT_ONCE = 1000
# Most of a row is ids: the fastest level takes nearly all that there is to gain.
COMPRESSION = 1
BYTES = "base64"
OURS = frozenset(metadata.tables)


def stored_tables(connection: Connection) -> list[Table]:
    """Return our tables as they are in this database, at whatever revision, those first that others refer to."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name in OURS)
    return found.sorted_tables


def dump(connection: Connection, table: Table, into: IO[bytes], tell: Callable[[int], None]) -> int:
    """Write every row of the table and return how many; ``tell`` hears of each portion."""
    query, count = select(table).order_by(*table.primary_key.columns), 0
    names = [column.name for column in table.columns]
    with gzip.GzipFile(fileobj=into, mode="wb", compresslevel=COMPRESSION, mtime=0) as lines:
        rows = connection.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
        for portion in rows.partitions():
            for row in portion:
                lines.write(json.dumps(dict(zip(names, row, strict=True)), default=_bytes).encode() + b"\n")
            count += len(portion)
            tell(len(portion))
    return count


def load(connection: Connection, table: Table, content: IO[bytes], tell: Callable[[int], None]) -> int:
    """Insert the rows and return how many."""
    count, rows = 0, _rows(content)
    while portion := list(islice(rows, ROWS_AT_ONCE)):
        connection.execute(table.insert(), portion)
        count += len(portion)
        tell(len(portion))
    return count


def _rows(content: IO[bytes]) -> Iterator[dict[str, Any]]:
    with gzip.GzipFile(fileobj=content, mode="rb") as lines:
        for line in lines:
            yield {name: _value(value) for name, value in json.loads(line).items()}


def _bytes(value: object) -> dict[str, str]:
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    raise TypeError(f"expected a number, text or bytes in a row, got {type(value).__name__}")


def _value(value: Any) -> Any:
    return base64.b64decode(value[BYTES]) if isinstance(value, dict) else value
