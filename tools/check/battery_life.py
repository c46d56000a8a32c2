"""``python -m tools.check.battery_life [--check]``: the table of battery lives in docs/hardware.md.

It follows from what wakes draw (``charge.json``, by the laboratory's power meter) and from the currents below, so it
cannot go on claiming what is no longer true.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.check.charge import BASELINE

PAGE = Path(__file__).parents[2] / "docs" / "hardware.md"
BEGIN, END = "<!-- battery life: made by python -m tools.check.battery_life -->", "<!-- end of battery life -->"

CELL_MAH = 3000
# Of a cell's charge what is left for use in the cold, in its third year, and above the 3.3 V at which boards stop.
USABLE = 0.8
# Of its nominal charge in a month: 1 to 2 %, and as much again through its protection (Battery University, BU-802b).
LOST_A_MONTH = 0.03
DAYS_A_MONTH = 30.4
HEARTBEATS_A_DAY = 4
MC_PER_MAH = 3600
VISITS_A_DAY = (1, 3, 10)
# 3.3 V over 1 megohm while the door is closed, 4.2 V over the divider's 2 megohm.
PULL_UP_UA, DIVIDER_UA = 3.3, 2.1


@dataclass(frozen=True, slots=True)
class Sleeper:
    """A board and what it draws asleep, its regulator included."""

    name: str
    asleep_ua: float
    source: str


SLEEPERS = (
    Sleeper("ESP32 module and HT7833", 10 + 4, "ESP32 datasheet, RTC timer and memory: 10 µA; Holtek HT7833: 4 µA"),
    Sleeper("ESP32-S3 module and HT7833", 8 + 4, "ESP32-S3 datasheet: 8 µA; 8.2 µA measured on a DevKitC at 3.3 V"),
    Sleeper("ESP32-C3 module and HT7833", 5 + 4, "ESP32-C3 datasheet: 5 µA"),
    Sleeper("FeatherS2", 66, "README of mqtt_as, measured"),
    Sleeper("ordinary ESP32 development board", 10_000, "its power LED, USB bridge and regulator stay on"),
    Sleeper("Pico W", 1500, "MicroPython commit b004e7e: 1.5 mA in lightsleep, measured on a Pico"),
)


def life_days(asleep_ua: float, visits: int, wakes_mc: Mapping[str, float]) -> float:
    """Return how many days a cell lasts with so many visits a day, each of which opens and closes the door."""
    wakes = visits * (wakes_mc["opening"] + wakes_mc["closing"]) + HEARTBEATS_A_DAY * wakes_mc["heartbeat"]
    asleep_mah = (asleep_ua + PULL_UP_UA + DIVIDER_UA) * 24 / 1000
    by_itself_mah = CELL_MAH * LOST_A_MONTH / DAYS_A_MONTH
    return CELL_MAH * USABLE / (wakes / MC_PER_MAH + asleep_mah + by_itself_mah)


def table(wakes_mc: Mapping[str, float]) -> Iterator[str]:
    """Yield the lines of the table."""
    heads = (f"{visits} {'visit' if visits == 1 else 'visits'} a day" for visits in VISITS_A_DAY)
    yield "| board | asleep | " + " | ".join(heads) + " | source of the current |"
    yield "|---|---|" + "---|" * len(VISITS_A_DAY) + "---|"
    for one in SLEEPERS:
        lives = (_told(life_days(one.asleep_ua, visits, wakes_mc)) for visits in VISITS_A_DAY)
        yield f"| {one.name} | {_current(one.asleep_ua)} | " + " | ".join(lives) + f" | {one.source} |"


def page(text: str, wakes_mc: Mapping[str, float]) -> str:
    """Return the page with the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    wakes = ", ".join(f"{name} {drawn:.0f} mC" for name, drawn in sorted(wakes_mc.items()))
    lines = (BEGIN, "", f"Wakes: {wakes}.", "", *table(wakes_mc), "", END)
    return before + "\n".join(lines) + after


def main(*, checks: bool = False) -> int:
    """Write the table, or return 1 when it is not today's."""
    wakes_mc = json.loads(BASELINE.read_text())
    text = PAGE.read_text()
    wanted = page(text, wakes_mc)
    if not checks:
        PAGE.write_text(wanted)
    elif text != wanted:
        print(f"expected the battery lives of today in {PAGE.name}, got others: run python -m tools.check.battery_life")
        return 1
    return 0


def _told(days: float) -> str:
    return f"{days / DAYS_A_MONTH:.0f} months" if days > 2 * DAYS_A_MONTH else f"{days:.0f} days"


def _current(microamperes: float) -> str:
    return f"{microamperes / 1000:g} mA" if microamperes >= 1000 else f"{microamperes:g} µA"


if __name__ == "__main__":
    sys.exit(main(checks="--check" in sys.argv))
