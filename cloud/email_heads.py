"""The heads of e-mails that this server writes by itself."""

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr


def new_message(mail_from: str, to: Address, name: str, at: int) -> EmailMessage:
    """Return an e-mail of which subject and content are missing, written at ``at``, in Unix ms.

    ``name`` tells it from every other one that this server writes.
    """
    message = EmailMessage(policy=SMTP)
    message["From"] = mail_from
    message["To"] = to
    message["Date"] = format_datetime(datetime.fromtimestamp(at / 1000, tz=UTC))
    message["Message-ID"] = f"<{name}@{parseaddr(mail_from)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no robot should answer
    return message
