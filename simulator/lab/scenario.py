"""What befalls a board in one run of the soak test, drawn from a seed: the same seed is the same story."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from simulator.lab.broker import FAULTS
from simulator.lab.image_server import FAULTS as IMAGE_FAULTS

STEPS = (6, 18)
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
# More block operations than an ordinary wake makes: some cuts fall into the next one, some never come.
MOST_CUT_AT = 24
# Of steps that may be cut off, every third is.
CUT_ODDS = 3
CLOCKS = (0, 946_684_800_000, 1_800_000_000_000, 2_085_978_496_000, 1 << 42)
LOW_MV, GOOD_MV = 3100, 3900
# Of addresses, in seconds: -1 is a router that refuses the board's, 0 one that says nothing.
LEASES_S = (-1, 0, 120, 3600, 86_400)
VISITS = (4, 30)
RELEASES = ("good", "unsigned", "altered", "cut short", "older", "does not start")
GOOD_ODDS = 2
# An image of one piece of a download, and one of several.
IMAGE_BYTES = (3000, 30_000)
# Block operations of a trial, and of fetching and installing one image and the other.
MOST_UPDATE_CUT_AT = (8, 24, 104)
MOST_UPDATE_WAKES = 5

About = Mapping[str, int | bool | str | tuple[str, ...] | tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, by the name of a method of ``simulator.lab.soak.Player``, and the particulars of it."""

    name: str
    about: About = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        """Return the step as a line of the story."""
        return " ".join((self.name, *(f"{key}={value}" for key, value in self.about.items())))


def story(seed: int) -> tuple[Step, ...]:
    """Return what happens in the run of this seed."""
    dice = random.Random(seed)  # noqa: S311 - no secret, and it must repeat
    names, weights = zip(*((name, weight) for name, (weight, _) in _KINDS.items()), strict=True)
    steps = dice.choices(names, weights, k=dice.randint(*STEPS))
    return tuple(Step(name, _KINDS[name][1](dice)) for name in steps)


def _swing(dice: random.Random) -> dict[str, int]:
    return {"after_ms": _pause(dice), "bounces": dice.choice((0, 0, 5, 300)), "cut_at": _cut(dice)}


def _visits(dice: random.Random) -> dict[str, int]:
    return {"count": dice.randint(*VISITS), "after_ms": dice.randint(20_000, 40 * MINUTE_MS)}


def _pause(dice: random.Random) -> int:
    """Return a time between two things, mostly minutes."""
    return dice.choice((5, 2000, MINUTE_MS, 20 * MINUTE_MS, 5 * HOUR_MS)) + dice.randrange(MINUTE_MS)


def _cut(dice: random.Random) -> int:
    return 0 if dice.randrange(CUT_ODDS) else dice.randint(1, MOST_CUT_AT)


def _release(dice: random.Random) -> About:
    wakes = range(dice.randint(0, MOST_UPDATE_WAKES))
    return {
        "kind": "good" if dice.randrange(GOOD_ODDS) else dice.choice(RELEASES),
        "size": dice.choice(IMAGE_BYTES),
        "faults": tuple(dice.choices((*IMAGE_FAULTS, ""), k=dice.randint(0, 3))),
        "cuts": tuple(dice.randrange(2) and dice.randint(1, dice.choice(MOST_UPDATE_CUT_AT)) for _ in wakes),
    }


# Of each kind how often it comes, and what is drawn for it.
_KINDS: dict[str, tuple[int, Callable[[random.Random], About]]] = {
    "swing": (12, _swing),
    "visits": (1, _visits),
    "wait": (4, lambda dice: {"ms": _pause(dice), "cut_at": _cut(dice)}),
    "broker": (6, lambda dice: {"faults": tuple(dice.choices((*FAULTS, ""), k=dice.randint(1, 4)))}),
    "wifi": (3, lambda dice: {"is_up": dice.random() < 0.5}),
    "power": (2, lambda dice: {"is_moved": dice.random() < 0.5, "cut_at": _cut(dice)}),
    "rtc": (2, lambda dice: {"damage": dice.choice(("gone", "flipped", "noise"))}),
    "clock": (2, lambda dice: {"to_ms": dice.choice(CLOCKS), "has_ntp": dice.random() < 0.5}),
    "router": (1, lambda dice: {"lease_s": dice.choice(LEASES_S), "knows_restarts": dice.random() < 0.5}),
    "reflash": (1, lambda _: {}),
    "release": (4, _release),
    "battery": (1, lambda dice: {"mv": dice.choice((LOW_MV, GOOD_MV))}),
    "flash": (1, lambda dice: {"free_blocks": dice.randint(0, 6)}),
}
