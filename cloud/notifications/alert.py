"""Short e-mails: a notification that was asked for, one to each owner of the household, or an alarm."""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from cloud.accounts.model import Member
from cloud.accounts.repository import AccountRepository
from cloud.devices.model import Device
from cloud.mail.model import Mail
from cloud.mail.service import queue
from cloud.notifications import wording
from cloud.notifications.repository import NotificationRepository
from cloud.notifications.service import LONGEST_SUBJECT, Written
from cloud.notifications.switches import behaviour_of, is_wanted
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


def send(unit_of_work: UnitOfWork, ports: Ports, device: Device, kind: str) -> tuple[int, list[Event]]:
    """Store a notification and queue its e-mail to each owner who wants it; returns its number and what follows.

    Where no e-mail goes out, the notification says so.
    """
    notifications = NotificationRepository(unit_of_work)
    number = notifications.add(device, kind)
    following: list[Event] = []
    behaviour = behaviour_of(unit_of_work, device.household_id, device.id)
    owners = AccountRepository(unit_of_work).owners(device.household_id) if is_wanted(behaviour, kind) else []
    for owner in owners:
        written = write(owner, device, kind, ports, unit_of_work.now)
        mail = mail_of(unit_of_work, device.household_id, written, f"notification:{number}:{written.owner_id}")
        following += queue(unit_of_work, mail)
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
    message = EmailMessage(policy=SMTP)
    message["From"] = ports.mail_from
    message["To"] = Address(wording.one_line(owner.user.name), addr_spec=owner.user.email)
    message["Date"] = format_datetime(datetime.fromtimestamp(now / 1000, tz=UTC))
    sender = parseaddr(ports.mail_from)[1]
    message["Message-ID"] = f"<{name}.{now}.{owner.user.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no robot should answer
    message["Subject"] = subject
    when = wording.local(told.at, ports.time_zone) if told.at else None
    lines = (
        wording.one_line(said, 300),
        f"{wording.weekday(when)}, {when:%H:%M}" if when else "at a time that is not known",
        f"{ports.public_url.rstrip('/')}/",
    )
    message.set_content("\n\n".join(lines) + "\n", cte="quoted-printable")
    return Written(owner.user.id, owner.user.email, subject, message.as_bytes())


def mail_of(unit_of_work: UnitOfWork, household_id: str, written: Written, key: str) -> Mail:
    """Return a short e-mail as it is queued; ``key`` makes it the only one of its cause."""
    return Mail(
        id=unit_of_work.new_id(),
        household_id=household_id,
        dedupe_key=key,
        recipient=written.recipient,
        subject=written.subject,
        content=written.content,
        created_at=unit_of_work.now,
    )
