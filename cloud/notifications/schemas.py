"""The notification interface's requests and answers, in the seed's words."""

from enum import StrEnum

from pydantic import BaseModel, Field

from cloud.api.answers import Number, iso
from cloud.notifications.repository import Notification


class NotificationType(StrEnum):
    """What an owner can be told of a mailbox; the first two are what its events are called."""

    OPEN = "open"
    CLOSE = "close"
    MAIL_DELIVERED = "mail_delivered"
    MAILBOX_OPENED = "mailbox_opened"
    MAIL_REMOVED = "mail_removed"
    BATTERY_LOW = "battery_low"


class NewNotification(BaseModel):
    """What to tell the owners of a device's household."""

    device_id: Number
    notification_type: NotificationType


class NotificationAnswer(BaseModel):
    """A notification."""

    id: Number
    device_id: Number
    notification_type: NotificationType
    sent_at: str | None = Field(
        description="when its e-mails were queued, ISO 8601 in UTC: one for each owner who has an address and wants "
        "it; null where none went out: nobody wants it, or the owners' addresses are not confirmed and had ten "
        "e-mails that day"
    )


def notification_answer(one: Notification, device_number: int) -> NotificationAnswer:
    """Return a notification as it is answered."""
    sent_at = None if one.sent_at is None else iso(one.sent_at)
    return NotificationAnswer(
        id=one.id, device_id=device_number, notification_type=NotificationType(one.notification_type), sent_at=sent_at
    )
