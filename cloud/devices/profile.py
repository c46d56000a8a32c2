"""A device as the household sees it over HTTP: its number, what its owner calls it, and how it should behave."""

import json
from dataclasses import dataclass
from typing import Any

from cloud.devices.model import Device
from cloud.devices.wishes import millivolts


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What an owner sets of a device; the defaults are the seed's. Minutes and per cent."""

    mail_delivered_notify: bool = True
    mailbox_opened_notify: bool = True
    mail_removed_notify: bool = True
    battery_low_notify: bool = True
    push_notifications: bool = True
    email_notifications: bool = False
    check_interval: int = 15
    battery_threshold: int = 20
    capture_image_on_open: bool = True
    capture_image_on_delivery: bool = True


@dataclass(frozen=True, slots=True)
class Registered:
    """A device with its number; times in Unix ms. ``reported`` and ``refused`` are its last heartbeat's settings."""

    number: int
    device: Device
    clerk_id: str | None
    email: str | None
    location: str | None
    is_active: bool
    behaviour: Behaviour
    is_provisioned: bool
    last_seen: int | None
    created_at: int
    updated_at: int
    reported: dict[str, Any]
    refused: dict[str, Any]

    @property
    def wishes(self) -> dict[str, Any]:
        """Return the wished settings, by the board's names."""
        return dict(json.loads(self.device.settings))

    @property
    def low_mv(self) -> int:
        """Return below how many mV the battery is low: as wished for, else by the per cent that are set."""
        wished: int | None = self.wishes.get("battery_low_mv")
        return millivolts(self.behaviour.battery_threshold) if wished is None else wished


@dataclass(frozen=True, slots=True)
class Health:
    """What a device says of itself over HTTP: per cent, dBm, degrees Celsius."""

    battery_level: int | None = None
    signal_strength: int | None = None
    temperature: float | None = None
    firmware_version: str | None = None
