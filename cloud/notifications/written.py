"""A finished e-mail to an owner, and how it is queued."""

from collections.abc import Sequence
from dataclasses import dataclass

from cloud.mail.model import Mail
from cloud.mail.service import queue
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


@dataclass(frozen=True, slots=True)
class Written:
    """A finished e-mail; ``owner_id`` makes it the only one that this user gets of its cause."""

    owner_id: str
    recipient: str
    subject: str
    content: bytes


def queue_written(
    unit_of_work: UnitOfWork, household_id: str, mails: Sequence[Written], cause: str, episode_id: str | None = None
) -> list[Event]:
    """Queue the e-mails of a cause, one to each owner however often this runs; returns what follows."""
    following: list[Event] = []
    for written in mails:
        mail = Mail(
            id=unit_of_work.new_id(),
            household_id=household_id,
            dedupe_key=f"{cause}:{written.owner_id}",
            recipient=written.recipient,
            subject=written.subject,
            content=written.content,
            created_at=unit_of_work.now,
            episode_id=episode_id,
        )
        following += queue(unit_of_work, mail)
    return following
