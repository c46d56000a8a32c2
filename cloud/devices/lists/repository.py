"""All SQL about several of a household's devices at once; what it reads is bounded by what is asked for."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select

from cloud.api.paging import Page
from cloud.devices.profile import Behaviour, Registered
from cloud.devices.repository import BEHAVIOUR, NOT_DELETED, read_registered, registered_of
from cloud.http_tables import device_settings
from cloud.ports.database import UnitOfWork
from cloud.tables import devices, households


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which devices: those of one of the ``owners`` (None in it: of nobody in particular), of one exact ``name``."""

    owners: frozenset[str | None] | None = None
    name: str | None = None


EVERY = Chosen()


class DeviceLists:
    """The household's devices of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection

    def page(self, household_id: str, page: Page, chosen: Chosen = EVERY) -> list[Registered]:
        """Return a page of the household's devices, newest first."""
        return [one for _, one in self.rows(household_id, page, chosen)]

    def rows(self, household_id: str, page: Page, chosen: Chosen = EVERY) -> list[tuple[Row[Any], Registered]]:
        """Return the same, each with every column of its row."""
        query = registered_of(household_id, device_settings.c.number < page.before[1], *_which(household_id, chosen))
        newest = query.order_by(device_settings.c.number.desc()).limit(page.limit)
        return [(row, read_registered(row)) for row in self._connection.execute(newest)]

    def called(self, household_id: str, sought: str) -> Registered | None:
        """Return the household's device of this exact name, or name at the broker; of several the newest."""
        alike = (_named(household_id, sought), devices.c.thing == sought)
        # One after the other, for each has an index of its own.
        queries = [registered_of(household_id, which).order_by(device_settings.c.number.desc()) for which in alike]
        found = [row for query in queries for row in self._connection.execute(query.limit(1))]
        return read_registered(max(found, key=lambda row: int(row.number))) if found else None

    def has_any(self, household_id: str) -> bool:
        """Return whether the household has a device."""
        query = select(device_settings.c.number).where(device_settings.c.household_id == household_id)
        return self._connection.execute(query.limit(1)).first() is not None

    def numbers(self, household_id: str, device_ids: Collection[str]) -> dict[str, int]:
        """Return the numbers of those of the devices that are the household's, by their ids."""
        query = select(device_settings.c.device_id, device_settings.c.number)
        rows = self._connection.execute(query.where(*_of_ids(household_id, device_ids)))
        return {row.device_id: row.number for row in rows}

    def behaviours(self, household_id: str, device_ids: Collection[str]) -> dict[str, Behaviour]:
        """Return what the owner sets of those of the devices that are the household's, by their ids."""
        query = select(device_settings.c.device_id, *BEHAVIOUR)
        rows = self._connection.execute(query.where(*_of_ids(household_id, device_ids)))
        return {device_id: Behaviour(*values) for device_id, *values in rows}

    def held_count(self, household_id: str) -> int:
        """Return how many devices the household has, and let nobody else add one until this transaction ends."""
        held = select(households.c.id).where(households.c.id == household_id).with_for_update()
        self._connection.execute(held)
        query = select(func.count()).where(device_settings.c.household_id == household_id)
        return int(self._connection.execute(query).scalar_one())


def _which(household_id: str, chosen: Chosen) -> list[ColumnElement[bool]]:
    conditions = [] if chosen.name is None else [_named(household_id, chosen.name)]
    if chosen.owners is not None:
        named = device_settings.c.clerk_id.in_([one for one in chosen.owners if one is not None])
        conditions.append(named | device_settings.c.clerk_id.is_(None) if None in chosen.owners else named)
    return conditions


def _named(household_id: str, name: str) -> ColumnElement[bool]:
    """Return the condition on a name as its index has it, among the devices that are not deleted."""
    return (devices.c.household_id == household_id) & NOT_DELETED & (devices.c.name == name)


def _of_ids(household_id: str, device_ids: Collection[str]) -> tuple[ColumnElement[bool], ...]:
    return device_settings.c.household_id == household_id, device_settings.c.device_id.in_(sorted(device_ids))
