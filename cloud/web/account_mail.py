"""How the mails of accounts reach the mail outbox, which lies above accounts."""

from cloud import pipeline
from cloud.accounts.mails import AccountMail, Post
from cloud.bootstrap import Application
from cloud.mail.model import Mail
from cloud.mail.repository import MailRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


def build_post(app: Application) -> Post:
    """Return how accounts send mail: a private row of the outbox and its job, in the caller's transaction."""

    def put(unit_of_work: UnitOfWork, written: AccountMail) -> None:
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
        if MailRepository(unit_of_work).add(mail):
            pipeline.put_all(app.queue, unit_of_work, [Event("mail_queued", written.household_id, mail.id)])

    return Post(put, app.ports.public_url, app.ports.mail_from)
