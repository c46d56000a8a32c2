"""All SQL about letters and facts."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Row, select

from cloud.letters.model import Fact, Letter
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.own_rows import expect_own
from cloud.tables import episodes, facts, letters, mailboxes


class LetterRepository:
    """Letters of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._new_id = unit_of_work.new_id
        self._note_change = unit_of_work.note_change

    def add(self, letter: Letter, found: Iterable[Fact], extractor: str) -> None:
        """Insert a letter with its facts; raises NotFoundError for a mailbox or an episode of another household."""
        referred = (mailboxes, letter.mailbox_id), (episodes, letter.episode_id)
        expect_own(self._connection, letter.household_id, *referred)
        values = {column.name: getattr(letter, column.name) for column in letters.columns}
        self._connection.execute(letters.insert().values(**values))
        rows = [
            {
                "id": self._new_id(),
                "household_id": letter.household_id,
                "letter_id": letter.id,
                "kind": fact.kind,
                "value": fact.value,
                "raw": fact.raw,
                "line_ids": ",".join(str(line) for line in fact.line_ids),
                "char_start": fact.char_start,
                "char_end": fact.char_end,
                "confidence": fact.confidence,
                "tier": fact.tier,
                "extractor": extractor,
            }
            for fact in found
        ]
        if rows:
            self._connection.execute(facts.insert(), rows)
        self._note_change(Change(letter.household_id, ChangeKind.LETTER, letter.id))

    def get(self, household_id: str, letter_id: str) -> Letter | None:
        """Return one letter of a household."""
        query = select(letters).where(letters.c.household_id == household_id, letters.c.id == letter_id)
        row = self._connection.execute(query).first()
        return _letter(row) if row else None

    def of_episode(self, household_id: str, episode_id: str) -> list[Letter]:
        """Return the letters that came in one delivery."""
        query = select(letters).where(letters.c.household_id == household_id, letters.c.episode_id == episode_id)
        return [_letter(row) for row in self._connection.execute(query.order_by(letters.c.id))]

    def by_ids(self, household_id: str, letter_ids: Sequence[str]) -> dict[str, Letter]:
        """Return those of the letters that are the household's, by id."""
        query = select(letters).where(letters.c.household_id == household_id, letters.c.id.in_(letter_ids))
        return {row.id: _letter(row) for row in self._connection.execute(query)}

    def newest(self, household_id: str, limit: int, before: str = "~") -> list[Letter]:
        """Return the household's letters, newest first, from those before the id ``before``."""
        query = select(letters).where(letters.c.household_id == household_id, letters.c.id < before)
        return [_letter(row) for row in self._connection.execute(query.order_by(letters.c.id.desc()).limit(limit))]

    def facts_of(self, household_id: str, letter_id: str) -> list[Fact]:
        """Return a letter's facts in the order of its text."""
        query = select(facts).where(facts.c.household_id == household_id, facts.c.letter_id == letter_id)
        return [_fact(row) for row in self._connection.execute(query.order_by(facts.c.char_start, facts.c.kind))]

    def facts_of_letters(self, household_id: str, letter_ids: Sequence[str]) -> dict[str, list[Fact]]:
        """Return the facts of several letters by letter, each in the order of its text."""
        query = select(facts).where(facts.c.household_id == household_id, facts.c.letter_id.in_(letter_ids))
        found: dict[str, list[Fact]] = {letter_id: [] for letter_id in letter_ids}
        for row in self._connection.execute(query.order_by(facts.c.char_start, facts.c.kind)):
            found[row.letter_id].append(_fact(row))
        return found


def _letter(row: Row[Any]) -> Letter:
    return Letter(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for the row as a mapping


def _fact(row: Row[Any]) -> Fact:
    lines = tuple(int(line) for line in row.line_ids.split(",") if line)
    return Fact(row.kind, row.value, row.raw, lines, row.char_start, row.char_end, row.confidence, row.tier)
