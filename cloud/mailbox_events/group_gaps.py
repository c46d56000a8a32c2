"""The gaps in the journals of a group of boards: looked up at once before, written at once after."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

import orjson
from sqlalchemy import select

from cloud.devices.model import Device, Position
from cloud.mailbox_events.gaps import Gap, expected_before, missing, unplaced, without
from cloud.mailbox_events.model import Journal, MailboxEvent
from cloud.mailbox_events.repository import GAP
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, NAME, GivenRows, by
from cloud.ports.insert_many import insert_many
from cloud.ports.update_many import update_many
from cloud.tables import mailbox_events
from cloud.trouble_tables import event_gaps

# A place in a journal and when that was, in Unix ms, None where it is not looked up.
_Place = tuple[Position, int | None]
# By a board's id and the install.
_Newest = dict[tuple[str, str], _Place | None]

_NAMES = tuple(column.name for column in GAP)
_OPEN = GivenRows(
    lambda _, given, joined: (
        f"SELECT {', '.join(f'event_gaps.{name}' for name in _NAMES)} FROM {given} "  # noqa: S608 - our own names
        f"{joined} event_gaps ON event_gaps.device_id = given.device_id "
        "WHERE event_gaps.household_id = given.household_id AND event_gaps.closed_at IS NULL"
    ),
    device_id=ID,
    household_id=ID,
)
_NEWEST = GivenRows(
    lambda dialect, given, _: (
        "SELECT given.device_id, given.install, (SELECT json_array(event.boot, event.seq, event.occurred_at) "  # noqa: S608 - same
        f"FROM mailbox_events AS event {by(dialect, 'ix_mailbox_events_device_id_install_boot_seq')} "
        # What it brought to another household is none of ours.
        "WHERE event.device_id = given.device_id AND event.household_id = given.household_id "
        f"AND event.install = given.install ORDER BY event.boot DESC, event.seq DESC LIMIT 1) FROM {given}"
    ),
    device_id=ID,
    household_id=ID,
    install=NAME,
)


class GroupGaps:
    """Open gaps in some journals and of their boards, kept in memory until ``flush``."""

    def __init__(self, unit_of_work: UnitOfWork, boards: Sequence[Device], journals: Collection[Journal]) -> None:
        self._unit_of_work = unit_of_work
        self._connection = unit_of_work.connection
        self._households = {board.id: board.household_id for board in boards}
        self._gaps: dict[str, dict[str, Gap]] = {}
        self._stored: dict[str, Gap] = {}
        for gap in self._open_ones():
            self._stored[gap.id] = gap
            self._gaps.setdefault(gap.device_id, {})[gap.id] = gap
        self._lost = {(board.id, its): lost for board in boards for its, lost in known_lost(board).items()}
        self._newest = self._newest_known(boards, journals)

    def take(self, device: Device, event: MailboxEvent) -> None:
        """Note an event that is new: it may be one of the missing, or show that others before it are."""
        if self._gaps.get(device.id):
            self._fill(device, event)
        key = (device.id, event.position.install)
        newest = self._newest[key]
        expected = expected_before(event.position, newest[0] if newest else None)
        if newest and expected:
            self._find(device, event, expected, newest)
        if newest is None or newest[0] < event.position:
            newest = (event.position, event.occurred_at)
        self._newest[key] = newest

    def note_lost(self, device: Device, install: str, lost: int, at: int) -> None:
        """Note how many events the board has dropped so far; those missing in its numbers are among them.

        A board counts since its memory was formatted, so of one install the number never falls: one that does is old.
        """
        lost = self._lost[device.id, install] = max(lost, self._lost.get((device.id, install), 0))
        gaps = self._gaps.get(device.id, {})
        of_install = [gap for gap in gaps.values() if gap.install == install]
        number = unplaced(lost, sum(gap.events for gap in of_install if gap.boot is not None))
        noted = next((gap for gap in of_install if gap.boot is None), None)
        if number == (noted.events if noted else 0):
            return
        if noted and not number:
            del gaps[noted.id]
        elif noted:
            gaps[noted.id] = replace(noted, last=number, until=at)
        else:
            self._add(Gap(self._unit_of_work.new_id(), device.id, install, None, 1, number, None, at))

    def flush(self) -> None:
        """Write what was found, changed and closed."""
        now = self._unit_of_work.now
        current = {gap.id: gap for gaps in self._gaps.values() for gap in gaps.values()}
        new = [gap for gap in current.values() if gap.id not in self._stored]
        changed = [gap for gap in current.values() if self._stored.get(gap.id, gap) != gap]
        closed = [gap for gap in self._stored.values() if gap.id not in current]
        insert_many(self._connection, event_gaps, [self._row(gap) | {"found_at": now} for gap in new])
        update_many(self._connection, event_gaps, [self._row(gap) for gap in changed])
        ended = [{"id": gap.id, "household_id": self._households[gap.device_id], "closed_at": now} for gap in closed]
        update_many(self._connection, event_gaps, ended)
        for gap in (*new, *changed, *closed):
            self._unit_of_work.note_change(Change(self._households[gap.device_id], ChangeKind.GAP, gap.id))
        self._stored = current

    def _fill(self, device: Device, event: MailboxEvent) -> None:
        gaps = self._gaps[device.id]
        for gap in [one for one in gaps.values() if one.has(event.position)]:
            del gaps[gap.id]
            for part in without(gap, event.position.seq, event.occurred_at, self._unit_of_work.new_id()):
                gaps[part.id] = part

    def _find(self, device: Device, event: MailboxEvent, expected: range, newest: _Place) -> None:
        place = event.position
        known = [range(seq, seq + 1) for seq in self._stored_between(device, place, expected)]
        same = [one for one in self._gaps.get(device.id, {}).values() if one.install == place.install]
        known += [range(one.first, one.last + 1) for one in same if one.boot == place.boot]
        since = newest[1] if newest[1] is not None else self._time_of(device, newest[0])
        for part in missing(expected, known):
            until = max(event.occurred_at, since or 0)
            self._add(
                Gap(self._unit_of_work.new_id(), device.id, place.install, place.boot, part[0], part[-1], since, until)
            )

    def _add(self, gap: Gap) -> None:
        self._gaps.setdefault(gap.device_id, {})[gap.id] = gap

    def _row(self, gap: Gap) -> dict[str, object]:
        values: tuple[object, ...] = (
            gap.id,
            gap.device_id,
            gap.install,
            gap.boot,
            gap.first,
            gap.last,
            gap.since,
            gap.until,
        )
        return dict(zip(_NAMES, values, strict=True)) | {"household_id": self._households[gap.device_id]}

    def _open_ones(self) -> list[Gap]:
        return [Gap(*row) for row in _OPEN.read(self._connection, list(self._households.items()))]

    def _newest_known(self, boards: Sequence[Device], journals: Collection[Journal]) -> _Newest:
        """Return the newest place of each journal that is stored for certain: mostly what was acknowledged."""
        newest: _Newest = {(board.id, board.ack.install): (board.ack, None) for board in boards if board.ack}
        others = [tuple(one) for one in journals if (one.device_id, one.install) not in newest]
        for board, install, last in _NEWEST.read(self._connection, others) if others else ():
            newest[board, install] = _read_newest(install, *orjson.loads(last)) if last else None
        return newest

    def _stored_between(self, device: Device, place: Position, expected: range) -> Sequence[int]:
        seq = mailbox_events.c.seq
        between = (mailbox_events.c.boot == place.boot) & (seq >= expected.start) & (seq < expected.stop)
        query = select(seq).where(_journal(device, place.install), between)
        return self._connection.execute(query).scalars().all()

    def _time_of(self, device: Device, place: Position) -> int | None:
        here = (mailbox_events.c.boot == place.boot) & (mailbox_events.c.seq == place.seq)
        query = select(mailbox_events.c.occurred_at).where(_journal(device, place.install), here).limit(1)
        return self._connection.execute(query).scalar_one_or_none()


def _read_newest(install: str, boot: int, seq: int, occurred_at: int) -> _Place:
    return Position(boot, seq, install), occurred_at


def known_lost(board: Device) -> dict[str, int]:
    """Return how many events the board dropped of the install that was acknowledged last, as far as it is known."""
    return {board.ack.install: board.lost or 0} if board.ack else {}


def _journal(device: Device, install: str) -> Any:
    # What it brought to another household is none of ours.
    mine = (mailbox_events.c.device_id == device.id) & (mailbox_events.c.household_id == device.household_id)
    return mine & (mailbox_events.c.install == install)
