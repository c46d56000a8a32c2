"""Wished settings in words: what is wished for, and what became of it."""

from dataclasses import dataclass
from typing import Any

from cloud.devices.profile import Registered
from cloud.devices.wishes import REFUSED, TAKEN, Outcome, outcomes

NAMES = {
    "ack_wait_ms": "Waits for an answer",
    "active": "Is in use",
    "battery_cutoff_mv": "Stops sending below",
    "battery_low_mv": "Warns below",
    "debounce_ms": "Lid must rest",
    "heartbeat_s": "Reports at least every",
    "radio_budget_ms": "Sends at most",
    "still_open_s": "Tells of an open lid after",
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
    return [Told(NAMES[wish.name], _amount(wish.name, wish.wished), wish.state, _outcome(wish)) for wish in found]


def _outcome(wish: Outcome) -> str:
    if wish.state == TAKEN:
        return "the board does so"
    now = "" if wish.reported is None else f", now {_amount(wish.name, wish.reported)}"
    if wish.state == REFUSED:
        return f"the board refused{now}: {wish.reason}"
    return f"the board learns of it when it wakes{now}"


def _amount(name: str, value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(_amount(name, one) for one in value) or "never"
    if not isinstance(value, int):
        return str(value)
    if name == "active":
        return "yes" if value else "no, it tells everything with its next report"
    if name.endswith("_mv"):
        return f"{value / 1000:.2f} V"
    return f"{value / 60:g} min" if name.endswith("_s") else f"{value} ms"
