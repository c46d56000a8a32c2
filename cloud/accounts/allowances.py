"""How many requests a caller may send: leased from the caller's bucket in blocks, so that few of them ask the database.

A process holds at most one block of a caller, so that all of them together let through no more than the burst, the
rate, and a block for each process.
"""

import math
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

from cloud.accounts.limits import Block, Bucket, Limit, refusal, take_blocks
from cloud.ports.database import Database
from cloud.ports.gathering import Gathering

# A block is this part of the burst: a larger one asks the database less often, and leaves other processes less.
BLOCKS = 10
# Refusals say whole seconds (RFC 9110 section 10.2.3); until then the bucket is not asked again.
LEAST_WAIT_S = 1
# Of some hundred bytes each; who is forgotten loses what is left of their block.
MOST_LEASES = 10_000


@dataclass(slots=True)
class _Lease:
    """What this process may still let through; ``empty_until`` (by its clock) is when a bucket without any has some."""

    left: int
    empty_until: float


class Allowances:
    """Counts requests by caller; one per application, used by its event loop only."""

    def __init__(self, database: Database, limit: Limit, clock: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._limit = limit
        self._block = max(limit.burst // BLOCKS, 1)
        self._clock = clock
        self._leases: dict[str, _Lease] = {}
        # One group at a time: the next looks at what this one brought, so that no caller gets two blocks.
        self._gathering = Gathering(self._lease, most_groups=1)

    async def take(self, caller: str) -> None:
        """Count a request; raises RateLimitedError, or RetryLaterError when a block is needed and cannot be had."""
        lease = self._leases.get(caller)
        while lease is None or lease.left < 1:
            if lease is not None and (waiting := lease.empty_until - self._clock()) > 0:
                raise refusal(self._limit, math.ceil(waiting))
            await self._gathering.ask(caller)
            lease = self._leases.get(caller)
        lease.left -= 1

    async def _lease(self, callers: Sequence[str]) -> list[None]:
        """Lease a block for each caller who has none left, be it that those before them used it up or asked for it."""
        now = self._clock()
        wanting = {one for one in callers if _is_wanting(self._leases.get(one), now)}
        if wanting:
            self._keep(await run_in_threadpool(self._take_blocks, wanting))
        return [None] * len(callers)

    def _take_blocks(self, callers: Collection[str]) -> dict[Bucket, Block]:
        with self._database.write() as unit_of_work:
            return take_blocks(unit_of_work, [Bucket(self._limit, one) for one in callers], self._block)

    def _keep(self, blocks: dict[Bucket, Block]) -> None:
        now = self._clock()
        for bucket, block in blocks.items():
            self._leases.pop(bucket.of, None)  # the newest are last, for those at the front are forgotten
            empty_until = now if block.tokens else now + max(block.wait_ms / 1000, LEAST_WAIT_S)
            self._leases[bucket.of] = _Lease(block.tokens, empty_until)
        while len(self._leases) > MOST_LEASES:
            del self._leases[next(iter(self._leases))]


def _is_wanting(lease: _Lease | None, now: float) -> bool:
    return lease is None or (lease.left < 1 and lease.empty_until <= now)
