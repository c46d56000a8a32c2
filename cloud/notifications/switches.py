"""What an owner wants to hear of, by the switches of a device (docs/decisions/0100)."""

from cloud.devices.profile import Behaviour
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.notifications.model import COLLECTION, DELIVERY, LEFT_OPEN
from cloud.notifications.repository import NotificationRepository
from cloud.ports.database import UnitOfWork

MAIL_DELIVERED, MAILBOX_OPENED, MAIL_REMOVED = "mail_delivered", "mailbox_opened", "mail_removed"
BATTERY_LOW = "battery_low"
_SWITCHES = {
    "open": "mailbox_opened_notify",
    "close": "mailbox_opened_notify",
    MAIL_DELIVERED: "mail_delivered_notify",
    MAILBOX_OPENED: "mailbox_opened_notify",
    MAIL_REMOVED: "mail_removed_notify",
    BATTERY_LOW: "battery_low_notify",
}
_OF_EPISODE = {DELIVERY: MAILBOX_OPENED, LEFT_OPEN: MAILBOX_OPENED, COLLECTION: MAIL_REMOVED}


def behaviour_of(unit_of_work: UnitOfWork, household_id: str, device_id: str) -> Behaviour:
    """Return what the owner sets of a device; of a deleted one what owners begin with."""
    return DeviceRegister(unit_of_work).behaviour(household_id, device_id) or Behaviour()


def add_to_list(unit_of_work: UnitOfWork, household_id: str, device_id: str, told: str) -> None:
    """Add a notification of something by itself, which programs hear of at once by the live feed, where it is wanted.

    Of a deleted device there is no list.
    """
    behaviour = behaviour_of(unit_of_work, household_id, device_id)
    device = DeviceRepository(unit_of_work).get(household_id, device_id)
    if device and behaviour.push_notifications and is_wanted(behaviour, told):
        NotificationRepository(unit_of_work).add(device, told)


def told_of(kind: str | None, *, has_images: bool) -> str | None:
    """Return as what an episode of this kind is told, None for what nobody is told of."""
    return MAIL_DELIVERED if kind == DELIVERY and has_images else _OF_EPISODE.get(kind or "")


def is_wanted(behaviour: Behaviour, told: str) -> bool:
    """Return whether the owner wants to hear of this at all."""
    return bool(getattr(behaviour, _SWITCHES[told]))


def is_mailed(behaviour: Behaviour, told: str) -> bool:
    """Return whether this is told by e-mail; that mail was taken out, only to those who asked for more e-mails."""
    return is_wanted(behaviour, told) and (told != MAIL_REMOVED or behaviour.email_notifications)
