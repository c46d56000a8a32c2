"""How long to wait before trying again."""

from collections.abc import Callable
from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Time and chance as the rules need them: seconds that never jump, and a number in [0, 1)."""

    now_s: Callable[[], float]
    chance: Callable[[], float]


def backoff_s(tries: int, chance: float, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> float:
    """Return the seconds to wait after ``tries`` failures; ``chance`` in [0, 1) spreads devices that failed together.

    Doubles each time; half of it is random ("equal jitter" in "Exponential Backoff And Jitter", AWS, 2015).
    """
    whole = min(longest_s, first_s * 2.0 ** min(tries, 30))
    return whole * (0.5 + chance / 2)
