"""Passwords: argon2id (RFC 9106), the same time for a user who does not exist, and few at a time."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from cloud.errors import BusyError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 100
# Every hash takes 64 MiB, and a tenth of a second: so many others of the moment wait their turn, a second in all.
HASHED_AT_ONCE, MOST_WAITING = 2, 16

T = TypeVar("T")

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)


class PasswordTurns:
    """Where requests that hash a password have their turns: threads of their own, so that they hold up no others."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(HASHED_AT_ONCE, thread_name_prefix="password")
        self._places = threading.BoundedSemaphore(HASHED_AT_ONCE + MOST_WAITING)

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have the work done in its turn, as a part of this request; raises BusyError where too many wait."""
        if not self._places.acquire(blocking=False):
            raise BusyError(
                f"expected at most {HASHED_AT_ONCE + MOST_WAITING} requests with a password at a time, "
                "this is one more; try again in some seconds"
            )
        future = self._threads.submit(copy_context().run, work)
        future.add_done_callback(lambda _: self._places.release())
        return future

    async def take(self, work: Callable[[], T]) -> T:
        """Return what the work returns, done in its turn; raises BusyError where too many wait."""
        return await asyncio.wrap_future(self.submit(work))


def hash_password(password: str) -> str:
    """Return what is stored of a password: algorithm, parameters, salt and hash."""
    return _HASHER.hash(password)


def is_password(password: str, stored: str | None) -> bool:
    """Return whether this is the password; where none is stored it takes as long to say no."""
    expected = stored or _nobodys()
    try:
        return _HASHER.verify(expected, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Return whether a stored hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return hash_password("the password of nobody")
