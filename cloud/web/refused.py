"""Lines of the log about refused requests: so few that nobody fills a disk by asking for what is refused."""

import logging
from collections import Counter
from collections.abc import Callable

from cloud import correlation

log = logging.getLogger(__name__)

WINDOW_S = 60.0
# Of one route and status. A stranger who tries names or keys at one route hides no refusal of another.
MOST_OF_A_KIND = 60
# Of all, some 200 bytes each: at worst 180 MB a day.
MOST_TOGETHER = 600


class Refusals:
    """Tells of each refused request by its route and status, never by what was asked; of too many, how many they were.

    ``clock`` returns seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._begun = clock()
        self._told: Counter[tuple[str, int]] = Counter()
        self._untold = 0

    def tell(self, method: str, route: str, status: int) -> None:
        """Write the line of a request, which belongs to the story at hand."""
        now = self._clock()
        if now - self._begun >= WINDOW_S:
            self._begin_anew(now)
        kind = (route, status)
        if self._told[kind] >= MOST_OF_A_KIND or self._told.total() >= MOST_TOGETHER:
            self._untold += 1
            return
        self._told[kind] += 1
        log.info("%s %s was refused with %d", method, route, status)

    def _begin_anew(self, now: float) -> None:
        if self._untold:
            with correlation.story(""):
                log.info("%d more requests were refused, too many to tell of each", self._untold)
        self._begun, self._untold = now, 0
        self._told.clear()
