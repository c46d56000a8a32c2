"""When a battery will be empty: a straight line through its days, and how far it may be off.

The line is the median of the slopes between all pairs of days (Theil and Sen), which a few odd days do not move; how
far it may be off is the interval of Sen's test at 90 % (Sen 1968, JASA 63, p. 1379). It counts days as independent,
and a lithium cell falls faster at its end than in its middle, so ``earliest`` is the day to act by.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median

DAY_MS = 86_400_000
# Of the days before today that count: what was a season ago says little of what is drawn now.
MOST_DAYS = 90
LEAST_DAYS = 10
LEAST_SPAN_DAYS = 14
# A rise from one day to the next that no warm day explains: it was charged, or changed.
CHARGED_MV = 150
LONGEST_DAYS = 3650
_NORMAL_90 = 1.645

TOO_FEW, STEADY = "too few days", "no fall yet"

Day = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What one wake drew, in mC, by phase where the board said so."""

    charge_mc: float | None = None
    awake_mc: float | None = None
    wifi_mc: float | None = None
    tls_mc: float | None = None
    publish_mc: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a board said of its battery, in mV, of the wake before, and by its meter of all wakes since the power came.

    ``wake`` names the wake that said it: ``{install}-{boot}-{number}``.
    """

    at: int
    batt_mv: int | None
    drawn: Drawn
    total_mc: float | None = None
    wake: str | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """When a battery will be empty and between which times, in Unix ms; without them ``reason`` says why not."""

    empty_at: int | None = None
    earliest: int | None = None
    latest: int | None = None
    reason: str | None = None


def outlook(readings: Sequence[Reading], empty_mv: int, now: int) -> Outlook:
    """Return when the battery of these readings, oldest first, comes down to ``empty_mv``; abstains on little."""
    days = _since_charged(_days(readings, now))
    if len(days) < LEAST_DAYS or days[-1][0] - days[0][0] < LEAST_SPAN_DAYS:
        return Outlook(reason=TOO_FEW)
    steepest, slope, flattest = _slopes(days)
    if flattest >= 0:
        return Outlook(reason=STEADY)
    today = now / DAY_MS
    level_mv = median(mv - slope * day for day, mv in days) + slope * today
    left = [min(LONGEST_DAYS, max(0.0, (empty_mv - level_mv) / one)) for one in (steepest, slope, flattest)]
    earliest, expected, latest = (now + round(days_left * DAY_MS) for days_left in left)
    return Outlook(expected, earliest, latest)


def typical(readings: Sequence[Reading]) -> Drawn:
    """Return what a wake drew as a rule: of each phase the median of those that said it."""
    said = {name: [value for one in readings if (value := getattr(one.drawn, name)) is not None] for name in PHASES}
    return Drawn(**{name: median(values) if values else None for name, values in said.items()})


def daily_mc(readings: Sequence[Reading]) -> float | None:
    """Return what all wakes drew a day, in mC, by the meters of the board; None before they have counted for a day.

    Each time that the power comes another meter begins, and what nobody was told of is on it too.
    """
    meters: dict[str, list[tuple[int, float]]] = {}
    for one in readings:
        if one.wake is not None and one.total_mc is not None:
            meters.setdefault(one.wake.rpartition("-")[0], []).append((one.at, one.total_mc))
    counts = [(min(meter), max(meter)) for meter in meters.values()]
    counted_ms = sum(last[0] - first[0] for first, last in counts)
    drawn = sum(max(0.0, last[1] - first[1]) for first, last in counts)
    return drawn * DAY_MS / counted_ms if counted_ms >= DAY_MS else None


def _days(readings: Sequence[Reading], now: int) -> list[Day]:
    """Return the median of each day that counts, as ``(days since 1970, mV)``."""
    of: dict[int, list[int]] = {}
    for one in readings:
        if one.batt_mv is not None and one.at > now - MOST_DAYS * DAY_MS:
            of.setdefault(one.at // DAY_MS, []).append(one.batt_mv)
    return [(day, median(values)) for day, values in sorted(of.items())]


def _since_charged(days: list[Day]) -> list[Day]:
    rises = [place for place in range(1, len(days)) if days[place][1] - days[place - 1][1] > CHARGED_MV]
    return days[rises[-1] :] if rises else days


def _slopes(days: Sequence[Day]) -> tuple[float, float, float]:
    """Return mV a day: the lower end of the interval, the median, the upper end."""
    slopes = sorted((later[1] - day[1]) / (later[0] - day[0]) for day, later in combinations(days, 2))
    count = len(days)
    width = _NORMAL_90 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, math.floor((len(slopes) - width) / 2))
    return slopes[low], median(slopes), slopes[len(slopes) - 1 - low]


PHASES = tuple(Drawn.__dataclass_fields__)
