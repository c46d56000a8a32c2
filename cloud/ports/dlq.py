"""The DLQ: work and messages that could not be done, kept with the reason until somebody decides."""

from dataclasses import dataclass
from typing import Protocol

from cloud.ports.database import UnitOfWork


@dataclass(frozen=True, slots=True)
class Entry:
    """A job, or a device message (``event`` is "" then), as it was when it was parked; times in Unix ms.

    A message may have come ``times`` times, first at ``came_at``, last at ``parked_at``.

    ``subject_id`` is the row that a job is about, and the thing that a message is of. ``household_id`` is None where
    not even the owner is known. ``story`` are the correlation ids by which the log tells of it.
    """

    id: str
    household_id: str | None
    stage: str
    event: str
    subject_id: str
    reason: str
    came_at: int
    parked_at: int
    times: int
    story: str


@dataclass(frozen=True, slots=True)
class WholeEntry(Entry):
    """An entry with the message itself, which lists leave out."""

    payload: bytes


class Dlq(Protocol):
    """Promises: of several who take an entry out at once, one does; its transaction decides what becomes of it."""

    def entries(self, unit_of_work: UnitOfWork, limit: int, reason: str = "", before: str = "~") -> list[Entry]:
        """Return entries of all households whose reason holds ``reason``, newest first from those before an id."""

    def of_household(self, unit_of_work: UnitOfWork, household_id: str, limit: int) -> list[Entry]:
        """Return the household's entries, newest first; those of no known household are the operator's."""

    def count(self, unit_of_work: UnitOfWork, reason: str = "") -> int:
        """Return how many entries of all households there are whose reason holds ``reason``."""

    def entry(self, unit_of_work: UnitOfWork, entry_id: str, household_id: str | None = None) -> WholeEntry | None:
        """Return one entry; with a household only if it is that household's."""

    def put_back(self, unit_of_work: UnitOfWork, entry: Entry) -> bool:
        """Let a job wait for its stage as if it were new; False when it is parked no longer."""

    def take_out(self, unit_of_work: UnitOfWork, entry: Entry) -> bool:
        """End an entry for good; False when it is parked no longer."""

    def park_again(self, unit_of_work: UnitOfWork, entry: Entry, reason: str) -> None:
        """Keep an entry that was taken out in this transaction after all, for another reason."""
