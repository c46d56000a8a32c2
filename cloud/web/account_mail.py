"""How the mails of accounts reach the mail outbox, which lies above accounts."""

from cloud import pipeline
from cloud.accounts.mails import AccountMail, Post
from cloud.bootstrap import Application
from cloud.mail.service import queue_for_account
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


def build_post(app: Application) -> Post:
    """Return how accounts send mail: a private row of the outbox and its job, in the caller's transaction."""

    def put(unit_of_work: UnitOfWork, written: AccountMail) -> None:
        if following := queue_for_account(unit_of_work, written):
            pipeline.put_all(app.queue, unit_of_work, following)

    def follow(unit_of_work: UnitOfWork, event: Event) -> None:
        pipeline.put_all(app.queue, unit_of_work, [event])

    return Post(put, follow, app.ports.public_url, app.ports.mail_from)
