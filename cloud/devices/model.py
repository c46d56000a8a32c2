"""A device, the ack watermark of its journal, and the ``desired`` message rendered from its row."""

import json
import re
from dataclasses import dataclass
from typing import Any, NamedTuple

from cloud.errors import RefusedError
from cloud.ports.device_hub import Downlink
from cloud.ports.event_queue import Event
from firmware.wire import topics

# A board that sleeps says when it will be heard of next; being late by half of that again is still weather.
LATE_SHARE = 1.5
# Characters of a device's or a mailbox's name.
LONGEST_NAME = 200
# Bytes of what a device said of its settings that are kept; of boards it is some hundred.
MOST_REPORTED = 65_535
_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")


class Position(NamedTuple):
    """A place in one install's journal; compare only positions of the same install.

    A tuple, as most of what follows, for a group of messages makes thousands of them.
    """

    boot: int
    seq: int
    install: str


class PlacedDevice(NamedTuple):
    """A device of which only matters where it stands."""

    id: str
    household_id: str
    mailbox_id: str


class Device(NamedTuple):
    """One provisioned thing."""

    id: str
    household_id: str
    mailbox_id: str
    thing: str
    kind: str
    name: str
    desired_rev: int
    ack: Position | None
    settings: str
    capture: str | None
    offered: str | None = None
    """The wire contract's ``update`` as JSON."""
    firmware: str | None = None
    lost: int | None = None
    """How many events of the install that was acknowledged last its board dropped, by its own word."""


Placed = Device | PlacedDevice


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a thing shows the broker; the serial is hexadecimal, "" before it is provisioned."""

    thing: str
    serial: str


class Report(NamedTuple):
    """What a device said of itself in one message, ``reported`` of its settings; None where it said nothing."""

    online: bool | None = None
    firmware: str | None = None
    batt_mv: int | None = None
    rssi: int | None = None
    next_s: int | None = None
    lost: int | None = None
    reported: str | None = None


class Said(NamedTuple):
    """A decoded message of a device, when it arrived, and the id of its story: that of all that follows from it.

    Of one that ``is_retained``, a copy of the broker's, nobody knows when it was said.
    """

    device: Device
    message: dict[str, Any]
    received_at: int
    correlation_id: str = ""
    is_retained: bool = False


class Taken(NamedTuple):
    """What follows from one device message: events, answers, and faults that go to the DLQ with the message."""

    events: tuple[Event, ...] = ()
    downlinks: tuple[Downlink, ...] = ()
    faults: tuple[str, ...] = ()


def unheard_device(device_id: str, household_id: str, mailbox_id: str, thing: str, kind: str) -> Device:
    """Return a device that has said nothing yet and was told nothing, called by its kind."""
    return Device(
        id=device_id,
        household_id=household_id,
        mailbox_id=mailbox_id,
        thing=thing,
        kind=kind,
        name=kind.capitalize(),
        desired_rev=0,
        ack=None,
        settings="{}",
        capture=None,
    )


def moved_watermark(current: Position | None, after: Position | None, last: Position) -> Position | None:
    """Return the ack watermark once everything up to ``last`` that follows ``after`` is stored.

    It moves past a message with ``after`` only when everything up to ``after`` is in, so that messages that
    overtake each other skip nothing, and it never moves back. A new install starts its own watermark.
    """
    if current is None or current.install != last.install:
        return last if after is None else current
    if after is not None and (after.install != current.install or after > current):
        return current
    return max(current, last)


def next_rev(previous: int, now: int) -> int:
    """Return the next ``rev`` of a ``desired`` message: grows always, also over a database restored from a backup."""
    return max(previous + 1, now)


def reported_settings(message: dict[str, Any]) -> str | None:
    """Return what a heartbeat says of settings in force and settings refused, as JSON; None when it says nothing.

    Raises RefusedError for more than is kept.
    """
    if "settings" not in message:
        return None
    said = {"settings": message["settings"], "refused": message.get("refused", {})}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    if (size := len(text.encode())) > MOST_REPORTED:
        raise RefusedError(f"settings, refused: expected at most {MOST_REPORTED:,} bytes together, got {size:,}")
    return text


def is_newer(version: str, than: str | None) -> bool:
    """Return whether a firmware is above another, as firmware/update.py judges it; what is no version is not."""
    return version_numbers(version) > version_numbers(than or "")


def version_numbers(version: str) -> list[int]:
    """Return the numbers of a dotted version, none for what is no version."""
    return [int(part) for part in version.split(".")] if _VERSION.fullmatch(version) else []


def desired(device: Device) -> Downlink:
    """Return the whole ``desired`` message of a device's row."""
    message: dict[str, object] = {"rev": device.desired_rev}
    if device.ack:
        message["ack"] = {"install": device.ack.install, "boot": device.ack.boot, "seq": device.ack.seq}
    if device.settings != "{}":
        message["settings"] = json.loads(device.settings)
    if device.offered and is_newer((offered := json.loads(device.offered))["version"], device.firmware):
        message["update"] = offered
    if device.capture:
        message["capture"] = json.loads(device.capture)
    return Downlink(device.thing, topics.DESIRED, message)
