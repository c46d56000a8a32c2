"""The device interface's requests and answers, in the seed's words."""

from dataclasses import asdict
from typing import Annotated, Literal

from pydantic import BaseModel, Field, StringConstraints

from cloud.api.answers import Number, iso, iso_or_none
from cloud.devices.profile import Behaviour, Registered

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ClerkId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254)]
Location = Annotated[str, StringConstraints(max_length=300)]
# Between a minute and a week.
Minutes = Annotated[int, Field(ge=1, le=10_080)]
Percent = Annotated[int, Field(ge=0, le=100)]

PROFILE = ("clerk_id", "email", "location", "is_active")


class DeviceBehaviour(BaseModel):
    """What an owner sets of a device: minutes between looks, per cent of the battery, and yes or no."""

    mail_delivered_notify: bool = True
    mailbox_opened_notify: bool = True
    mail_removed_notify: bool = True
    battery_low_notify: bool = True
    push_notifications: bool = True
    email_notifications: bool = False
    check_interval: Minutes = 15
    battery_threshold: Percent = 20
    capture_image_on_open: bool = True
    capture_image_on_delivery: bool = True


class NewDevice(DeviceBehaviour):
    """A device to register; without ``clerk_id`` and ``email`` it is the caller's own."""

    name: Name
    email: Email | None = None
    clerk_id: ClerkId | None = None
    location: Location | None = None
    is_active: bool = True
    kind: Literal["board", "gateway"] = "board"


class DeviceChange(DeviceBehaviour):
    """What changes of a device; what is left out stays as it is."""

    name: Name = "-"
    email: Email | None = None
    clerk_id: ClerkId | None = None
    location: Location | None = None
    is_active: bool = True


class StatusChange(BaseModel):
    """Whether a device is in use."""

    is_active: bool


class HealthReport(BaseModel):
    """What a device says of itself: per cent, dBm, degrees Celsius."""

    battery_level: Percent | None = None
    signal_strength: Annotated[int, Field(ge=-200, le=200)] | None = None
    temperature: Annotated[float, Field(ge=-273.15, le=1000, allow_inf_nan=False)] | None = None
    firmware_version: Annotated[str, StringConstraints(min_length=1, max_length=32)] | None = None


class DeviceAnswer(DeviceBehaviour):
    """A device; times are ISO 8601 in UTC."""

    id: Number
    clerk_id: str | None
    email: str | None
    name: str
    location: str | None
    is_active: bool
    last_seen: str | None
    created_at: str
    updated_at: str
    kind: str = Field(description="board or gateway")
    mailbox_id: str = Field(description="the mailbox that it belongs to")
    thing: str = Field(description="its name at the broker")
    is_provisioned: bool = Field(description="whether it has a certificate of its own")


class LookedUp(BaseModel):
    """Which device has this name, and whose it is."""

    device_id: Number
    clerk_id: str | None


def device_answer(one: Registered) -> DeviceAnswer:
    """Return a device as it is answered."""
    return DeviceAnswer(
        id=one.number,
        clerk_id=one.clerk_id,
        email=one.email,
        name=one.device.name,
        location=one.location,
        is_active=one.is_active,
        last_seen=iso_or_none(one.last_seen),
        created_at=iso(one.created_at),
        updated_at=iso(one.updated_at),
        kind=one.device.kind,
        mailbox_id=one.device.mailbox_id,
        thing=one.device.thing,
        is_provisioned=one.is_provisioned,
        **asdict(one.behaviour),
    )


def behaviour_answer(one: Behaviour) -> DeviceBehaviour:
    """Return the settings of a device as they are answered."""
    return DeviceBehaviour(**asdict(one))
