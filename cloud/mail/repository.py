"""All SQL about the mail outbox."""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Row, select, update

from cloud.mail.model import PENDING, Mail, MailHeading
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.own_rows import expect_own
from cloud.tables import episodes, mail_outbox, users


class MailRepository:
    """The outbox of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._note_change = unit_of_work.note_change

    def add(self, mail: Mail) -> bool:
        """Insert a mail; False when its cause has one already. Raises NotFoundError for another household's episode."""
        if self.has(mail):
            return False
        expect_own(self._connection, mail.household_id, (episodes, mail.episode_id))
        values = {column.name: getattr(mail, column.name) for column in mail_outbox.columns}
        self._connection.execute(mail_outbox.insert().values(**values))
        self._note(mail)
        return True

    def has(self, mail: Mail) -> bool:
        """Return whether the cause of a mail has one already."""
        query = select(mail_outbox.c.id).where(mail_outbox.c.dedupe_key == mail.dedupe_key)
        return self._connection.execute(query).first() is not None

    def is_unconfirmed(self, mail: Mail) -> bool:
        """Return whether a mail goes to a user who has not shown that mail to their address reaches them."""
        query = select(users.c.id).where(users.c.email == mail.recipient, users.c.email_verified_at.is_(None))
        return self._connection.execute(query).first() is not None

    def get(self, household_id: str, mail_id: str) -> Mail | None:
        """Return one mail of a household."""
        query = select(mail_outbox).where(mail_outbox.c.household_id == household_id, mail_outbox.c.id == mail_id)
        row = self._connection.execute(query).first()
        return _mail(row) if row else None

    def shown(self, household_id: str, mail_id: str) -> Mail | None:
        """Return one mail of a household that all of it may see."""
        mail = self.get(household_id, mail_id)
        return None if mail is None or mail.private else mail

    def headings(self, household_id: str, limit: int, before: str = "~") -> list[MailHeading]:
        """Return the household's mails without content, newest first, from those before ``before``; no private ones."""
        shown = (mail_outbox.c.household_id == household_id) & (mail_outbox.c.private == 0)
        query = select(*_HEADING).where(shown, mail_outbox.c.id < before)
        rows = self._connection.execute(query.order_by(mail_outbox.c.id.desc()).limit(limit))
        return [_heading(row) for row in rows]

    def headings_of_episodes(self, household_id: str, episode_ids: Sequence[str]) -> list[MailHeading]:
        """Return the mails, without content, that told of these episodes, oldest first."""
        query = select(*_HEADING).where(
            mail_outbox.c.household_id == household_id, mail_outbox.c.episode_id.in_(episode_ids)
        )
        return [_heading(row) for row in self._connection.execute(query.order_by(mail_outbox.c.id))]

    def of_episodes(self, household_id: str, episode_ids: list[str]) -> dict[str, Mail]:
        """Return the mails that told of these episodes."""
        query = select(mail_outbox).where(
            mail_outbox.c.household_id == household_id, mail_outbox.c.episode_id.in_(episode_ids)
        )
        return {row.episode_id: _mail(row) for row in self._connection.execute(query)}

    def change(self, mail: Mail, *, only_from: str = PENDING, **values: object) -> None:
        """Update columns of a mail that is still in the state ``only_from``."""
        chosen = (
            (mail_outbox.c.household_id == mail.household_id)
            & (mail_outbox.c.id == mail.id)
            & (mail_outbox.c.state == only_from)
        )
        if self._connection.execute(update(mail_outbox).where(chosen).values(**values)).rowcount:
            self._note(mail)

    def _note(self, mail: Mail) -> None:
        """Note a change, unless the mail is nobody's business but its recipient's."""
        if not mail.private:
            self._note_change(Change(mail.household_id, ChangeKind.EMAIL, mail.id))


_HEADING = tuple(mail_outbox.c[field.name] for field in fields(MailHeading))


def _heading(row: Row[Any]) -> MailHeading:
    return MailHeading(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping


def _mail(row: Row[Any]) -> Mail:
    return Mail(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping
