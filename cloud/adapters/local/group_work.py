"""Database work of groups of requests, in a thread of this process."""

from collections.abc import Callable
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from cloud.ports.group_work import Means

Given = TypeVar("Given")
T = TypeVar("T")


class ThreadGroupWork:
    """Does each group's work in a thread."""

    def __init__(self, means: Means) -> None:
        self._means = means

    async def run(
        self,
        work: Callable[[Means, Given], T],
        given: Given,
        size: int,
        again: Callable[[Given], Given] = lambda given: given,
    ) -> T:
        """Return what the work returns; raises what it raises."""
        del size, again  # a thread costs the same for any size, and dies with its process only
        return await run_in_threadpool(work, self._means, given)

    async def close(self) -> None:
        """Do nothing: threads end with their work."""
