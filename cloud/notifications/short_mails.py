"""Short e-mails: a notification that was asked for, one to each owner of the household, or an alarm."""

from dataclasses import dataclass
from email.headerregistry import Address

from cloud.accounts.model import Member
from cloud.accounts.repository import AccountRepository
from cloud.devices.model import Device
from cloud.email_heads import new_message
from cloud.notifications import wording
from cloud.notifications.repository import NotificationRepository
from cloud.notifications.service import LONGEST_SUBJECT
from cloud.notifications.switches import behaviour_of, is_wanted
from cloud.notifications.written import Written, queue_written
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports

SENTENCES = {
    "open": "The mailbox was opened.",
    "close": "The mailbox was closed.",
    "mail_delivered": "Mail was delivered.",
    "mailbox_opened": "The mailbox was opened.",
    "mail_removed": "Mail was taken out.",
    "battery_low": "The battery of its board is low.",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a short e-mail says: of what, a sentence about it, and when that was, in Unix ms."""

    what: str
    sentence: str
    at: int | None


def notify(unit_of_work: UnitOfWork, ports: Ports, device: Device, kind: str) -> tuple[int, list[Event]]:
    """Store a notification and queue its e-mail to each owner who wants it; returns its number and what follows.

    Where no e-mail goes out, the notification says so.
    """
    notifications = NotificationRepository(unit_of_work)
    number = notifications.add(device, kind)
    behaviour = behaviour_of(unit_of_work, device.household_id, device.id)
    owners = AccountRepository(unit_of_work).owners(device.household_id) if is_wanted(behaviour, kind) else []
    written = [write(owner, device, kind, ports, unit_of_work.now) for owner in owners]
    following = queue_written(unit_of_work, device.household_id, written, f"notification:{number}")
    if not following:
        notifications.record_unsent(device.household_id, number)
    return number, following


def write(owner: Member, device: Device, kind: str, ports: Ports, now: int) -> Written:
    """Return the e-mail that tells an owner of ``kind``; the device's name stays one line of plain text."""
    return compose(owner, Told(f"{device.name}:", SENTENCES[kind], now), ports, f"notification.{device.id}", now)


def compose(owner: Member, told: Told, ports: Ports, name: str, now: int) -> Written:
    """Return a short e-mail to an owner; ``name`` tells it from others, for the mail programs' eyes."""
    said = f"{told.what} {told.sentence}"
    subject = wording.one_line(said.partition(". ")[0].rstrip(".:"), LONGEST_SUBJECT)
    to = Address(wording.one_line(owner.user.name), addr_spec=owner.user.email)
    message = new_message(ports.mail_from, to, f"{name}.{now}.{owner.user.id}", now)
    message["Subject"] = subject
    when = wording.local(told.at, ports.time_zone) if told.at else None
    lines = (
        wording.one_line(said, 300),
        f"{wording.weekday(when)}, {when:%H:%M}" if when else "at a time that is not known",
        f"{ports.public_url.rstrip('/')}/",
    )
    message.set_content("\n\n".join(lines) + "\n", cte="quoted-printable")
    return Written(owner.user.id, owner.user.email, subject, message.as_bytes())
