"""One e-mail to see whether e-mails arrive."""

from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from cloud.accounts.model import reachable_email
from cloud.ports.mailer import Mailer, OutgoingMail

SUBJECT = "Pillarbox can send e-mails"
WORDS = "This is the e-mail that somebody who runs Pillarbox asked for, to see whether it arrives. It does.\n"


def send_trial(mailer: Mailer, mail_from: str, recipient: str, mail_id: str, now: int) -> str:
    """Send the e-mail at once, past the outbox, and return what the mailer says; ``now`` in Unix ms.

    Raises RefusedError for what is no address, and what the mailer raises.
    """
    address = reachable_email(recipient)
    message = EmailMessage(policy=SMTP)
    message["From"] = mail_from
    message["To"] = address
    message["Subject"] = SUBJECT
    message["Date"] = format_datetime(datetime.fromtimestamp(now / 1000, tz=UTC))
    message["Message-ID"] = f"<trial.{mail_id}@{parseaddr(mail_from)[1].rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no robot should answer
    message.set_content(WORDS)
    return mailer.send(OutgoingMail(mail_id, now, address, message.as_bytes()))
