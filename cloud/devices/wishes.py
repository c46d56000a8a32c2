"""What a household wishes of a board's settings, and what became of each wish.

A wish is called so here; on the wire (docs/wire.md) all of a board's are the ``settings`` of its ``desired`` message.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud.errors import RefusedError

# What boards take, by their own names: the lowest and the highest value (firmware/settings.py).
BOUNDS = {
    "active": (0, 1),
    "debounce_ms": (1, 500),
    "heartbeat_s": (60, 604_800),
    "ack_wait_ms": (0, 10_000),
    "radio_budget_ms": (1000, 120_000),
    "radio_day_s": (30, 86_400),
    "storm_movements": (4, 1_000_000),
    "battery_low_mv": (0, 60_000),
    "battery_cutoff_mv": (0, 60_000),
}
MOST_STILL_OPEN = 8
# The seed's per cent of a battery as the voltage of one lithium cell: none left at 3.3 V, where boards stop their
# radio; its default of 20 is the 3.5 V at which they warn.
EMPTY_MV, PERCENT_MV = 3300, 10

# Which of the seed's words say the same as a name of the board's.
_WORDS = {"heartbeat_s": "check_interval", "battery_low_mv": "battery_threshold"}

TAKEN, REFUSED, WAITING = "taken", "refused", "waiting"

Settings = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One wished setting: what the board said of it last, and why not where it refused."""

    name: str
    wished: Any
    reported: Any
    state: str
    reason: str | None = None


def of_behaviour(values: Mapping[str, Any]) -> Settings:
    """Return what the seed's words mean to a board; None is a wish taken back. Minutes, per cent, yes or no."""
    wishes: Settings = {}
    if "check_interval" in values:
        wishes["heartbeat_s"] = values["check_interval"] * 60
    if "battery_threshold" in values:
        wishes["battery_low_mv"] = millivolts(values["battery_threshold"])
    if "is_active" in values:
        wishes["active"] = None if values["is_active"] else 0
    return wishes


def together(values: Mapping[str, Any], board: Mapping[str, Any]) -> Settings:
    """Return what the seed's words and the board's own names ask for; raises RefusedError where they disagree."""
    meant = of_behaviour(values)
    for name, word in _WORDS.items():
        said = board.get(name)
        if name in meant and said is not None and said != meant[name]:
            wanted = f"{name} as {word} {values[word]} says it, {meant[name]}"
            raise RefusedError(f"board: expected {wanted}, got {said}; leave one of them out")
    return meant | dict(board)


def percent_of(batt_mv: int) -> int:
    """Return the seed's per cent of a battery."""
    return max(0, min(100, (batt_mv - EMPTY_MV) // PERCENT_MV))


def millivolts(percent: int) -> int:
    """Return per cent of a battery as the voltage of its one lithium cell."""
    return EMPTY_MV + PERCENT_MV * percent


def changed(wishes: Mapping[str, Any], change: Mapping[str, Any]) -> Settings:
    """Return the wishes with the change made; a wish that is None is taken back, the board's own default counts."""
    return {name: value for name, value in ({**wishes, **change}).items() if value is not None}


def outcomes(wishes: Mapping[str, Any], reported: Mapping[str, Any], refused: Mapping[str, Any]) -> list[Outcome]:
    """Return what became of each wish by the board's last heartbeat, in the order of their names."""
    return [_outcome(name, wishes[name], reported.get(name), refused.get(name)) for name in sorted(wishes)]


def _outcome(name: str, wished: Any, reported: Any, reason: Any) -> Outcome:
    if wished == reported:
        return Outcome(name, wished, reported, TAKEN)
    if reason is not None:
        return Outcome(name, wished, reported, REFUSED, str(reason))
    return Outcome(name, wished, reported, WAITING)
