"""Trying again what lies in the DLQ: once for each entry, however many ask at once."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from cloud import pipeline
from cloud.bootstrap import Application
from cloud.devices.repository import DeviceRepository
from cloud.errors import NotFoundError
from cloud.pipeline import STAGES
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import DeviceMessage, Downlink
from cloud.ports.dlq import Entry, WholeEntry
from cloud.ports.event_queue import Event, EventQueue, Keeping, Parked
from firmware.wire import topics

PAGE = 200


class Outcome(StrEnum):
    """What became of an entry."""

    QUEUED = "queued"
    """A job: a worker does it as if it were new."""
    TAKEN = "taken"
    """A message: stored as if it had just come."""
    PARKED = "parked"
    """A message that was refused again: the entry stays, with the new reason."""
    IMPOSSIBLE = "impossible"
    """Nothing to try again was kept."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one entry, why, and the answers to devices that follow from it."""

    entry: Entry
    outcome: Outcome
    reason: str = ""
    downlinks: tuple[Downlink, ...] = ()


def is_replayable(stage: str, event: str) -> bool:
    """Return whether enough was kept of an entry to try it again: the bytes of a refused upload were not."""
    return stage in STAGES if event else stage in topics.UP


def replay(app: Application, entry_id: str, household_id: str | None = None) -> Replayed:
    """Try one entry again, in one transaction; raises NotFoundError when it is parked no longer.

    With a household only an entry of its own is found.
    """
    with app.database.write() as unit_of_work:
        entry = app.dlq.entry(unit_of_work, entry_id, household_id)
        if entry is None:
            raise _not_found(entry_id)
        if not is_replayable(entry.stage, entry.event):
            return Replayed(entry, Outcome.IMPOSSIBLE, f"nothing of {entry.stage} was kept that could be tried again")
        return _put_back(app, unit_of_work, entry) if entry.event else _take(app, unit_of_work, entry)


def replay_all(app: Application, reason: str = "") -> Iterator[Replayed]:
    """Try every entry whose reason holds ``reason`` again, newest first; those of later are not seen."""
    before = "~"
    while True:
        with app.database.read() as unit_of_work:
            entries = app.dlq.entries(unit_of_work, PAGE, reason, before)
        if not entries:
            return
        for entry in entries:
            with contextlib.suppress(NotFoundError):  # somebody else was quicker
                yield replay(app, entry.id)
        before = entries[-1].id


def _put_back(app: Application, unit_of_work: UnitOfWork, entry: Entry) -> Replayed:
    if not app.dlq.put_back(unit_of_work, entry):
        raise _not_found(entry.id)
    revive = STAGES[entry.stage].revive
    if revive and entry.household_id:
        revive(unit_of_work, Event(entry.event, entry.household_id, entry.subject_id))
    return Replayed(entry, Outcome.QUEUED)


def _take(app: Application, unit_of_work: UnitOfWork, entry: WholeEntry) -> Replayed:
    """Store a message with the time of its arrival, from which its ages count.

    Only the running server can answer the device, and this may be another process: a job asks it to.
    """
    if not app.dlq.take_out(unit_of_work, entry):
        raise _not_found(entry.id)
    message = DeviceMessage(entry.subject_id, entry.stage, entry.payload, entry.came_at)
    refusals = _Refusals(app.queue)
    downlinks = pipeline.take(app.ports, refusals, unit_of_work, [message])
    pipeline.put_all(app.queue, unit_of_work, _owed(unit_of_work, downlinks))
    if not refusals.reasons:
        return Replayed(entry, Outcome.TAKEN, downlinks=tuple(downlinks))
    reason = "; ".join(refusals.reasons)
    app.dlq.park_again(unit_of_work, entry, reason)
    return Replayed(entry, Outcome.PARKED, reason, tuple(downlinks))


def _owed(unit_of_work: UnitOfWork, downlinks: Sequence[Downlink]) -> list[Event]:
    """Return what makes the server tell devices what they should do; a grant that is lost is asked for again."""
    things = {link.thing for link in downlinks if link.kind == topics.DESIRED}
    devices = DeviceRepository(unit_of_work).by_things(things)
    return [Event("answer_owed", device.household_id, device.id) for device in devices.values()]


def _not_found(entry_id: str) -> NotFoundError:
    return NotFoundError(f"expected an entry of the DLQ, found none with id {entry_id}")


@dataclass(frozen=True, slots=True)
class _Refusals:
    """The queue, but what is parked is only noted: it has its entry already."""

    queue: EventQueue
    reasons: list[str] = field(default_factory=list)

    def put(self, unit_of_work: UnitOfWork, stage: str, *events: Event) -> None:
        self.queue.put(unit_of_work, stage, *events)

    def park(self, _unit_of_work: UnitOfWork, parked: Parked) -> Keeping:
        self.reasons.append(parked.reason)
        return Keeping.REPEATED
