"""Outgoing e-mail."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class OutgoingMail:
    """A finished message; ``mail_id`` is stable over retries, ``created_at`` in Unix ms."""

    mail_id: str
    created_at: int
    recipient: str
    content: bytes


class Mailer(Protocol):
    """Promises: the same ``mail_id`` given twice is one mail, where the technology allows it.

    What only who runs the server can put right, such as a refused password, is RetryLaterError: no mail is lost by it.
    """

    def send(self, mail: OutgoingMail) -> str:
        """Send and return the provider's id; raises RetryLaterError or RefusedError."""
