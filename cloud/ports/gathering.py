"""What many callers ask at the same time, worked on together: the whole group costs little more than one of it."""

import asyncio
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


class Gathering(Generic[Question, Answer]):
    """Gives ``answer`` what has come while it answered the group before; nobody waits for a group to fill.

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
        if waiting.task is None:
            waiting.task = loop.create_task(self._work(waiting))
        return await future

    async def _work(self, waiting: _Waiting[Question, Answer]) -> None:
        try:
            while waiting.asked:
                group, waiting.asked = waiting.asked[:MOST_TOGETHER], waiting.asked[MOST_TOGETHER:]
                await self._settle([one for one in group if not one[1].done()])
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
