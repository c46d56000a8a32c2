"""Deleting notifications that nobody asks for any more."""

from cloud.notifications.repository import NotificationRepository
from cloud.ports.database import Database

KEEP_MS = 365 * 24 * 3600 * 1000
# Few enough that nobody waits for the writer.
FORGOTTEN_AT_ONCE = 1000


def forget_old_notifications(database: Database, at_once: int = FORGOTTEN_AT_ONCE) -> None:
    """Delete the notifications that were sent more than a year ago."""
    may_be_more = True
    while may_be_more:
        with database.write() as unit_of_work:
            oldest = unit_of_work.now - KEEP_MS
            may_be_more = NotificationRepository(unit_of_work).forget_before(oldest, at_once) == at_once
