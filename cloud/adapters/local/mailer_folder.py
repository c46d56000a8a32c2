"""A folder as the mailer: one .eml file for each e-mail, for people and programs to pick up."""

from datetime import UTC, datetime
from pathlib import Path

from cloud.adapters.local.files import write_durably
from cloud.ports.mailer import OutgoingMail


class FolderMailer:
    """Mails under ``folder``; the file's name comes from the mail, so the same mail twice is one file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: OutgoingMail) -> str:
        """Write the mail's file and return its name."""
        written = datetime.fromtimestamp(mail.created_at / 1000, tz=UTC)
        name = f"{written:%Y%m%dT%H%M%SZ}-{mail.mail_id}.eml"
        write_durably(self._folder / name, mail.content)
        return name
