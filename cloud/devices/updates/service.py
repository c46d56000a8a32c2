"""Use cases of updates over the air: release a firmware to boards, and withdraw it."""

import json
from collections.abc import Collection, Mapping, Sequence

from cloud.devices.repository import DeviceRepository
from cloud.devices.updates.model import Board, Release
from cloud.devices.updates.repository import UpdateRepository
from cloud.errors import NotFoundError
from cloud.ports.database import UnitOfWork
from cloud.ports.event_queue import Event


def chosen_boards(unit_of_work: UnitOfWork, things: Collection[str]) -> list[Board]:
    """Return the boards of these names, all where none is named; raises NotFoundError."""
    boards = UpdateRepository(unit_of_work).all_boards()
    unknown = sorted(set(things) - {board.device.thing for board in boards})
    if unknown:
        raise NotFoundError(f"expected boards of a household, found none called {', '.join(unknown)}")
    return [board for board in boards if not things or board.device.thing in things]


def release(unit_of_work: UnitOfWork, boards: Sequence[Board], of_chip: Mapping[str, Release]) -> list[Event]:
    """Offer each board the firmware for its chip; returns what follows: boards are told of it."""
    for chip, one in of_chip.items():
        UpdateRepository(unit_of_work).add_image(one.image)
        for board in boards:
            if board.chip == chip:
                DeviceRepository(unit_of_work).set_offer(board.device, json.dumps(one.update, sort_keys=True))
    return _changed(unit_of_work, boards)


def withdraw(unit_of_work: UnitOfWork, boards: Sequence[Board]) -> list[Event]:
    """Offer boards nothing any more; a firmware that they have taken stays. Returns what follows."""
    offered = [board for board in boards if board.offered]
    for board in offered:
        DeviceRepository(unit_of_work).set_offer(board.device, None)
    return _changed(unit_of_work, offered)


def _changed(unit_of_work: UnitOfWork, boards: Sequence[Board]) -> list[Event]:
    """Remove the images that nobody is offered any more and owe the boards an answer."""
    updates = UpdateRepository(unit_of_work)
    updates.remove_images({board.offered["sha256"] for board in updates.all_boards() if board.offered})
    return [Event("answer_owed", board.device.household_id, board.device.id) for board in boards]
