"""Use cases of the live feed: following a household, and going on from where one was.

One task of the process looks at the feeds that somebody follows and gives what is new to all who follow them. A commit
of this process wakes it, those of others are seen within a second. While nobody follows, there is no such task.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from starlette.concurrency import run_in_threadpool

from cloud.accounts.model import Admission
from cloud.devices.lists.repository import DeviceLists
from cloud.errors import RateLimitedError, RetryLaterError
from cloud.images.repository import ImageRepository
from cloud.live.model import Changed, Entry, Update, is_whole
from cloud.live.repository import AdmissionRepository, FeedRepository
from cloud.ports.changes import ChangeKind
from cloud.ports.database import Database, UnitOfWork

log = logging.getLogger(__name__)

MOST_ENTRIES = 500
# Entries that wait for a follower who takes them slowly; one with more is dropped, and goes on when it comes again.
MOST_WAITING = 2000
MOST_OF_USER, MOST_OF_HOUSEHOLD = 20, 100
COME_AGAIN_S = 30


@dataclass(frozen=True, slots=True)
class Pace:
    """How often what is done, in seconds.

    ``look`` finds the commits of other processes; within ``rest`` a burst of commits is read together; a stream
    outlives what let it in by ``admission``; a proxy cuts what is silent, many after a minute, so ``alive`` is less;
    who does not take a message within ``send`` is gone, or keeps what is written waiting on purpose.
    """

    look: float = 1.0
    rest: float = 0.05
    admission: float = 2.0
    alive: float = 15.0
    send: float = 20.0


class Follower:
    """One who follows a household: what comes after the position ``start`` waits here until it is taken."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.start: int | None = None
        self.has_ended = False
        self._waiting: list[Update] = []
        self._begun, self._bell = asyncio.Event(), asyncio.Event()

    def begin(self, position: int) -> None:
        """Let the follower start here."""
        self.start = position
        self._begun.set()

    def give(self, update: Update) -> None:
        """Add an update to what waits, or end a follower who takes nothing."""
        self._waiting.append(update)
        self._bell.set()
        self.has_ended |= sum(len(one.entries) for one in self._waiting) > MOST_WAITING

    def end(self) -> None:
        """Give nothing more."""
        self.has_ended = True
        self._begun.set()
        self._bell.set()

    async def started(self) -> int | None:
        """Return the position where the follower starts, None when it has ended before."""
        await self._begun.wait()
        return self.start

    async def take(self, timeout_s: float) -> list[Update]:
        """Return what waits, after the timeout nothing."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._bell.wait(), timeout_s)
        self._bell.clear()
        taken, self._waiting = self._waiting, []
        return taken


@dataclass(frozen=True, slots=True)
class _Seen:
    """One look: what is new in each feed, or where a feed that was not looked at before ends; who may go on."""

    updates: Mapping[str, Update]
    standing: Collection[Admission]


class LiveFeed:
    """Who follows which household in this process; all but ``missed`` belongs to the thread of the event loop."""

    def __init__(self, database: Database, pace: Pace = Pace()) -> None:
        self._database = database
        self.pace = pace
        self._followers: dict[str, list[Follower]] = {}
        self._positions: dict[str, int] = {}
        self._bell = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._admitted_until = 0.0
        self._is_closed = False

    @property
    def is_followed(self) -> bool:
        """Return whether anybody follows any household."""
        return bool(self._followers)

    def follow(self, admission: Admission) -> Follower:
        """Return a new follower; raises RateLimitedError when there are too many, RetryLaterError after the end."""
        if self._is_closed:
            raise RetryLaterError("expected a server that runs, this one is stopping")
        _check_number(admission, self._followers)
        follower = Follower(admission)
        self._followers.setdefault(admission.household_id, []).append(follower)
        if (position := self._positions.get(admission.household_id)) is not None:
            follower.begin(position)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        self._bell.set()
        return follower

    def leave(self, follower: Follower) -> None:
        """Forget a follower."""
        household_id = follower.admission.household_id
        self._followers[household_id].remove(follower)
        if not self._followers[household_id]:
            del self._followers[household_id]
            self._positions.pop(household_id, None)

    def close(self) -> None:
        """End every follower and take no more."""
        self._is_closed = True
        for follower in self._everybody():
            follower.end()

    async def updates(self, follower: Follower, after: int | None) -> AsyncIterator[Update | None]:
        """Yield everything after a position, or from where the follower starts, and None now and then without news.

        Raises RetryLaterError when what was missed cannot be read now.
        """
        start = await follower.started()
        if start is None:
            return
        if after is None:
            yield Update(start)
        while after not in {None, start}:
            missed = await run_in_threadpool(self.missed, follower.admission.household_id, after, start)
            after = missed.position
            yield missed
        while not follower.has_ended:
            for update in await follower.take(self.pace.alive) or (None,):
                yield update

    def missed(self, household_id: str, after: int | None, last: int | None = None) -> Update:
        """Return what came after a position up to the ``last``, or to the end of the feed."""
        with self._database.read() as unit_of_work:
            if last is None:
                last = FeedRepository(unit_of_work).positions([household_id])[household_id]
            return _update(unit_of_work, household_id, after, last)

    async def _watch(self) -> None:
        unlisten = self._database.commits.listen(self._ring_for(asyncio.get_running_loop()))
        try:
            while self.is_followed:
                self._bell.clear()
                await self._look()
                await asyncio.sleep(self.pace.rest)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._bell.wait(), self.pace.look)
        finally:
            unlisten()
            for follower in self._everybody():
                follower.end()

    def _ring_for(self, loop: asyncio.AbstractEventLoop) -> Callable[[Collection[str]], None]:
        def ring(households: Collection[str]) -> None:
            if any(one in self._followers for one in households):
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile, and with it every stream
                    loop.call_soon_threadsafe(self._bell.set)

        return ring

    async def _look(self) -> None:
        known = {household_id: self._positions.get(household_id) for household_id in self._followers}
        asked: list[Admission] = []
        if (now := asyncio.get_running_loop().time()) >= self._admitted_until:
            asked = [follower.admission for follower in self._everybody()]
        try:
            seen = await run_in_threadpool(self._see, known, asked)
        except RetryLaterError as error:
            log.warning("followers wait: %s", error)
            return
        if asked:
            self._admitted_until = now + self.pace.admission
        self._dismiss({*asked} - {*seen.standing})
        for household_id, update in seen.updates.items():
            self._tell(household_id, known[household_id], update)

    def _see(self, known: Mapping[str, int | None], asked: Collection[Admission]) -> _Seen:
        with self._database.read() as unit_of_work:
            standing = AdmissionRepository(unit_of_work).standing(asked) if asked else ()
            ends = FeedRepository(unit_of_work).positions(known)
            moved = {one: last for one, last in ends.items() if last != known[one]}
            return _Seen({one: _update(unit_of_work, one, known[one], last) for one, last in moved.items()}, standing)

    def _dismiss(self, ended: Collection[Admission]) -> None:
        for follower in self._everybody():
            if follower.admission in ended:
                follower.end()

    def _tell(self, household_id: str, known: int | None, update: Update) -> None:
        """Give an update to the followers that the look was made for; a household left meanwhile is looked at anew."""
        if household_id not in self._followers or self._positions.get(household_id) != known:
            return
        self._positions[household_id] = update.position
        for follower in self._followers[household_id]:
            if known is None:
                follower.begin(update.position)
            else:
                follower.give(update)

    def _everybody(self) -> list[Follower]:
        return [follower for followers in self._followers.values() for follower in followers]


def forget_old(database: Database) -> None:
    """Delete what no follower can go on from any more."""
    with database.write() as unit_of_work:
        FeedRepository(unit_of_work).forget_old()


def _check_number(admission: Admission, followers: Mapping[str, Collection[Follower]]) -> None:
    here = followers.get(admission.household_id, ())
    own = [one for ones in followers.values() for one in ones if one.admission.user_id == admission.user_id]
    if len(here) >= MOST_OF_HOUSEHOLD or len(own) >= MOST_OF_USER:
        raise RateLimitedError(
            f"expected at most {MOST_OF_USER} streams of one person and {MOST_OF_HOUSEHOLD} of one household at a time",
            COME_AGAIN_S,
        )


def _update(unit_of_work: UnitOfWork, household_id: str, after: int | None, last: int) -> Update:
    """Return the next entries after a position; ``reload`` when it is none of this feed, or some were forgotten."""
    if after is None or after == last:
        return Update(last)
    if after > last:
        return Update(last, reload=True)
    until = min(last, after + MOST_ENTRIES)
    entries = FeedRepository(unit_of_work).entries(household_id, after, until - after)
    if not is_whole(entries, after, until):
        return Update(last, reload=True)
    return Update(until, tuple(_as_api_names(unit_of_work, household_id, entries)))


def _as_api_names(unit_of_work: UnitOfWork, household_id: str, entries: Collection[Entry]) -> Iterable[Entry]:
    """Return the entries with devices and images called by their numbers, as everywhere in the API."""
    changed = [one for entry in entries for one in entry.changed]
    numbers: dict[ChangeKind, dict[str, int]] = {}
    devices = {name for kind, name in changed if kind is ChangeKind.DEVICE and name}
    if devices:
        numbers[ChangeKind.DEVICE] = DeviceLists(unit_of_work).numbers(household_id, devices)
    images = [name for kind, name in changed if kind is ChangeKind.IMAGE and name]
    if images:
        numbers[ChangeKind.IMAGE] = ImageRepository(unit_of_work).numbers(household_id, images)
    return (replace(entry, changed=tuple(_named(one, numbers) for one in entry.changed)) for entry in entries)


def _named(changed: Changed, numbers: Mapping[ChangeKind, Mapping[str, int]]) -> Changed:
    kind, name = changed
    if kind not in numbers or name is None:
        return changed
    number = numbers[kind].get(name)  # none when it is gone
    return kind, None if number is None else str(number)
