"""Queueing e-mails: without end only to addresses that somebody has confirmed."""

import logging

from cloud.accounts.limits import MAIL_TO_RECIPIENT, Bucket, take_within
from cloud.accounts.mails import AccountMail
from cloud.errors import RateLimitedError
from cloud.mail.model import Mail
from cloud.mail.repository import MailRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event

log = logging.getLogger(__name__)


def queue(unit_of_work: UnitOfWork, mail: Mail) -> list[Event]:
    """Add a mail to the outbox and return what follows, nothing where its cause has one already.

    Whoever registers with a stranger's address could have them written to for ever: where nobody has confirmed it, no
    more goes there in a day than mails of accounts may, those counted too.
    """
    outbox = MailRepository(unit_of_work)
    if outbox.is_unconfirmed(mail) and (outbox.has(mail) or not _may_go(unit_of_work, mail)):
        return []
    return [Event("mail_queued", mail.household_id, mail.id)] if outbox.add(mail) else []


def queue_for_account(unit_of_work: UnitOfWork, written: AccountMail) -> list[Event]:
    """Add a mail of accounts to the outbox, for its recipient's eyes alone, and return what follows."""
    mail = Mail(
        id=unit_of_work.new_id(),
        household_id=written.household_id,
        dedupe_key=written.key,
        recipient=written.recipient,
        subject=written.subject,
        content=written.content,
        created_at=unit_of_work.now,
        private=True,
    )
    return [Event("mail_queued", mail.household_id, mail.id)] if MailRepository(unit_of_work).add(mail) else []


def _may_go(unit_of_work: UnitOfWork, mail: Mail) -> bool:
    try:
        take_within(unit_of_work, [Bucket(MAIL_TO_RECIPIENT, mail.recipient)])
    except RateLimitedError:
        told = {"household_id": mail.household_id, "dedupe_key": mail.dedupe_key}
        log.warning("a mail is not queued: its recipient's address is not confirmed and had enough today", extra=told)
        return False
    return True
