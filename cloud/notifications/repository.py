"""All SQL about notifications that were asked for over HTTP, and about alarms."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, func, select, update

from cloud.api.paging import Page
from cloud.devices.model import Device
from cloud.devices.wishes import EMPTY_MV, PERCENT_MV
from cloud.http_tables import device_health, device_settings, notifications
from cloud.mailbox_events.model import TAMPER
from cloud.notifications.standing import CALM_MS, LOW_BATTERY, LOW_BATTERY_MV, SILENT, VIBRATION, Alarm, Standing
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.own_rows import expect_own
from cloud.tables import devices, mailbox_events
from cloud.trouble_tables import alarms


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification; ``sent_at`` in Unix ms is when somebody was told of it, None where nobody was."""

    id: int
    notification_type: str
    sent_at: int | None


class NotificationRepository:
    """The notifications of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._note_change = unit_of_work.note_change
        self._now = unit_of_work.now

    def add(self, device: Device, notification_type: str) -> int:
        """Insert a notification and return its number; raises NotFoundError for another household's device."""
        expect_own(self._connection, device.household_id, (devices, device.id))
        values = {"household_id": device.household_id, "device_id": device.id, "notification_type": notification_type}
        inserted = self._connection.execute(notifications.insert().values(**values, sent_at=self._now))
        number = int(inserted.lastrowid)
        self._note(device.household_id, number)
        return number

    def listed(self, household_id: str, device_id: str, page: Page, kinds: Collection[str] = ()) -> list[Notification]:
        """Return a page of the device's notifications of these types, newest first; of all where none is given."""
        query = select(notifications).where(
            notifications.c.household_id == household_id,
            notifications.c.device_id == device_id,
            notifications.c.id < page.before[1],
            notifications.c.sent_at >= page.since,
            notifications.c.sent_at < page.until,
            *([notifications.c.notification_type.in_(kinds)] if kinds else ()),
        )
        rows = self._connection.execute(query.order_by(notifications.c.id.desc()).limit(page.limit))
        return [Notification(row.id, row.notification_type, row.sent_at if row.is_sent else None) for row in rows]

    def record_unsent(self, household_id: str, number: int) -> None:
        """Note that nobody was told of a notification."""
        chosen = (notifications.c.household_id == household_id) & (notifications.c.id == number)
        self._connection.execute(update(notifications).where(chosen).values(is_sent=False))

    def count(self, household_id: str, device_ids: Collection[str]) -> int:
        """Return how many notifications those of the devices have that are the household's, all together."""
        query = select(func.count()).where(
            notifications.c.household_id == household_id, notifications.c.device_id.in_(sorted(device_ids))
        )
        return int(self._connection.execute(query).scalar_one())

    def remove(self, household_id: str, number: int) -> bool:
        """Delete a notification of the household; False when there is none."""
        chosen = (notifications.c.household_id == household_id) & (notifications.c.id == number)
        is_gone = self._connection.execute(notifications.delete().where(chosen)).rowcount == 1
        if is_gone:
            self._note(household_id, number)
        return is_gone

    def forget_before(self, at: int, most: int) -> int:
        """Delete up to ``most`` notifications, of any household, sent before a time (Unix ms); returns how many."""
        # In the order of their ids, which is that of time: no index needs to be kept for this.
        oldest = select(notifications.c.id, notifications.c.sent_at).order_by(notifications.c.id).limit(most)
        old = [row.id for row in self._connection.execute(oldest) if row.sent_at < at]
        self._connection.execute(notifications.delete().where(notifications.c.id.in_(old)))
        return len(old)

    def _note(self, household_id: str, number: int) -> None:
        self._note_change(Change(household_id, ChangeKind.NOTIFICATION, str(number)))


class AlarmRepository:
    """The alarms of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._unit_of_work = unit_of_work

    def late_devices(self) -> list[Standing]:
        """Return the devices, of whatever household, that are late and of which no alarm tells."""
        now = self._unit_of_work.now
        late = devices.c.last_seen + devices.c.next_s * 1000 < now
        return self._standings(late & ~_has_open(SILENT))

    def low_devices(self) -> list[Standing]:
        """Return the devices, of whatever household, with a low battery, whose owner wants to hear and has not."""
        settings = device_settings.c
        unwanted = select(settings.number).where(settings.device_id == devices.c.id, ~settings.battery_low_notify)
        return self._standings((_BATTERY_MV < _LOW_MV) & ~unwanted.exists() & ~_has_open(LOW_BATTERY))

    def raised(self) -> list[tuple[Alarm, Standing | None]]:
        """Return the alarms that have not ended, each with its device, None for a deleted one."""
        same = (devices.c.id == alarms.c.device_id) & (devices.c.household_id == alarms.c.household_id)
        joined = alarms.outerjoin(devices, same & devices.c.deleted_at.is_(None))
        query = (
            select(*_ALARM, *_standing(self._unit_of_work.now)).select_from(joined).where(alarms.c.ended_at.is_(None))
        )
        rows = [tuple(row) for row in self._connection.execute(query)]
        return [(Alarm(*row[:5]), Standing(*row[5:]) if row[5] else None) for row in rows]

    def add_storm(self, household_id: str, board_id: str) -> str | None:
        """Insert the alarm about a board's door that moves more than hands move it, unless one tells or it is calm.

        The device is held for this transaction, so two that tell of one storm raise one alarm.
        """
        chosen = (devices.c.household_id == household_id) & (devices.c.id == board_id)
        self._connection.execute(select(devices.c.id).where(chosen).with_for_update())
        found = [one for one in self._standings(chosen & ~_has_open(VIBRATION)) if one.is_shaken]
        return self.add(found[0], VIBRATION) if found else None

    def add(self, standing: Standing, kind: str) -> str:
        """Insert an alarm about a device and return its id; raises NotFoundError for another household's."""
        expect_own(self._connection, standing.household_id, (devices, standing.device_id))
        alarm_id, now = self._unit_of_work.new_id(), self._unit_of_work.now
        values = {"household_id": standing.household_id, "device_id": standing.device_id, "kind": kind}
        self._connection.execute(alarms.insert().values(id=alarm_id, **values, raised_at=now))
        self._unit_of_work.note_change(Change(standing.household_id, ChangeKind.DEVICE, standing.device_id))
        return alarm_id

    def end_alarm(self, alarm: Alarm) -> None:
        """End an alarm."""
        chosen = (alarms.c.household_id == alarm.household_id) & (alarms.c.id == alarm.id)
        self._connection.execute(update(alarms).where(chosen).values(ended_at=self._unit_of_work.now))
        self._unit_of_work.note_change(Change(alarm.household_id, ChangeKind.DEVICE, alarm.device_id))

    def get(self, household_id: str, alarm_id: str) -> Alarm | None:
        """Return one alarm."""
        query = select(*_ALARM).where(alarms.c.household_id == household_id, alarms.c.id == alarm_id)
        row = self._connection.execute(query).first()
        return Alarm(*row) if row else None

    def of_devices(self, household_id: str, device_ids: Collection[str]) -> dict[str, list[Alarm]]:
        """Return the alarms that have not ended about those of the devices that are the household's, by device."""
        mine = (alarms.c.household_id == household_id) & alarms.c.device_id.in_(sorted(device_ids))
        query = select(*_ALARM).where(mine, alarms.c.ended_at.is_(None))
        found: dict[str, list[Alarm]] = {}
        for row in self._connection.execute(query.order_by(alarms.c.id)):
            found.setdefault(row.device_id, []).append(Alarm(*row))
        return found

    def _standings(self, which: ColumnElement[bool]) -> list[Standing]:
        query = select(*_standing(self._unit_of_work.now)).where(which, devices.c.deleted_at.is_(None))
        return [Standing(*row) for row in self._connection.execute(query)]


_ALARM = tuple(alarms.c[name] for name in ("id", "household_id", "device_id", "kind", "raised_at"))
_STANDING = tuple(
    devices.c[name].label(f"device_{name}") for name in ("id", "household_id", "last_seen", "next_s", "online")
)
_LEVEL = select(device_health.c.battery_level).where(
    device_health.c.device_id == devices.c.id, device_health.c.battery_level.is_not(None)
)
_THRESHOLD = select(device_settings.c.battery_threshold).where(device_settings.c.device_id == devices.c.id)
# A board says its voltage, what reports over HTTP how full it is.
_BATTERY_MV = func.coalesce(
    devices.c.batt_mv,
    EMPTY_MV + PERCENT_MV * _LEVEL.order_by(device_health.c.id.desc()).limit(1).scalar_subquery(),
)
# The same as ``Registered.low_mv``.
_LOW_MV = func.coalesce(
    cast(func.json_extract(devices.c.settings, "$.battery_low_mv"), BigInteger),
    EMPTY_MV + PERCENT_MV * _THRESHOLD.scalar_subquery(),
    LOW_BATTERY_MV,
)


def _standing(now: int) -> tuple[ColumnElement[Any], ...]:
    """Return the columns of a ``Standing``."""
    shaken = select(mailbox_events.c.id).where(
        mailbox_events.c.household_id == devices.c.household_id,
        mailbox_events.c.device_id == devices.c.id,
        mailbox_events.c.occurred_at > now - CALM_MS,
        mailbox_events.c.event_type == TAMPER,
    )
    return (*_STANDING, _BATTERY_MV.label("batt_mv"), _LOW_MV.label("low_mv"), shaken.exists().label("is_shaken"))


def _has_open(kind: str) -> ColumnElement[bool]:
    mine = (alarms.c.device_id == devices.c.id) & (alarms.c.kind == kind) & alarms.c.ended_at.is_(None)
    return select(alarms.c.id).where(mine).exists()
