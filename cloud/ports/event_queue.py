"""Work that waits: events of the pipeline, each for one stage, kept in the transaction that caused them."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, Protocol

from cloud.ports.database import UnitOfWork

# The stage of the one entry that counts the messages of a device beyond those that are kept.
TOO_MANY = "too_many"


class Event(NamedTuple):
    """Something that happened to the row ``subject_id``; ``not_before`` (Unix ms) delays its stages.

    ``correlation_id`` is "" where it is that of the work at hand (``cloud.correlation``).
    """

    name: str
    household_id: str
    subject_id: str
    not_before: int = 0
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """One event on its way through one stage; ``tries`` counts this one."""

    job_id: str
    stage: str
    event: Event
    tries: int
    correlation_id: str = ""


@dataclass(frozen=True, slots=True)
class Parked:
    """Work that cannot be done, with its reason; kept in the DLQ with what is needed to try again.

    ``household_id`` is None when not even the owner is known.
    """

    stage: str
    reason: str
    household_id: str | None
    subject_id: str
    payload: bytes = b""


class Keeping(StrEnum):
    """How something is kept that cannot be done."""

    WHOLE = "whole"
    """As an entry of its own."""
    REPEATED = "repeated"
    """It equals an entry, which counts it."""
    COUNTED = "counted"
    """Enough of its sender is kept: one entry counts the rest, with the head of the last."""


class Outlet(Protocol):
    """Where work goes that follows from something, or that cannot be done."""

    def put(self, unit_of_work: UnitOfWork, stage: str, *events: Event) -> None:
        """Add a job for ``stage`` for each event in the caller's transaction."""

    def park(self, unit_of_work: UnitOfWork, parked: Parked) -> Keeping:
        """Keep something in the DLQ in the caller's transaction; nobody fills the disk so."""


class EventQueue(Outlet, Protocol):
    """Promises: a job exists once its transaction is committed, and is given out until it is finished or parked."""

    def finish(self, unit_of_work: UnitOfWork, job: Job) -> bool:
        """End the job in the caller's transaction; False when it had ended before (a repeated delivery)."""

    def fail(self, unit_of_work: UnitOfWork, job: Job, reason: str) -> bool:
        """Move the job to the DLQ with its reason; False when it had ended before."""

    def stories(self, unit_of_work: UnitOfWork, stage: str, subject_ids: Sequence[str]) -> list[str]:
        """Return the correlation ids of the stage's jobs about these subjects, oldest first."""
