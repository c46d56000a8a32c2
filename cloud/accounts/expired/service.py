"""Deleting what has ended, a little at a time."""

from cloud.accounts.expired.repository import ExpiredRepository
from cloud.ports.database import Database

# Few enough that nobody waits for the writer.
FORGOTTEN_AT_ONCE = 1000


def forget_expired(database: Database, at_once: int = FORGOTTEN_AT_ONCE) -> None:
    """Delete what has ended and is kept no longer; each step is a short transaction of its own."""
    may_be_more = True
    while may_be_more:
        with database.write() as unit_of_work:
            may_be_more = ExpiredRepository(unit_of_work).forget(at_once)
