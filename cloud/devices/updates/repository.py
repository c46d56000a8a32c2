"""All SQL about firmware images, and about which board is offered which."""

import json
from collections.abc import Collection
from dataclasses import asdict
from typing import Any

from sqlalchemy import select, update

from cloud.devices.model import Device
from cloud.devices.repository import DeviceRepository
from cloud.devices.updates.model import Board, Image
from cloud.http_tables import firmware_images
from cloud.ports.database import UnitOfWork
from cloud.tables import devices

_BOARDS = devices.c.deleted_at.is_(None) & (devices.c.kind == "board")


class UpdateRepository:
    """Images and the boards of every household, of one unit of work."""

    def __init__(self, unit_of_work: UnitOfWork) -> None:
        self._connection = unit_of_work.connection
        self._now = unit_of_work.now
        self._devices = DeviceRepository(unit_of_work)

    def all_boards(self) -> list[Board]:
        """Return every board of every household, oldest first."""
        told = {row.id: row for row in self._connection.execute(_TOLD)}
        return [_board(one, told[one.id]) for one in self._devices.all_devices() if one.id in told]

    def set_chip(self, thing: str, chip: str) -> bool:
        """Set which chip a board has; False when there is no such board."""
        changed = update(devices).where(_BOARDS, devices.c.thing == thing).values(chip=chip)
        return self._connection.execute(changed).rowcount == 1

    def add_image(self, image: Image) -> None:
        """Insert an image, unless it is there."""
        if self.image(image.sha256) is None:
            self._connection.execute(firmware_images.insert().values(created_at=self._now, **asdict(image)))

    def image(self, sha256: str) -> bytes | None:
        """Return the content of an image."""
        query = select(firmware_images.c.content).where(firmware_images.c.sha256 == sha256)
        return self._connection.execute(query).scalar_one_or_none()

    def remove_images(self, but: Collection[str]) -> None:
        """Delete all images but those of these names."""
        self._connection.execute(firmware_images.delete().where(firmware_images.c.sha256.not_in(sorted(but))))


_TOLD = select(devices.c.id, devices.c.chip, devices.c.reported).where(_BOARDS)


def _board(device: Device, told: Any) -> Board:
    refused = json.loads(told.reported or "{}").get("refused", {})
    return Board(device, told.chip, refused.get("update"), json.loads(device.offered) if device.offered else None)
