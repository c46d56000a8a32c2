"""All SQL about notifications that were asked for over HTTP."""

from dataclasses import dataclass

from sqlalchemy import func, select

from cloud.api.paging import Page
from cloud.devices.model import Device
from cloud.http_tables import notifications
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification; ``sent_at`` in Unix ms is when its e-mail was queued."""

    id: int
    notification_type: str
    sent_at: int


class NotificationRepository:
    """The notifications of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._note_change = unit_of_work.note_change
        self._now = unit_of_work.now

    def add(self, device: Device, notification_type: str) -> int:
        """Insert a notification and return its number."""
        values = {"household_id": device.household_id, "device_id": device.id, "notification_type": notification_type}
        inserted = self._connection.execute(notifications.insert().values(**values, sent_at=self._now))
        number = int(inserted.lastrowid)
        self._note(device.household_id, number)
        return number

    def listed(self, household_id: str, device_id: str, page: Page) -> list[Notification]:
        """Return a page of the device's notifications, newest first."""
        query = select(notifications.c.id, notifications.c.notification_type, notifications.c.sent_at).where(
            notifications.c.household_id == household_id,
            notifications.c.device_id == device_id,
            notifications.c.id < page.before[1],
            notifications.c.sent_at >= page.since,
            notifications.c.sent_at < page.until,
        )
        rows = self._connection.execute(query.order_by(notifications.c.id.desc()).limit(page.limit))
        return [Notification(row.id, row.notification_type, row.sent_at) for row in rows]

    def count(self, household_id: str, device_id: str) -> int:
        """Return how many notifications the device has."""
        query = select(func.count()).where(
            notifications.c.household_id == household_id, notifications.c.device_id == device_id
        )
        return int(self._connection.execute(query).scalar_one())

    def remove(self, household_id: str, number: int) -> bool:
        """Delete a notification of the household; False when there is none."""
        chosen = (notifications.c.household_id == household_id) & (notifications.c.id == number)
        is_gone = self._connection.execute(notifications.delete().where(chosen)).rowcount == 1
        if is_gone:
            self._note(household_id, number)
        return is_gone

    def _note(self, household_id: str, number: int) -> None:
        self._note_change(Change(household_id, ChangeKind.NOTIFICATION, str(number)))
