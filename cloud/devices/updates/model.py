"""A release of firmware: what it is made of, which boards get it, and what became of it."""

from dataclasses import dataclass
from typing import Any

from cloud.devices.model import Device, is_newer, version_numbers
from cloud.errors import RefusedError

# What the wire contract lets pass.
MOST_VERSION_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Image:
    """A firmware compiled for one chip, named by the SHA-256 of its content in hexadecimal digits."""

    sha256: str
    version: str
    chip: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Release:
    """An image, and the ``update`` of the wire contract by which boards find and believe it."""

    image: Image
    update: dict[str, object]


@dataclass(frozen=True, slots=True)
class Board:
    """A board with its chip, None where nobody said so, and its reason where it refused what it was offered last."""

    device: Device
    chip: str | None
    refusal: str | None
    offered: dict[str, Any] | None


def check_version(version: str) -> None:
    """Raise RefusedError for what no board takes for a version."""
    if not version_numbers(version) or len(version) > MOST_VERSION_CHARACTERS:
        raise RefusedError(
            f"expected a version of numbers and dots, {MOST_VERSION_CHARACTERS} characters at most, got {version!r}"
        )


def objection(board: Board, version: str) -> str | None:
    """Return why a board is left out of a release; None when it gets it."""
    if board.chip is None:
        return f"its chip is not known: pillarbox admin device chip {board.device.thing} CHIP"
    if not is_newer(version, board.device.firmware):
        return f"it runs {board.device.firmware} already"
    return None


def outcome(board: Board) -> str:
    """Return what became of the firmware that a board is offered, by what it said last; "" where there is none."""
    if board.offered is None:
        return ""
    if not is_newer(board.offered["version"], board.device.firmware):
        return "taken"
    return f"refused: {board.refusal}" if board.refusal else "waiting"
