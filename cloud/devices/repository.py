"""All SQL about mailboxes and devices."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, fields
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Row, Select, bindparam, select, update

from cloud.devices.model import Certificate, Device, Placed, PlacedDevice, Position, Report, next_rev
from cloud.devices.profile import Behaviour, Health, Registered
from cloud.http_tables import device_health, device_settings
from cloud.ports.changes import Change, ChangeKind
from cloud.ports.database import UnitOfWork
from cloud.ports.given_rows import ID, NAME, GivenRows, by, held
from cloud.ports.own_rows import expect_own
from cloud.ports.update_many import update_many
from cloud.tables import devices, mailboxes
from firmware.wire.topics import is_thing

HOUR_MS = 3_600_000
NOT_DELETED = devices.c.deleted_at.is_(None)


class DeviceRepository:
    """Mailboxes and devices of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now
        self._note_change = unit_of_work.note_change

    def add_mailbox(self, mailbox_id: str, household_id: str, name: str) -> None:
        """Insert a mailbox."""
        self._connection.execute(
            mailboxes.insert().values(id=mailbox_id, household_id=household_id, name=name, created_at=self._now)
        )

    def mailbox_by_name(self, household_id: str, name: str) -> str | None:
        """Return the id of the household's mailbox of this name."""
        query = select(mailboxes.c.id).where(mailboxes.c.household_id == household_id, mailboxes.c.name == name)
        return self._connection.execute(query).scalar_one_or_none()

    def mailbox_names(self, household_id: str, mailbox_ids: Collection[str]) -> dict[str, str]:
        """Return the names of those of the mailboxes that are the household's, by their ids."""
        query = select(mailboxes.c.id, mailboxes.c.name).where(mailboxes.c.household_id == household_id)
        rows = self._connection.execute(query.where(mailboxes.c.id.in_(sorted(set(mailbox_ids)))))
        return {row.id: row.name for row in rows}

    def add(self, device: Device, certificate_serial: str, chip: str | None = None) -> None:
        """Insert a device, of a board with the chip it was provisioned for.

        Raises NotFoundError for a mailbox of another household.
        """
        expect_own(self._connection, device.household_id, (mailboxes, device.mailbox_id))
        self._connection.execute(
            devices.insert().values(
                id=device.id,
                household_id=device.household_id,
                mailbox_id=device.mailbox_id,
                thing=device.thing,
                kind=device.kind,
                name=device.name,
                certificate_serial=certificate_serial,
                created_at=self._now,
                settings=device.settings,
                chip=chip,
            )
        )
        numbered = {"household_id": device.household_id, "device_id": device.id, "updated_at": self._now}
        self._connection.execute(device_settings.insert().values(**numbered, is_active=True, **asdict(Behaviour())))
        self._note_change(_changed(device))

    def by_thing(self, thing: str) -> Device | None:
        """Return the device that the broker knows as ``thing``; without a household, for the broker knows none."""
        row = self._connection.execute(select(devices).where(devices.c.thing == thing, NOT_DELETED)).first()
        return read_device(row) if row else None

    def by_things(self, things: Iterable[str]) -> dict[str, Device]:
        """Return the devices that the broker knows by these names, held for this transaction.

        Two processes that take reports of the same board do so one after the other.
        """
        rows = _NAMED.read(self._connection, [(one,) for one in sorted(set(things)) if is_thing(one)])
        known = (_known(*orjson.loads(row)) for (row,) in rows)
        return {device.thing: device for device in known}

    def get(self, household_id: str, device_id: str) -> Device | None:
        """Return one device of a household."""
        query = select(devices).where(devices.c.household_id == household_id, devices.c.id == device_id, NOT_DELETED)
        row = self._connection.execute(query).first()
        return read_device(row) if row else None

    def certificate(self, household_id: str, device_id: str) -> Certificate | None:
        """Return what a device shows the broker, also one that is deleted."""
        query = select(devices.c.thing, devices.c.certificate_serial).where(
            devices.c.household_id == household_id, devices.c.id == device_id
        )
        row = self._connection.execute(query).first()
        return Certificate(row.thing, row.certificate_serial) if row else None

    def row(self, household_id: str, device_id: str) -> Row[Any] | None:
        """Return every column of one of the household's devices."""
        query = select(devices).where(devices.c.household_id == household_id, devices.c.id == device_id, NOT_DELETED)
        return self._connection.execute(query).first()

    def all_devices(self) -> list[Device]:
        """Return every device of every household: the server republishes ``desired`` at start."""
        query = select(devices).where(NOT_DELETED).order_by(devices.c.id)
        return [read_device(row) for row in self._connection.execute(query)]

    def record(self, device: Device, report: Report, received_at: int) -> None:
        """Store what a device said of itself."""
        said: dict[str, object] = {name: value for name, value in report._asdict().items() if value is not None}
        self._update(device, said | {"last_seen": received_at})

    def record_status(self, device: Device, report: Report, received_at: int) -> None:
        """Store whether a gateway is connected.

        What repeats the row is the broker's retained copy, and ``online: false`` its last will: no signs of life.
        """
        query = select(devices.c.online).where(devices.c.household_id == device.household_id, devices.c.id == device.id)
        was_online = self._connection.execute(query).scalar_one()
        values: dict[str, object] = {"online": report.online}
        if report.firmware is not None:
            values["firmware"] = report.firmware
        if report.online and not was_online:
            values["last_seen"] = received_at
        self._update(device, values)

    def record_reports(self, reports: Sequence[tuple[Device, Report, int | None]]) -> None:
        """Store boards' states with their ack watermarks and revisions, what they said, and when (copies: None)."""
        columns = ("desired_rev", "ack_install", "ack_boot", "ack_seq")
        of: dict[tuple[str, ...], list[dict[str, object]]] = {}
        for device, report, received_at in reports:
            said = {name: value for name, value in report._asdict().items() if value is not None}
            heard = {} if received_at is None else {"last_seen": received_at}
            said |= heard | dict(zip(columns, _delivered(device), strict=True))
            row = said | {"id": device.id, "household_id": device.household_id}
            self._note_change(_changed(device))
            of.setdefault(tuple(row), []).append(row)
        for rows in of.values():
            update_many(self._connection, devices, rows)

    def set_capture(self, device: Device, capture: str | None) -> None:
        """Set what a gateway has to photograph now (JSON of the wire contract's ``capture``)."""
        self._update(device, {"capture": capture, "desired_rev": self._rev(device)})

    def set_wishes(self, device: Device, wishes: dict[str, Any]) -> None:
        """Set the settings that a board is to take, by its own names."""
        values = {"settings": json.dumps(wishes, sort_keys=True), "desired_rev": self._rev(device)}
        self._update(device, values)

    def set_offer(self, device: Device, offered: str | None) -> None:
        """Set the firmware that a board may have (JSON of the wire contract's ``update``)."""
        self._update(device, {"offered": offered, "desired_rev": self._rev(device)})

    def _rev(self, device: Device) -> int:
        chosen = (devices.c.household_id == device.household_id) & (devices.c.id == device.id)
        query = select(devices.c.desired_rev).where(chosen).with_for_update()
        return next_rev(self._connection.execute(query).scalar_one(), self._now)

    def _update(self, device: Device, values: dict[str, object]) -> None:
        chosen = (devices.c.household_id == device.household_id) & (devices.c.id == device.id)
        if self._connection.execute(update(devices).where(chosen).values(**values)).rowcount:
            self._note_change(_changed(device))


# The settings of a deleted device are gone, its number with them.
_IDS = select(device_settings.c.household_id, device_settings.c.number, device_settings.c.device_id).where(
    device_settings.c.number.in_(bindparam("numbers", expanding=True))
)
_TOUCH = (
    update(devices)
    .where(
        devices.c.id.in_(bindparam("ids", expanding=True)),
        devices.c.household_id.in_(bindparam("households", expanding=True)),
    )
    .values(last_seen=bindparam("now"))
)
_READ = ", ".join(
    f"devices.{name}"
    for name in (
        *("id", "household_id", "mailbox_id", "thing", "kind", "name"),
        *("desired_rev", "ack_install", "ack_boot", "ack_seq", "settings", "capture", "offered", "firmware", "lost"),
    )
)
# Built once: that takes longer than to run them.
# Neither sorts: that would need a table of its own for texts as long as these may be.
_NUMBERED = GivenRows(
    lambda dialect, given, joined: (
        "SELECT given.number, devices.id, devices.household_id, devices.mailbox_id "  # noqa: S608 - our own names
        f"FROM {given} "
        f"{joined} device_settings {by(dialect, 'PRIMARY')} ON device_settings.number = given.number "
        f"{joined} devices {by(dialect, 'PRIMARY')} ON devices.id = device_settings.device_id "
        "WHERE devices.household_id = given.household_id AND devices.deleted_at IS NULL "
        f"{held(dialect, 'device_settings', 'devices')}"
    ),
    household_id=ID,
    number="BIGINT",
)
_NAMED = GivenRows(
    lambda dialect, given, joined: (
        f"SELECT json_array({_READ}) FROM {given} "  # noqa: S608 - same
        f"{joined} devices {by(dialect, 'uq_devices_thing')} ON devices.thing = given.thing "
        f"WHERE devices.deleted_at IS NULL {held(dialect, 'devices')}"
    ),
    thing=NAME,
)


def _known(*columns: Any) -> Device:
    """Return a device of ``_READ``, by place and of one text: names, and values alone, cost more for so many rows."""
    ack = Position(columns[8], columns[9], columns[7]) if columns[7] else None
    fields: tuple[Any, ...] = (*columns[:7], ack, *columns[10:])
    return Device(*fields)


def _delivered(device: Device) -> tuple[object, ...]:
    ack = device.ack
    return (device.desired_rev, *((ack.install, ack.boot, ack.seq) if ack else (None, None, None)))


class DeviceRegister:
    """The numbered devices of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now
        self._note_change = unit_of_work.note_change

    def get(self, household_id: str, number: int, *, held: bool = False) -> Registered | None:
        """Return one device of a household, ``held`` as it is until this transaction ends if asked for."""
        query = registered_of(household_id, device_settings.c.number == number)
        row = self._connection.execute(query.with_for_update() if held else query).first()
        return read_registered(row) if row else None

    def numbered(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], Placed]:
        """Return the devices of these households and numbers, held for this transaction.

        Two processes that take reports of the same device do so one after the other.
        """
        rows = _NUMBERED.read(self._connection, sorted(wanted))
        placed = ((number, PlacedDevice(*its)) for number, *its in rows)
        return {(device.household_id, number): device for number, device in placed}

    def ids(self, wanted: Collection[tuple[str, int]]) -> dict[tuple[str, int], str]:
        """Return the ids of the devices of these households and numbers."""
        rows = self._connection.execute(_IDS, {"numbers": sorted({number for _, number in wanted})})
        found = {(row.household_id, row.number): row.device_id for row in rows}
        return {key: device_id for key, device_id in found.items() if key in wanted}

    def number(self, device: Device) -> int:
        """Return the device's number in its household."""
        mine = device_settings.c.household_id == device.household_id
        query = select(device_settings.c.number).where(mine, device_settings.c.device_id == device.id)
        return int(self._connection.execute(query).scalar_one())

    def photographs(self, gateway: Device) -> bool:
        """Return whether the household wants images of this gateway: active, and deliveries photographed."""
        wanted = (device_settings.c.is_active, device_settings.c.capture_image_on_delivery)
        mine = device_settings.c.household_id == gateway.household_id
        row = self._connection.execute(select(*wanted).where(mine, device_settings.c.device_id == gateway.id)).first()
        return row is not None and all(row)

    def behaviour(self, household_id: str, device_id: str) -> Behaviour | None:
        """Return what the owner sets of a device."""
        query = select(*BEHAVIOUR).where(device_settings.c.household_id == household_id)
        row = self._connection.execute(query.where(device_settings.c.device_id == device_id)).first()
        return Behaviour(*row) if row else None

    def change(self, device: Device, **values: object) -> None:
        """Update what the owner sets."""
        chosen = (device_settings.c.household_id == device.household_id) & (device_settings.c.device_id == device.id)
        self._connection.execute(update(device_settings).where(chosen).values(**values, updated_at=self._now))
        self._note_change(_changed(device))

    def rename(self, device: Device, name: str) -> None:
        """Give the device another name."""
        self._change_device(device, name=name)

    def touch(self, heard: Sequence[Placed]) -> None:
        """Note that devices were heard of now."""
        ids, of = [one.id for one in heard], {one.household_id for one in heard}
        self._connection.execute(_TOUCH, {"ids": ids, "households": list(of), "now": self._now})
        for device in heard:
            self._note_change(_changed(device))

    def remove(self, device: Device) -> None:
        """Delete the device: what it saw stays, nobody finds it any more, nothing more is taken from it."""
        self._change_device(device, deleted_at=self._now)
        of_household = device_settings.c.household_id == device.household_id
        self._connection.execute(device_settings.delete().where(of_household, device_settings.c.device_id == device.id))

    def add_health(self, device: Device, health: Health) -> None:
        """Keep what a device says of itself over HTTP, within an hour by the clock the last of each value.

        Raises NotFoundError for another household's.
        """
        expect_own(self._connection, device.household_id, (devices, device.id))
        mine = {"household_id": device.household_id, "device_id": device.id}
        values = {name: one for name, one in asdict(health).items() if one is not None} | {"reported_at": self._now}
        if (before := self._health_of_this_hour(device)) is None:
            self._connection.execute(device_health.insert().values(mine | values))
        else:
            own = (device_health.c.household_id == device.household_id) & (device_health.c.id == before)
            self._connection.execute(update(device_health).where(own).values(values))
        said: dict[str, object] = {"last_seen": self._now}
        if health.firmware_version is not None:
            said["firmware"] = health.firmware_version
        self._change_device(device, **said)

    def health(self, household_id: str, device_id: str) -> Health | None:
        """Return the newest that is known of each value, for a report may leave some out; None without any report."""
        mine = (device_health.c.household_id == household_id) & (device_health.c.device_id == device_id)
        values = [device_health.c[field.name] for field in fields(Health)]
        newest = [select(one).where(mine, one.is_not(None)).order_by(device_health.c.id.desc()) for one in values]
        known = select(device_health.c.id).where(mine).exists()
        row = self._connection.execute(select(known, *(one.limit(1).scalar_subquery() for one in newest))).one()
        return Health(*row[1:]) if row[0] else None

    def _health_of_this_hour(self, device: Device) -> int | None:
        """Return the newest report, if it came over HTTP in this hour; a board's own has a voltage or a charge."""
        column = device_health.c
        query = select(column.id, column.reported_at, column.batt_mv, column.charge_mc).where(
            column.household_id == device.household_id, column.device_id == device.id
        )
        row = self._connection.execute(query.order_by(column.id.desc()).limit(1)).first()
        is_same = row is not None and row.reported_at // HOUR_MS == self._now // HOUR_MS
        return row.id if row and is_same and row.batt_mv is None and row.charge_mc is None else None

    def _change_device(self, device: Device, **values: object) -> None:
        chosen = (devices.c.household_id == device.household_id) & (devices.c.id == device.id)
        if self._connection.execute(update(devices).where(chosen).values(**values)).rowcount:
            self._note_change(_changed(device))


def _changed(device: Placed) -> Change:
    return Change(device.household_id, ChangeKind.DEVICE, device.id)


def read_device(row: Any) -> Device:
    """Return a device of its row."""
    ack = Position(row.ack_boot, row.ack_seq, row.ack_install) if row.ack_install else None
    return Device(
        id=row.id,
        household_id=row.household_id,
        mailbox_id=row.mailbox_id,
        thing=row.thing,
        kind=row.kind,
        name=row.name,
        desired_rev=row.desired_rev,
        ack=ack,
        settings=row.settings,
        capture=row.capture,
        offered=row.offered,
        firmware=row.firmware,
        lost=row.lost,
    )


BEHAVIOUR = tuple(device_settings.c[field.name] for field in fields(Behaviour))
_SETTINGS = [column for column in device_settings.columns if column.name not in {"household_id", "device_id"}]


def registered_of(household_id: str, *which: ColumnElement[bool]) -> Select[Any]:
    """Return the query for those of the household's devices, each with what its owner sets."""
    return (
        select(devices, *_SETTINGS)
        .join(device_settings, device_settings.c.device_id == devices.c.id)
        .where(device_settings.c.household_id == household_id, *which)
    )


def read_registered(row: Row[Any]) -> Registered:
    """Return a device of such a row."""
    said = json.loads(row.reported or "{}")
    return Registered(
        number=row.number,
        device=read_device(row),
        clerk_id=row.clerk_id,
        email=row.email,
        location=row.location,
        is_active=row.is_active,
        behaviour=Behaviour(**{field.name: getattr(row, field.name) for field in fields(Behaviour)}),
        is_provisioned=row.certificate_serial != "",
        last_seen=row.last_seen,
        created_at=row.created_at,
        updated_at=row.updated_at,
        reported=said.get("settings", {}),
        refused=said.get("refused", {}),
    )
