"""When somebody has asked for a new password, then write them the mail with its link."""

from cloud.accounts.mails import AccountMail, Post
from cloud.accounts.recovery import mail_reset
from cloud.mail.service import queue_for_account
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports


def perform(ports: Ports, _event: Event) -> tuple[str, str]:
    """Return the address that links begin with, and whom mails are from."""
    return ports.public_url, ports.mail_from


def handle(unit_of_work: UnitOfWork, event: Event, sender: tuple[str, str]) -> list[Event]:
    """Make the link and queue the mail; nothing follows for nobody, nor where an address got too many."""
    following: list[Event] = []

    def put(unit_of_work: UnitOfWork, written: AccountMail) -> None:
        following.extend(queue_for_account(unit_of_work, written))

    mail_reset(unit_of_work, Post(put, lambda _, told: following.append(told), *sender), event.subject_id)
    return following
