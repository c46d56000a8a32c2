"""One id for the story of a letter: made at its first message or request, kept by every job that follows from it.

Where stories meet, in the one e-mail of a delivery with two letters, what follows carries the ids of all of them,
separated by commas: a search for any finds it.
"""

import itertools
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# Of ids together: what a column of theirs holds, twelve of ours or three of the longest that callers may give.
LONGEST_TOGETHER = 255
_GIVEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
# A name of this process and a count: as unique as random ids, at a tenth of their price for every message.
_PROCESS = secrets.token_hex(6)
_COUNT = itertools.count()
_story: ContextVar[str] = ContextVar("story", default="")


def new_id() -> str:
    """Return an id that no other message or request has."""
    return f"{_PROCESS}{next(_COUNT):08x}"


def well_formed(given: str) -> str:
    """Return an id that a caller gave, or a new one when it could be mistaken for something else in a log."""
    return given if _GIVEN.fullmatch(given) else new_id()


def current() -> str:
    """Return the id, or ids, of what this thread or task is at work on, "" for none."""
    return _story.get()


def begin(one: str) -> None:
    """Let the rest of this task belong to a story."""
    _story.set(one)


@contextmanager
def story(one: str) -> Iterator[None]:
    """Let what is done within the block belong to a story."""
    token = _story.set(one)
    try:
        yield
    finally:
        _story.reset(token)


def joined(stories: Iterable[str]) -> str:
    """Return the ids of several stories as one, each once and whole; where they are too many the first that fit."""
    ids = ",".join(dict.fromkeys(one for story in stories for one in story.split(",") if one))
    return ids if len(ids) <= LONGEST_TOGETHER else ids[: LONGEST_TOGETHER + 1].rpartition(",")[0]
