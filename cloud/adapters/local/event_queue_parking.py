"""What a sender may have parked: equal messages are one entry, and beyond a bound they are only counted."""

import hashlib
from typing import Any

from sqlalchemy import func, select, update

from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import TOO_MANY, Keeping, Parked
from cloud.tables import jobs

MOST_REASON = 1000
PARKED = "parked"
# Of one device in one household: enough to see what is wrong with it, and its disk is not ours to fill.
MOST_ENTRIES, MOST_BYTES = 100, 1_000_000
# Of the last message of those that are only counted.
MOST_HEAD = 500


def keep(unit_of_work: UnitOfWork, parked: Parked, row: dict[str, Any]) -> Keeping:
    """Keep what cannot be done, a new entry as ``row`` (docs/decisions/0132)."""
    if entry_id := _count_equal(unit_of_work, parked):
        keeping = Keeping.REPEATED
    elif _has_room(unit_of_work, parked):
        entry_id = _insert(unit_of_work, row, parked.reason, parked.payload)
        keeping = Keeping.WHOLE
    else:
        entry_id = _count_more(unit_of_work, parked, row)
        keeping = Keeping.COUNTED
    if parked.household_id:
        unit_of_work.note_change(Change(parked.household_id, ChangeKind.PROBLEM, entry_id))
    return keeping


def _count_equal(unit_of_work: UnitOfWork, parked: Parked) -> str | None:
    equal = _its(parked) & (jobs.c.stage == parked.stage) & (jobs.c.payload == parked.payload)
    row = unit_of_work.connection.execute(select(jobs.c.id, jobs.c.tries).where(equal).limit(1)).first()
    if row is None:
        return None
    _again(unit_of_work, row.id, reason=parked.reason, tries=_times(row.tries) + 1)
    return str(row.id)


def _has_room(unit_of_work: UnitOfWork, parked: Parked) -> bool:
    kept = select(func.count(), func.sum(func.length(jobs.c.payload))).where(_its(parked), jobs.c.stage != TOO_MANY)
    count, size = unit_of_work.connection.execute(kept).one()
    return count < MOST_ENTRIES and int(size or 0) + len(parked.payload) <= MOST_BYTES


def _count_more(unit_of_work: UnitOfWork, parked: Parked, row: dict[str, Any]) -> str:
    """Count a message in the one entry of those that are not kept; returns its id."""
    found = select(jobs.c.id, jobs.c.tries).where(_its(parked), jobs.c.stage == TOO_MANY)
    known = unit_of_work.connection.execute(found.limit(1)).first()
    number, head = (_times(known.tries) + 1 if known else 1), parked.payload[:MOST_HEAD]
    reason = (
        f"expected at most {MOST_ENTRIES} kept messages of {MOST_BYTES:,} bytes from this device, got {number:,} more, "
        f"which are only counted until some are dropped or taken; the last, {parked.stage} of {len(parked.payload):,} "
        f"bytes with the SHA-256 {hashlib.sha256(parked.payload).hexdigest()}: {parked.reason}"
    )
    if known is None:
        return _insert(unit_of_work, row | {"stage": TOO_MANY}, reason, head)
    _again(unit_of_work, known.id, reason=reason, tries=number, payload=head)
    return str(known.id)


def _insert(unit_of_work: UnitOfWork, row: dict[str, Any], reason: str, payload: bytes) -> str:
    ended = {"state": PARKED, "reason": reason[:MOST_REASON], "ended_at": unit_of_work.now, "tries": 1}
    unit_of_work.connection.execute(jobs.insert(), row | ended | {"payload": payload})
    return str(row["id"])


def _again(unit_of_work: UnitOfWork, entry_id: str, *, reason: str, **values: object) -> None:
    now = unit_of_work.now
    changed = update(jobs).where(jobs.c.id == entry_id).values(reason=reason[:MOST_REASON], ended_at=now, **values)
    unit_of_work.connection.execute(changed)


def _times(tries: int) -> int:
    """Return how often a message came; those that were parked before this was counted came once."""
    return max(tries, 1)


def _its(parked: Parked) -> Any:
    mine = jobs.c.household_id.is_not_distinct_from(parked.household_id)
    return (jobs.c.subject_id == parked.subject_id[:64]) & (jobs.c.event == "") & (jobs.c.state == PARKED) & mine
