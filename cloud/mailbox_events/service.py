"""Use cases of mailbox events: taking a board's report, and choosing what the gateway photographs next."""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from cloud.accounts.callers import OUTDATED, Claim, OutdatedClaimError, outdated
from cloud.devices.battery.service import note_reports
from cloud.devices.gateways import GatewayRepository
from cloud.devices.model import Device, Placed, Position, Report, Said, Taken, desired, moved_watermark, next_rev
from cloud.devices.registration import unknown_device
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.devices.service import render_desired
from cloud.errors import ConflictError, RefusedError
from cloud.mailbox_events.group import GroupRepository
from cloud.mailbox_events.group_gaps import GroupGaps, known_lost
from cloud.mailbox_events.model import (
    CLOSE,
    HTTP_INSTALL,
    OPEN,
    STILL_OPEN,
    TAMPER,
    DoorEvent,
    HttpReport,
    Journal,
    MailboxEvent,
    http_event,
    http_time,
    read_event,
    read_position,
)
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event
from cloud.ports.group_work import Means


def take_events(unit_of_work: UnitOfWork, said: Sequence[Said], settle_ms: int) -> list[Taken]:
    """Store what boards report, each event once, and move their ack watermarks, in the order the reports came.

    A time that cannot be right becomes a fault. Each board is answered once, with its last report.
    """
    read = [_read(one) for one in said]
    boards = {one.device.id: one.device for one in said}
    named = [(one.device.id, event.event_id) for one, events in zip(said, read, strict=True) for event in events]
    journals = _journals(said, read)
    group = GroupRepository(unit_of_work, journals, named)
    gaps = GroupGaps(unit_of_work, list(boards.values()), journals)
    taken = [_take(group, gaps, one, events, settle_ms) for one, events in zip(said, read, strict=True)]
    group.flush()
    gaps.flush()
    reports = _of_boards(said, read, unit_of_work.now)
    DeviceRepository(unit_of_work).record_reports(reports)
    note_reports(unit_of_work, [one for one in said if not one.is_retained])
    downlinks = {board.id: [desired(board)] for board, _, _ in reports}
    _request_captures(unit_of_work, [one.device for one, its in zip(said, taken, strict=True) if its.events], downlinks)
    last = {one.device.id: place for place, one in enumerate(said)}
    return [
        its._replace(downlinks=tuple(downlinks[one.device.id])) if last[one.device.id] == place else its
        for place, (one, its) in enumerate(zip(said, taken, strict=True))
    ]


class Reported(NamedTuple):
    """A report over HTTP, and the claim of who sent it if they are only presumed."""

    report: HttpReport
    claim: Claim | None


class HttpTaken(NamedTuple):
    """What came of reports over HTTP: each one's number or its refusal, what follows, and what gateways are told."""

    answers: tuple[int | RefusedError, ...]
    events: tuple[Event, ...]
    downlinks: tuple[Downlink, ...]


def take_http_events(unit_of_work: UnitOfWork, reports: Sequence[HttpReport], settle_ms: int) -> HttpTaken:
    """Store events that came over HTTP, each once; a report that is refused leaves no trace and harms no other."""
    register = DeviceRegister(unit_of_work)
    devices = register.numbered({(one.household_id, one.number) for one in reports})
    boards = list(devices.values())
    ids = {key: board.id for key, board in devices.items()}
    names = {one: (ids.get((one.household_id, one.number), ""), one.event_id) for one in reports}
    named = [name for one, name in names.items() if one.may_be_stored]
    journals = [Journal(board.id, board.household_id, HTTP_INSTALL) for board in boards]
    group = GroupRepository(unit_of_work, journals, named)
    following: dict[str, list[Event]] = {board.id: [] for board in boards}
    refused: dict[HttpReport, RefusedError] = {}
    for report in reports:
        try:
            device = _device_of(devices, report)
            following[device.id] += _take_http(group, device, report, unit_of_work.now + settle_ms)
        except RefusedError as error:
            refused[report] = error
    taken = [names[one] for one in reports if one not in refused]
    numbers = group.flush_numbered(taken)
    heard = {device_id for device_id, _ in taken}
    register.touch([board for board in boards if board.id in heard])
    downlinks: dict[str, list[Downlink]] = {board.id: [] for board in boards}
    _request_captures(unit_of_work, [board for board in boards if following[board.id]], downlinks)
    return HttpTaken(
        tuple(refused.get(one) or numbers[names[one]] for one in reports),
        tuple(event for events in following.values() for event in events),
        tuple(downlink for its in downlinks.values() for downlink in its),
    )


def take_reports(means: Means, asked: Sequence[Reported]) -> HttpTaken:
    """Check again who reports, store it and put the jobs that follow, all in one transaction; without its events."""
    with means.database.write() as unit_of_work:
        outdated_claims = outdated(unit_of_work, {one.claim for one in asked if one.claim})
        reports = [one.report for one in asked if one.claim not in outdated_claims]
        taken = take_http_events(unit_of_work, reports, means.settle_ms)
        means.put(unit_of_work, list(taken.events))
    answers = iter(taken.answers)
    return HttpTaken(
        tuple(OutdatedClaimError(OUTDATED) if one.claim in outdated_claims else next(answers) for one in asked),
        (),
        taken.downlinks,
    )


def unsure(asked: tuple[Reported, ...]) -> tuple[Reported, ...]:
    """Return reports of which each may be stored already."""
    return tuple(one._replace(report=one.report._replace(may_be_stored=True)) for one in asked)


def request_next_capture(unit_of_work: UnitOfWork, household_id: str, mailbox_id: str) -> list[Downlink]:
    """Tell the mailbox's gateway what to photograph now, the oldest close it has not answered; returns what changed."""
    devices, downlinks = DeviceRepository(unit_of_work), []
    for place, gateway in enumerate(GatewayRepository(unit_of_work).hold(household_id, mailbox_id)):
        asked = place == 0 and DeviceRegister(unit_of_work).photographs(gateway)
        waiting = MailboxEventRepository(unit_of_work).waiting_for_images(gateway) if asked else None
        capture = None
        if waiting:
            capture = json.dumps({"event_id": waiting.close_event_id, "kind": CLOSE, "at": waiting.closed_at})
        if capture != gateway.capture:
            devices.set_capture(gateway, capture)
            downlinks += render_desired(unit_of_work, gateway)
    return downlinks


class _Intake(NamedTuple):
    """Makes episodes of door events by their place in the journal, in whatever order they arrive."""

    repository: GroupRepository
    device: Placed
    received_at: int
    settle_at: int
    correlation_id: str

    def take(self, event: MailboxEvent) -> list[Event]:
        """Store an event; returns an event for every episode that ended by it."""
        before = self.repository.door_event(self.device, event.position, later=False)
        after = self.repository.door_event(self.device, event.position, later=True)
        running = before.episode_id if before and before.event_type == OPEN else None
        episode_id, ended = running, list[str]()
        if event.event_type == OPEN:
            episode_id, ended = self._open(event, running, after)
        elif event.event_type == CLOSE:
            episode_id, ended = self._close(event, running, after)
        elif event.event_type == TAMPER:
            episode_id, ended = self._shaken(event, before)
        self.repository.add(self.device, event, self.received_at, episode_id)
        following = [self._event("episode_closed", one, self.settle_at) for one in ended]
        if event.event_type == STILL_OPEN and running and after is None:
            following.append(self._event("door_left_open", running))
        if event.event_type == TAMPER and episode_id:
            following.append(self._event("door_shaken", episode_id))
        return following

    def _open(self, event: MailboxEvent, running: str | None, after: DoorEvent | None) -> tuple[str, list[str]]:
        if after and after.event_type == CLOSE:
            self._open_late(after.episode_id, event)
            return after.episode_id, []
        # A door cannot be opened twice: what is still open was closed without our hearing of it.
        if after is None:
            ended = self._end_running(event)
        else:
            ended = [running] if running and self._end(running, event) else []
        episode_id = self.repository.add_episode(self.device, opened_at=event.occurred_at)
        if after and self._end(episode_id, event):
            ended.append(episode_id)
        return episode_id, ended

    def _open_late(self, episode_id: str, event: MailboxEvent) -> None:
        """Note the opening of an episode whose close was heard of first."""
        episode = self.repository.episode(self.device.household_id, episode_id)
        if episode and episode.opened_at is None:
            self._change(episode_id, opened_at=min(event.occurred_at, episode.closed_at or event.occurred_at))

    def _close(self, event: MailboxEvent, running: str | None, after: DoorEvent | None) -> tuple[str, list[str]]:
        """Close the episode; one whose opening was never heard of is made here."""
        closed = {"closed_at": event.occurred_at, "close_event_id": event.event_id, "settle_at": self.settle_at}
        episode = self.repository.episode(self.device.household_id, running) if running else None
        if episode is None or episode.close_event_id is not None:
            episode_id = self.repository.add_episode(self.device, **closed)
        else:
            episode_id = episode.id
            self._change(episode_id, **closed)
        return episode_id, [episode_id, *(self._end_running(event) if after is None else ())]

    def _shaken(self, event: MailboxEvent, before: DoorEvent | None) -> tuple[str, list[str]]:
        """Return the episode of the movement that was too many; one of its own where that was never heard of."""
        if before:
            return before.episode_id, []
        alone = self.repository.add_episode(self.device, closed_at=event.occurred_at, settle_at=self.settle_at)
        return alone, [alone]

    def _end_running(self, event: MailboxEvent) -> list[str]:
        return [one for one in self.repository.running(self.device) if self._end(one, event)]

    def _end(self, episode_id: str, event: MailboxEvent) -> bool:
        """End an episode whose close is missing; False when it has ended."""
        episode = self.repository.episode(self.device.household_id, episode_id)
        if episode is None or episode.closed_at is not None:
            return False
        self._change(episode_id, closed_at=event.occurred_at, settle_at=self.settle_at)
        return True

    def _event(self, name: str, episode_id: str, not_before: int = 0) -> Event:
        return Event(name, self.device.household_id, episode_id, not_before, self.correlation_id)

    def _change(self, episode_id: str, **values: object) -> None:
        self.repository.change_episode(self.device.household_id, episode_id, **values)


def _device_of(devices: dict[tuple[str, int], Placed], report: HttpReport) -> Placed:
    device = devices.get((report.household_id, report.number))
    if device is None:
        raise unknown_device(report.number)
    return device


def _take_http(group: GroupRepository, device: Placed, report: HttpReport, settle_at: int) -> list[Event]:
    known = group.known_type(device, report.event_id)
    if known == report.event_type:
        return []
    if known is not None:
        raise ConflictError(f"event_id: expected that of a new event, got that of the {known} before")
    occurred_at = http_time(report, group.now)
    event = http_event(report, occurred_at, group.next_place(device, HTTP_INSTALL, occurred_at))
    intake = _Intake(group, device, group.now, settle_at, report.correlation_id)
    return intake.take(*group.unknown(device, [event]))


def _read(one: Said) -> list[MailboxEvent]:
    message = one.message
    return [read_event(item, message["install"], message["boot"], one.received_at) for item in message["events"]]


def _journals(said: Sequence[Said], read: Sequence[Sequence[MailboxEvent]]) -> list[Journal]:
    """Return the journals that the events are of, each once."""
    each = {
        Journal(one.device.id, one.device.household_id, event.position.install)
        for one, events in zip(said, read, strict=True)
        for event in events
    }
    return sorted(each)


def _take(group: GroupRepository, gaps: GroupGaps, one: Said, events: Sequence[MailboxEvent], settle_ms: int) -> Taken:
    intake = _Intake(group, one.device, one.received_at, one.received_at + settle_ms, one.correlation_id)
    new = group.unknown(one.device, events)
    following = tuple(following for event in new for following in intake.take(event))
    for event in new:
        gaps.take(one.device, event)
    gaps.note_lost(one.device, one.message["install"], one.message["lost"], events[0].occurred_at)
    return Taken(following, faults=tuple(f"{event.event_id}: {event.time_fault}" for event in new if event.time_fault))


def _request_captures(unit_of_work: UnitOfWork, boards: Sequence[Placed], into: dict[str, list[Downlink]]) -> None:
    """Let the gateways beside these boards photograph; what changed is answered with the board's."""
    mailboxes = {board.mailbox_id: board for board in boards}
    for mailbox_id in sorted(GatewayRepository(unit_of_work).mailboxes_with_one(mailboxes)) if mailboxes else ():
        board = mailboxes[mailbox_id]
        into[board.id] += request_next_capture(unit_of_work, board.household_id, mailbox_id)


def _of_boards(
    said: Sequence[Said], read: Sequence[Sequence[MailboxEvent]], now: int
) -> list[tuple[Device, Report, int | None]]:
    """Return each board as its reports leave it, with what they say of it and when the last one arrived."""
    by_board: dict[str, list[tuple[Said, Position]]] = {}
    for one, events in zip(said, read, strict=True):
        by_board.setdefault(one.device.id, []).append((one, events[-1].position))
    return [_of_board(reports, now) for reports in by_board.values()]


def _of_board(reports: Sequence[tuple[Said, Position]], now: int) -> tuple[Device, Report, int | None]:
    """Return a board as its reports leave it; a copy of one brings its events, but says nothing of how the board is."""
    device, heard_at = reports[-1][0].device, None
    ack, report, lost = device.ack, Report(firmware=device.firmware), known_lost(device)
    for one, position in reports:
        ack = moved_watermark(ack, read_position(one.message.get("after")), position) or ack
        lost[position.install] = max(lost.get(position.install, 0), one.message["lost"])
        if not one.is_retained:
            report, heard_at = _report(one.message, report), one.received_at
    if ack:
        report = report._replace(lost=lost.get(ack.install))
    rev = next_rev(device.desired_rev, now)
    return device._replace(ack=ack, desired_rev=rev, firmware=report.firmware), report, heard_at


def _report(message: dict[str, Any], earlier: Report) -> Report:
    return Report(
        firmware=message["fw"],
        batt_mv=message.get("batt_mv", earlier.batt_mv),
        rssi=message.get("rssi", earlier.rssi),
    )
