"""Whose image is worked on next: few at a time, for each takes memory, and households take turns."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turns:
    """Lets ``at_once`` be at work; of those who wait, one of each household after the other comes next.

    Who waits holds no thread, and a household that asks alone has every place.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    @asynccontextmanager
    async def taken(self, household_id: str) -> AsyncIterator[None]:
        """Wait for a place, and hold it."""
        await self._take(household_id)
        try:
            yield
        finally:
            self._leave()

    async def _take(self, household_id: str) -> None:
        if self._free:  # so nobody waits
            self._free -= 1
            return
        mine = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(household_id, deque()).append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if not mine.cancelled():  # the place was given to who had just gone
                self._leave()
            raise

    def _leave(self) -> None:
        while self._waiting:
            household_id = next(iter(self._waiting))
            waiting = self._waiting.pop(household_id)
            one = waiting.popleft()
            if waiting:
                self._waiting[household_id] = waiting  # behind the others
            if not one.cancelled():
                one.set_result(None)
                return
        self._free += 1
