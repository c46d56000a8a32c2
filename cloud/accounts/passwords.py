"""Passwords: argon2id (RFC 9106), and the same time for a user who does not exist."""

import threading
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 100
# Every hash takes 64 MiB; the other logins of the moment wait their turn.
HASHED_AT_ONCE = 2

_HASHER = PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
_turns = threading.BoundedSemaphore(HASHED_AT_ONCE)


def hash_password(password: str) -> str:
    """Return what is stored of a password: algorithm, parameters, salt and hash."""
    with _turns:
        return _HASHER.hash(password)


def is_password(password: str, stored: str | None) -> bool:
    """Return whether this is the password; where none is stored it takes as long to say no."""
    expected = stored or _nobodys()
    try:
        with _turns:
            return _HASHER.verify(expected, password) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(stored: str) -> bool:
    """Return whether a stored hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


@cache
def _nobodys() -> str:
    return hash_password("the password of nobody")
