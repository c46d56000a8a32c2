"""Whether the database can be worked with."""

from cloud.errors import RetryLaterError
from cloud.migrations.upgrade import newest_revision
from cloud.ports.database import Database


def database_fault(database: Database) -> str:
    """Return what is wrong with the database or its tables, "" for nothing."""
    try:
        revision = database.revision()
    except RetryLaterError as error:
        return str(error)
    if revision == newest_revision():
        return ""
    return f"expected tables of revision {newest_revision()}, got {revision or 'none'}"
