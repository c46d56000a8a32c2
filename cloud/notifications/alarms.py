"""Alarms: what a household should hear of at once, each told once to each owner."""

from typing import Any

from sqlalchemy import Row

from cloud import correlation
from cloud.accounts.repository import AccountRepository
from cloud.devices.repository import DeviceRegister, DeviceRepository
from cloud.errors import NotFoundError
from cloud.mailbox_events import left_open
from cloud.mailbox_events.left_open import LeftOpenRepository
from cloud.mailbox_events.model import Episode
from cloud.mailbox_events.repository import MailboxEventRepository
from cloud.notifications import wording
from cloud.notifications.model import is_news, is_recent
from cloud.notifications.repository import AlarmRepository
from cloud.notifications.short_mails import SENTENCES, Told, compose
from cloud.notifications.standing import LOW_BATTERY, SILENT, VIBRATION, Alarm, has_ended, is_silent
from cloud.notifications.switches import BATTERY_LOW, MAIL_REMOVED, MAILBOX_OPENED, add_to_list, behaviour_of, is_mailed
from cloud.notifications.written import Written, queue_written
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event
from cloud.ports.ports import Ports

RAISED, COLLECTED = "alarm_raised", "mail_collected"
STORM = (
    "moves more often than hands move it. It is the wind, a loose lid or somebody at the switch; until it is quiet "
    "the board looks only now and then, so openings may be told late. Noticed:"
)


def raise_and_end(unit_of_work: UnitOfWork, listening_since: int) -> list[Event]:
    """End the alarms that are over, raise new ones, tell of open doors; returns what follows: each begins a story."""
    repository, now = AlarmRepository(unit_of_work), unit_of_work.now
    for alarm, standing in repository.raised():
        if has_ended(alarm, standing):
            repository.end_alarm(alarm)
    due = [(one, SILENT) for one in repository.late_devices() if is_silent(one, listening_since, now)]
    low = repository.low_devices()
    for one in low:
        add_to_list(unit_of_work, one.household_id, one.device_id, BATTERY_LOW)
    due += [(one, LOW_BATTERY) for one in low]
    raised = [Event(RAISED, one.household_id, repository.add(one, kind)) for one, kind in due]
    return [one._replace(correlation_id=correlation.new_id()) for one in (*raised, *left_open.tell(unit_of_work))]


def is_due(unit_of_work: UnitOfWork, listening_since: int) -> bool:
    """Return whether an alarm is to be raised or is over."""
    repository, now = AlarmRepository(unit_of_work), unit_of_work.now
    return (
        any(has_ended(alarm, standing) for alarm, standing in repository.raised())
        or any(is_silent(one, listening_since, now) for one in repository.late_devices())
        or repository.low_devices() != []
        or LeftOpenRepository(unit_of_work).untold() != []
    )


def perform(ports: Ports, event: Event) -> list[Written]:
    """Return the e-mail of an alarm or about a door, written to each owner of the household who wants it."""
    with ports.database.read() as unit_of_work:
        told = _of_alarm(unit_of_work, event) if event.name == RAISED else _of_door(unit_of_work, ports, event)
        owners = AccountRepository(unit_of_work).owners(event.household_id) if told else []
        now = unit_of_work.now
    return [compose(owner, told, ports, f"{event.name}.{event.subject_id}", now) for owner in owners if told]


def handle(unit_of_work: UnitOfWork, event: Event, mails: list[Written]) -> list[Event]:
    """Queue the e-mails."""
    return queue_written(unit_of_work, event.household_id, mails, f"{event.name}:{event.subject_id}")


def _episode(unit_of_work: UnitOfWork, event: Event) -> Episode:
    episode = MailboxEventRepository(unit_of_work).episode(event.household_id, event.subject_id)
    if episode is None:
        raise NotFoundError(f"expected an episode, found none with id {event.subject_id}")
    return episode


def _of_alarm(unit_of_work: UnitOfWork, event: Event) -> Told | None:
    """Return what is told of an alarm, None where it was raised too long ago or its device is deleted."""
    alarm = AlarmRepository(unit_of_work).get(event.household_id, event.subject_id)
    if alarm is None:
        raise NotFoundError(f"expected an alarm, found none with id {event.subject_id}")
    row = DeviceRepository(unit_of_work).row(event.household_id, alarm.device_id)
    if row is None or not is_recent(alarm.raised_at, unit_of_work.now):
        return None
    return _of_device(unit_of_work, alarm, row)


def _of_device(unit_of_work: UnitOfWork, alarm: Alarm, row: Row[Any]) -> Told:
    name = DeviceRepository(unit_of_work).mailbox_names(alarm.household_id, [row.mailbox_id])[row.mailbox_id]
    if alarm.kind == SILENT:
        sentence = "has not been heard of for too long; it may be off or out of reach"
        return Told(f"{name}: the {row.kind}", f"{sentence}. Last heard:", row.last_seen)
    if alarm.kind == VIBRATION:
        return Told(f"{name}: the door", STORM, alarm.raised_at)
    health = DeviceRegister(unit_of_work).health(alarm.household_id, alarm.device_id)
    level = f"{row.batt_mv / 1000:.2f} V" if row.batt_mv else f"{health.battery_level if health else 0} %"
    return Told(f"{name}: the {row.kind}", f"has a low battery ({level}); please charge it. Seen:", row.last_seen)


def _of_door(unit_of_work: UnitOfWork, ports: Ports, event: Event) -> Told | None:
    """Return what is told of a door, None where that is news no more or the owner wants to hear nothing of it."""
    episode = _episode(unit_of_work, event)
    if not is_news(episode, unit_of_work.now):
        return None
    name = DeviceRepository(unit_of_work).mailbox_names(event.household_id, [episode.mailbox_id])[episode.mailbox_id]
    if event.name == COLLECTED:
        return Told(f"{name}:", SENTENCES[MAIL_REMOVED], episode.closed_at)
    behaviour = behaviour_of(unit_of_work, event.household_id, episode.board_id)
    return _left_open(name, episode, ports) if is_mailed(behaviour, MAILBOX_OPENED) else None


def _left_open(name: str, episode: Episode, ports: Ports) -> Told:
    if episode.closed_at is None:
        return Told(name, "is open, and has been since:", episode.opened_at)
    if episode.reported_close is None:
        return Told(name, "was left open, and no closing was reported. Opened:", episode.opened_at)
    closed = wording.local(episode.reported_close, ports.time_zone)
    ended = f"was left open, and was closed {wording.weekday(closed)}, {closed:%H:%M}"
    return Told(name, f"{ended}. Opened:", episode.opened_at)
