"""What many callers ask at the same time, worked on together: the whole group costs little more than one of it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from cloud.errors import RetryLaterError

# Of small work, what is done in some ten milliseconds: nobody waits much longer than for an answer of their own.
MOST_TOGETHER = 256

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Waiting(Generic[Question, Answer]):
    """What waits in one event loop, and the task that works on it."""

    asked: list[tuple[Question, asyncio.Future[Answer]]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    awaited: int = 0
    are_enough: asyncio.Event = field(default_factory=asyncio.Event)


class Gathering(Generic[Question, Answer]):
    """Gives ``answer`` what has come while it answered the group before.

    One who asks alone waits for nobody. After a group, as many are waited for again, no longer than that group took:
    they ask anew once they are answered, and else would go on as two groups that take turns.

    An error among the answers is raised where its question came from. When ``answer`` itself raises, each of the group
    is asked alone, so that a failure is its owner's only; a fault that passes is everybody's.
    """

    def __init__(self, answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]]) -> None:
        self._answer = answer
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[Question, Answer]] = WeakKeyDictionary()

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question; raises what it came to."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, _Waiting())
        future: asyncio.Future[Answer] = loop.create_future()
        waiting.asked.append((question, future))
        if len(waiting.asked) == waiting.awaited:
            waiting.are_enough.set()
        if waiting.task is None:
            waiting.task = loop.create_task(self._work(waiting))
        return await future

    async def _work(self, waiting: _Waiting[Question, Answer]) -> None:
        try:
            while waiting.asked:
                group, waiting.asked = waiting.asked[:MOST_TOGETHER], waiting.asked[MOST_TOGETHER:]
                begin = time.monotonic()
                await self._settle([one for one in group if not one[1].done()])
                if len(group) > 1:
                    await _as_many_again(waiting, len(group), time.monotonic() - begin)
        finally:
            waiting.task = None

    async def _settle(self, group: Sequence[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in group])
        except Exception as error:  # noqa: BLE001 - raised where the questions came from
            if len(group) > 1 and not isinstance(error, RetryLaterError):
                for one in group:
                    await self._settle([one])
                return
            answers = [error] * len(group)
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():  # its caller has gone away
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)


async def _as_many_again(waiting: _Waiting[Question, Answer], count: int, at_most_s: float) -> None:
    """Wait until ``count`` have asked, at most so many seconds."""
    if len(waiting.asked) >= count:
        return
    waiting.awaited = count
    waiting.are_enough.clear()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await waiting.are_enough.wait()
