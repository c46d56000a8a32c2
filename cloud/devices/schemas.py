"""The device interface's requests and answers, in the seed's words."""

from dataclasses import asdict
from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, model_validator

from cloud.accounts.schemas import address
from cloud.api.answers import IsoTime, IsoTimeOrNone, Number, iso, iso_or_none
from cloud.api.given import NullIsLeftOut, PartialUpdate
from cloud.devices.model import LONGEST_NAME
from cloud.devices.profile import Behaviour, Registered
from cloud.devices.wishes import BOUNDS, MOST_STILL_OPEN, outcomes

Kind = Literal["board", "gateway"]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
ClerkId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=254), AfterValidator(address)]
Location = Annotated[str, StringConstraints(max_length=300)]
EMAIL = Field(
    None,
    description="shown, no more: mail goes to the addresses of the household's owners. An owner whom an outside issuer "
    "gave no address is mailed a link there; used, it makes the address theirs",
)
# Between a minute and a week.
Minutes = Annotated[int, Field(ge=1, le=10_080)]
Percent = Annotated[int, Field(ge=0, le=100)]
OWNER = "whose it is: what Clerk, or another outside issuer, calls the user; of an account of this server its user id"
DEFAULTS = Behaviour()


def _rising(seconds: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise([0, *seconds])):
        raise ValueError("expected rising numbers of seconds above 0")
    return seconds


StillOpen = Annotated[list[int], Field(max_length=MOST_STILL_OPEN), AfterValidator(_rising)]


def _bounded(name: str, meaning: str) -> Any:
    lowest, highest = BOUNDS[name]
    return Field(default=None, ge=lowest, le=highest, description=meaning)


class BoardSettings(BaseModel, extra="forbid"):
    """Settings by the board's own names; null takes a wish back, so that the board's default counts again."""

    debounce_ms: int | None = _bounded("debounce_ms", "how long the switch must rest to be believed")
    heartbeat_s: int | None = _bounded("heartbeat_s", "time between heartbeats; check_interval says it in minutes")
    ack_wait_ms: int | None = _bounded("ack_wait_ms", "how long a wake waits for the cloud")
    radio_budget_ms: int | None = _bounded("radio_budget_ms", "how long a wake may send")
    radio_day_s: int | None = _bounded("radio_day_s", "how long it may send in a day")
    storm_movements: int | None = _bounded("storm_movements", "how many movements in a row are the wind's")
    battery_low_mv: int | None = _bounded("battery_low_mv", "when to warn; battery_threshold says it in per cent")
    battery_cutoff_mv: int | None = _bounded("battery_cutoff_mv", "when to keep the radio off")
    still_open_s: StillOpen | None = Field(default=None, description="when to tell that the door is still open")

    @model_validator(mode="before")
    @classmethod
    def _of_known_names(cls, given: object) -> object:
        """Return what was given; raises ValueError, which names those that there are, for any other name."""
        unknown = sorted(given.keys() - cls.model_fields.keys()) if isinstance(given, dict) else ()
        if unknown:
            raise ValueError(f"expected settings of {', '.join(cls.model_fields)}; got {str(unknown[0])[:40]!a}")
        return given


class WishAnswer(BaseModel):
    """What became of one wished setting by the board's last heartbeat."""

    name: str
    wished: int | list[int]
    reported: int | float | str | bool | list[int] | None = Field(description="in force; null before any report")
    state: Literal["taken", "refused", "waiting"]
    reason: str | None = Field(description="the board's words for refusing")


class DeviceBehaviour(BaseModel):
    """What an owner sets of a device: minutes between looks, per cent of the battery, and yes or no."""

    mail_delivered_notify: bool = DEFAULTS.mail_delivered_notify
    mailbox_opened_notify: bool = DEFAULTS.mailbox_opened_notify
    mail_removed_notify: bool = DEFAULTS.mail_removed_notify
    battery_low_notify: bool = DEFAULTS.battery_low_notify
    push_notifications: bool = Field(
        DEFAULTS.push_notifications,
        description="whether what the mailbox tells is also a row of /mailbox/notifications, told by /live at once",
    )
    email_notifications: bool = Field(
        DEFAULTS.email_notifications,
        description="whether there is one more e-mail, when the mailbox was emptied; those of deliveries, openings and "
        "a low battery come all the same, each has a switch of its own: mail_delivered_notify, mailbox_opened_notify, "
        "battery_low_notify",
    )
    check_interval: Minutes = DEFAULTS.check_interval
    battery_threshold: Percent = DEFAULTS.battery_threshold
    capture_image_on_open: bool = Field(
        DEFAULTS.capture_image_on_open,
        description="kept as set, without effect: an open door is not photographed, see capture_image_on_delivery",
    )
    capture_image_on_delivery: bool = Field(
        DEFAULTS.capture_image_on_delivery,
        description="of a gateway: whether an opening is photographed, once the door has closed",
    )


class SettingsChange(PartialUpdate, DeviceBehaviour):
    """What changes of a device's settings; what is left out, or null, stays as it is."""

    board: BoardSettings | None = None


class SettingsAnswer(DeviceBehaviour):
    """The settings of a device, and what became of those that its board was asked to take."""

    wishes: list[WishAnswer]


class NewDevice(NullIsLeftOut, DeviceBehaviour):
    """A device to register; without ``clerk_id`` and ``email`` it is the caller's own. Null is as left out."""

    name: Name
    email: Email | None = EMAIL
    clerk_id: ClerkId | None = Field(None, description=OWNER)
    location: Location | None = None
    is_active: bool = True
    kind: Kind = "board"


class DeviceChange(PartialUpdate, DeviceBehaviour):
    """What changes of a device; what is left out, or null, stays as it is."""

    name: Name = "-"
    email: Email | None = EMAIL
    clerk_id: ClerkId | None = Field(None, description=OWNER)
    location: Location | None = None
    is_active: bool = True


class StatusChange(BaseModel):
    """Whether a device is switched on."""

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
    clerk_id: str | None = Field(description=f"{OWNER}; null of nobody in particular")
    email: str | None
    name: str
    location: str | None
    is_active: bool
    last_seen: IsoTimeOrNone
    created_at: IsoTime
    updated_at: IsoTime
    kind: Kind
    mailbox_id: str = Field(description="the mailbox that it belongs to")
    thing: str = Field(description="its name at the broker")
    is_provisioned: bool = Field(description="whether it has a certificate of its own")


class LookedUp(BaseModel):
    """Which device has this name, and whose it is."""

    device_id: Number
    clerk_id: str | None = Field(description=f"{OWNER}; null of nobody in particular")


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
        kind=cast("Kind", one.device.kind),
        mailbox_id=one.device.mailbox_id,
        thing=one.device.thing,
        is_provisioned=one.is_provisioned,
        **asdict(one.behaviour),
    )


def settings_answer(one: Registered) -> SettingsAnswer:
    """Return the settings of a device as they are answered."""
    found = outcomes(one.wishes, one.reported, one.refused)
    return SettingsAnswer(**asdict(one.behaviour), wishes=[WishAnswer.model_validate(asdict(wish)) for wish in found])
