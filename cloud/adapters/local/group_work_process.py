"""Database work of groups of requests beside this process, while groups are large.

CPython runs one thread at a time (docs.python.org/3.11/glossary.html#term-global-interpreter-lock): a thread that
writes and one that reads requests take turns, and pay for each. A second process lets two processors work. It costs
memory, so it runs only while it is worth it (docs/decisions/0110).
"""

import asyncio
import contextlib
import logging
import pickle
import socket
import struct
import subprocess
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from cloud.adapters.local.child_process import start_module
from cloud.ports.changes import Commits
from cloud.ports.group_work import GroupWork, Means
from cloud.settings import Settings

CHILD_MODULE = "cloud.worker.group_work"
# Of smaller groups the way to the other process costs more than it saves.
WORTH_IT = 8
IDLE_S = 30.0
LENGTH = struct.Struct("!I")
ENDED = "it has ended"

log = logging.getLogger(__name__)

Given = TypeVar("Given")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply:
    """What work in the other process came to: result or error, the households it changed, whether jobs are due."""

    result: Any = None
    error: Exception | None = None
    households: Collection[str] = ()
    woke: bool = False


class LostError(Exception):
    """The other process has ended, and with it the answer."""


@dataclass(frozen=True, slots=True)
class Effects:
    """What follows in this process from a commit of the other one."""

    commits: Commits
    wake: Callable[[], None]

    def of(self, reply: Reply) -> None:
        """Tell of a commit as if it were this process's own."""
        self.commits.tell(reply.households)
        if reply.woke:
            self.wake()


class ProcessGroupWork:
    """Lets a child process do what is large; it starts at the first large group and ends when none came for a while.

    What comes until it runs, and what it leaves undone when it dies, is done in a thread. Used by one event loop.
    """

    def __init__(self, here: GroupWork, settings: Settings, effects: Effects, idle_s: float = IDLE_S) -> None:
        self._here = here
        self._settings = settings
        self._effects = effects
        self._idle_s = idle_s
        self._child: _Child | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._large = asyncio.Event()

    @property
    def child_pid(self) -> int | None:
        """The process id of the running child, None while there is none."""
        return self._child.pid if self._child else None

    async def run(
        self,
        work: Callable[[Means, Given], T],
        given: Given,
        size: int,
        again: Callable[[Given], Given] = lambda given: given,
    ) -> T:
        """Return what the work returns for a group of ``size``; raises what it raises."""
        if size >= WORTH_IT:
            self._want_child()
        child = self._child
        if child is None:
            return await self._here.run(work, given, size)
        try:
            reply = await child.ask(work, given)
        except LostError:
            log.warning("expected an answer of the process beside the server, it has ended; its work is done here")
            self._forget(child)
            return await self._here.run(work, again(given), size)
        self._effects.of(reply)
        if reply.error is not None:
            raise reply.error
        return reply.result  # type: ignore[no-any-return]

    async def close(self) -> None:
        """Let the child end what it was asked, and end it."""
        if self._keeping:
            self._keeping.cancel()
            await asyncio.wait([self._keeping])

    def _want_child(self) -> None:
        self._large.set()
        if self._keeping is None or self._keeping.done():
            self._keeping = asyncio.get_running_loop().create_task(self._keep_child())

    def _forget(self, child: "_Child") -> None:
        """Let the next large group start another child, once this one is cleared away."""
        if self._child is child and self._keeping:
            self._child = None
            self._keeping.cancel()

    async def _keep_child(self) -> None:
        """Start the child, and end it once no large group has come for a while."""
        try:
            child = await _Child.started(self._settings)
        except (OSError, LostError) as error:
            log.warning("expected a process beside the server, it does not start (%s); its work is done here", error)
            await asyncio.sleep(self._idle_s)
            return
        self._child = child
        try:
            await self._until_idle()
        finally:
            self._child = None
            await child.close()

    async def _until_idle(self) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                self._large.clear()
                async with asyncio.timeout(self._idle_s):
                    await self._large.wait()


class _Child:
    """The child and the socket to it; it answers in the order it was asked."""

    def __init__(
        self, process: "subprocess.Popen[bytes]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader, self._writer = reader, writer
        self._asked: deque[asyncio.Future[Reply]] = deque()
        self._reading = asyncio.get_running_loop().create_task(self._read())
        self.pid = process.pid

    @classmethod
    async def started(cls, settings: Settings) -> "_Child":
        """Return a child that runs; raises OSError or LostError when it does not start."""
        ours, theirs = socket.socketpair()
        with theirs:
            process = start_module(CHILD_MODULE, theirs.fileno())
        child = cls(process, *await asyncio.open_connection(sock=ours))
        try:
            await child._send(settings)  # it says when it has opened the database
        except BaseException:
            await child.close()
            raise
        return child

    async def ask(self, work: Callable[[Means, Given], T], given: Given) -> Reply:
        """Return what the work came to; raises LostError when the child has ended."""
        return await self._send((work, given))

    async def close(self) -> None:
        """Let the child end what it was asked, and wait for its end."""
        while self._asked:
            await asyncio.wait([self._asked[-1]])
        self._writer.close()
        await asyncio.to_thread(self._process.wait)
        self._reading.cancel()

    async def _send(self, content: object) -> Reply:
        if self._reading.done():
            raise LostError(ENDED)
        reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._asked.append(reply)
        self._writer.write(frame(content))
        return await asyncio.shield(reply)

    async def _read(self) -> None:
        """Give out replies until the child has ended, or says what cannot be read: nobody waits for it any longer."""
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, OSError):
                while True:
                    (length,) = LENGTH.unpack(await self._reader.readexactly(LENGTH.size))
                    reply = pickle.loads(await self._reader.readexactly(length))  # noqa: S301 - our own child
                    self._asked.popleft().set_result(reply)
        finally:
            while self._asked:
                self._asked.popleft().set_exception(LostError(ENDED))


def frame(content: object) -> bytes:
    """Return a value as it goes over the socket: its length, and itself pickled."""
    pickled = pickle.dumps(content, pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(pickled)) + pickled
