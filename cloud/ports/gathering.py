"""What many callers ask at the same time, worked on together: the whole group costs little more than one of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from cloud.errors import RetryLaterError

# Of small work, what is done in some ten milliseconds: nobody waits much longer than for an answer of their own.
MOST_TOGETHER = 256
# One is worked on while the next waits behind it: whoever works need not wait until the answers are given out.
MOST_GROUPS = 2

Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(slots=True)
class _Waiting(Generic[Question, Answer]):
    """What waits in one event loop, and the sizes of the groups at work by their tasks."""

    asked: list[tuple[Question, asyncio.Future[Answer]]] = field(default_factory=list)
    at_work: dict[asyncio.Task[None], int] = field(default_factory=dict)
    is_due: bool = False


class Gathering(Generic[Question, Answer]):
    """Gives ``answer`` what has come while it answered the group before.

    One who asks alone waits for nobody. A second group goes on its way while the first is at work, once it is as large:
    so that many callers become two groups that take turns, not one that everybody waits for. With ``most_groups`` 1
    each group begins with what the one before has left.

    An error among the answers is raised where its question came from. When ``answer`` itself raises, each of the group
    is asked alone, so that a failure is its owner's only; a fault that passes is everybody's.
    """

    def __init__(
        self,
        answer: Callable[[Sequence[Question]], Awaitable[Sequence[Answer | Exception]]],
        most_groups: int = MOST_GROUPS,
    ) -> None:
        self._answer = answer
        self._most_groups = most_groups
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, _Waiting[Question, Answer]] = WeakKeyDictionary()

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question; raises what it came to."""
        loop = asyncio.get_running_loop()
        waiting = self._waiting.setdefault(loop, _Waiting())
        future: asyncio.Future[Answer] = loop.create_future()
        waiting.asked.append((question, future))
        if not waiting.is_due:
            waiting.is_due = True
            # After all that came in this turn of the loop; a group belongs to nobody's story (``cloud.correlation``).
            loop.call_soon(self._begin, waiting, context=Context())
        return await future

    def _begin(self, waiting: _Waiting[Question, Answer]) -> None:
        """Begin a group if it is worth it."""
        waiting.is_due = False
        if not waiting.asked or len(waiting.at_work) >= self._most_groups:
            return
        if waiting.at_work and len(waiting.asked) < max(waiting.at_work.values()):
            return
        group, waiting.asked = waiting.asked[:MOST_TOGETHER], waiting.asked[MOST_TOGETHER:]
        task = asyncio.get_running_loop().create_task(self._settle([one for one in group if not one[1].done()]))
        waiting.at_work[task] = len(group)
        task.add_done_callback(lambda done: self._end(waiting, done))

    def _end(self, waiting: _Waiting[Question, Answer], task: asyncio.Task[None]) -> None:
        del waiting.at_work[task]
        self._begin(waiting)

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
