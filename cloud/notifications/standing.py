"""How a device stands: whether its silence or its battery should alarm its household."""

from dataclasses import dataclass

from cloud.devices.model import LATE_SHARE
from cloud.devices.profile import Behaviour
from cloud.devices.wishes import millivolts

SILENT, LOW_BATTERY, VIBRATION = "silent", "low_battery", "vibration"
# Where the owner sets nothing; a battery that was low is low until it has been above by so much more.
LOW_BATTERY_MV, HYSTERESIS_MV = millivolts(Behaviour().battery_threshold), 100
# A door in the wind is told of anew only after a day of calm.
CALM_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a device; ``next_s`` is after how many seconds of silence to worry, by its own word.

    ``low_mv`` is below what the owner calls the battery low; ``is_shaken`` whether it told of a storm within a day.
    """

    device_id: str
    household_id: str
    last_seen: int | None
    next_s: int | None
    online: int | None
    batt_mv: int | None
    low_mv: int = LOW_BATTERY_MV
    is_shaken: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something about a device that its household is told, once until it ends."""

    id: str
    household_id: str
    device_id: str
    kind: str
    raised_at: int


def is_late(*, last_seen: int | None, next_s: int | None, now: int) -> bool:
    """Return whether a device should have been heard of by now, weather allowed for; times in Unix ms."""
    return last_seen is not None and next_s is not None and now > last_seen + next_s * 1000 * LATE_SHARE


def is_silent(standing: Standing, listening_since: int, now: int) -> bool:
    """Return whether a device's silence is an alarm: it is late, and it could have been heard.

    While nobody listened nobody was heard, so the time counts anew from there. A gateway with its line open is there.
    """
    if standing.online or standing.last_seen is None:
        return False
    return is_late(last_seen=max(standing.last_seen, listening_since), next_s=standing.next_s, now=now)


def has_ended(alarm: Alarm, standing: Standing | None) -> bool:
    """Return whether an alarm is over: the device has spoken again, is charged, calm or deleted."""
    if standing is None:
        return True
    if alarm.kind == SILENT:
        return bool(standing.online) or (standing.last_seen or 0) > alarm.raised_at
    if alarm.kind == VIBRATION:
        return not standing.is_shaken
    return standing.batt_mv is not None and standing.batt_mv >= standing.low_mv + HYSTERESIS_MV
