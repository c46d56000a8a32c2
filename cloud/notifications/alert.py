"""A notification that was asked for: one short e-mail to each owner of the household."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from cloud.accounts.model import Member
from cloud.accounts.repository import AccountRepository
from cloud.devices.model import Device
from cloud.mail.model import PENDING, Mail
from cloud.mail.repository import MailRepository
from cloud.notifications import wording
from cloud.notifications.repository import NotificationRepository
from cloud.notifications.service import LONGEST_SUBJECT, Written
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


def send(unit_of_work: UnitOfWork, ports: Ports, device: Device, kind: str) -> tuple[int, list[Event]]:
    """Store a notification and queue its e-mail to each owner; returns its number and what follows."""
    number = NotificationRepository(unit_of_work).add(device, kind)
    outbox, following = MailRepository(unit_of_work), []
    for owner in AccountRepository(unit_of_work).owners(device.household_id):
        written = write(owner, device, kind, ports, unit_of_work.now)
        mail = _mail(unit_of_work, device, written, f"notification:{number}:{written.owner_id}")
        if outbox.add(mail):
            following.append(Event("mail_queued", device.household_id, mail.id))
    return number, following


def write(owner: Member, device: Device, kind: str, ports: Ports, now: int) -> Written:
    """Return the e-mail that tells an owner of ``kind``; the device's name stays one line of plain text."""
    sentence, when = SENTENCES[kind], wording.local(now, ports.time_zone)
    subject = wording.one_line(f"{device.name}: {sentence.removesuffix('.')}", LONGEST_SUBJECT)
    message = EmailMessage(policy=SMTP)
    message["From"] = ports.mail_from
    message["To"] = Address(wording.one_line(owner.user.name), addr_spec=owner.user.email)
    message["Date"] = format_datetime(datetime.fromtimestamp(now / 1000, tz=UTC))
    sender = parseaddr(ports.mail_from)[1]
    message["Message-ID"] = f"<notification.{now}.{owner.user.id}.{device.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no robot should answer
    message["Subject"] = subject
    told = f"{wording.weekday(when)}, {when:%H:%M}"
    lines = (f"{sentence}", f"{wording.one_line(device.name, 200)}, {told}", f"{ports.public_url.rstrip('/')}/")
    message.set_content("\n\n".join(lines) + "\n", cte="quoted-printable")
    return Written(owner.user.id, owner.user.email, subject, message.as_bytes())


def _mail(unit_of_work: UnitOfWork, device: Device, written: Written, key: str) -> Mail:
    return Mail(
        id=unit_of_work.new_id(),
        household_id=device.household_id,
        dedupe_key=key,
        episode_id=None,
        recipient=written.recipient,
        subject=written.subject,
        state=PENDING,
        attempts=0,
        reason=None,
        content=written.content,
        created_at=unit_of_work.now,
        sent_at=None,
        provider_id=None,
    )
