"""Wished settings in words: what is wished for, and what became of it."""

from dataclasses import dataclass
from typing import Any

from cloud.devices.profile import Registered
from cloud.devices.wishes import REFUSED, TAKEN, Outcome, outcomes

NAMES = {
    "ack_wait_ms": "Waits for an answer",
    "active": "Is switched on",
    "battery_cutoff_mv": "Stops sending below",
    "battery_low_mv": "Warns below",
    "debounce_ms": "Lid must rest",
    "heartbeat_s": "Reports at least every",
    "radio_budget_ms": "Sends at most",
    "radio_day_s": "Sends a day at most",
    "still_open_s": "Tells of an open lid after",
    "storm_movements": "Lid is loose after",
}


@dataclass(frozen=True, slots=True)
class Told:
    """One wish in words."""

    name: str
    wished: str
    state: str
    outcome: str


def told(one: Registered) -> list[Told]:
    """Return the wishes of a device in words, in the order of their names."""
    found = outcomes(one.wishes, one.reported, one.refused)
    return [Told(NAMES[wish.name], amount(wish.name, wish.wished), wish.state, _outcome(wish)) for wish in found]


def amount(name: str, value: Any) -> str:
    """Return a setting's value in the units that people use."""
    if isinstance(value, list):
        return ", ".join(amount(name, one) for one in value) or "never"
    if not isinstance(value, int):
        return str(value)
    if name == "active":
        return "yes" if value else "no, it tells everything with its next report"
    unit = name.rpartition("_")[2]
    return {"mv": f"{value / 1000:.2f} V", "s": f"{value / 60:g} min", "ms": f"{value} ms"}.get(unit, f"{value} {unit}")


def _outcome(wish: Outcome) -> str:
    if wish.state == TAKEN:
        return "the board does so"
    now = "" if wish.reported is None else f", now {amount(wish.name, wish.reported)}"
    if wish.state == REFUSED:
        return f"the board refused{now}: {wish.reason}"
    return f"the board learns of it when it wakes{now}"
