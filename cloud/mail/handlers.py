"""When a mail is queued, then send it, once."""

from cloud import correlation
from cloud.errors import NotFoundError
from cloud.mail.model import FAILED, PENDING, SENT, Mail, traced
from cloud.mail.repository import MailRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.mailer import OutgoingMail
from cloud.ports.ports import Ports


def perform(ports: Ports, event: Event) -> str:
    """Send the mail and return the provider's id; raises RetryLaterError or RefusedError as the mailer does."""
    with ports.database.read() as unit_of_work:
        mail = _mail(unit_of_work, event)
    if mail.state == SENT:
        return mail.provider_id or ""
    content = traced(mail, correlation.current())
    return ports.mailer.send(OutgoingMail(mail.id, mail.created_at, mail.recipient, content))


def handle(unit_of_work: UnitOfWork, event: Event, provider_id: str) -> list[Event]:
    """Mark the mail as sent; the words of a private one, which may carry a token, are kept no longer."""
    mail = _mail(unit_of_work, event)
    outbox = MailRepository(unit_of_work)
    if mail.private:
        outbox.change(mail, content=b"")
    outbox.change(mail, state=SENT, sent_at=unit_of_work.now, provider_id=provider_id, attempts=mail.attempts + 1)
    return []


def park(unit_of_work: UnitOfWork, event: Event, reason: str) -> list[Event]:
    """Mark the mail as failed, with the reason."""
    outbox = MailRepository(unit_of_work)
    mail = outbox.get(event.household_id, event.subject_id)
    if mail:
        outbox.change(mail, state=FAILED, reason=reason[:500], attempts=mail.attempts + 1)
    return []


def revive(unit_of_work: UnitOfWork, event: Event) -> None:
    """Let a failed mail wait to be sent again."""
    outbox = MailRepository(unit_of_work)
    mail = outbox.get(event.household_id, event.subject_id)
    if mail:
        outbox.change(mail, only_from=FAILED, state=PENDING, reason=None)


def _mail(unit_of_work: UnitOfWork, event: Event) -> Mail:
    mail = MailRepository(unit_of_work).get(event.household_id, event.subject_id)
    if mail is None:
        raise NotFoundError(f"expected a queued mail, found none with id {event.subject_id}")
    return mail
