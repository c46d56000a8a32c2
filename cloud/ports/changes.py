"""What a transaction changes for a household, told to those who follow the household live."""

import threading
from collections.abc import Callable, Collection
from enum import StrEnum
from typing import NamedTuple


class ChangeKind(StrEnum):
    """What changed; a delivery is every opening of the mailbox, whatever it turns out to be, a gap what never came."""

    DELIVERY = "delivery"
    GAP = "gap"
    LETTER = "letter"
    IMAGE = "image"
    EMAIL = "email"
    DEVICE = "device"
    NOTIFICATION = "notification"
    PROBLEM = "problem"


class Change(NamedTuple):
    """The household's row ``subject_id`` is new, different or gone; nothing is told of what is in it."""

    household_id: str
    kind: ChangeKind
    subject_id: str


class Commits:
    """Who is told of every commit of this process which households it changed; told by the thread that committed."""

    def __init__(self) -> None:
        self._calls: dict[object, Callable[[Collection[str]], None]] = {}
        self._changing = threading.Lock()

    def listen(self, call: Callable[[Collection[str]], None]) -> Callable[[], None]:
        """Tell this one too; returns what ends it."""
        name = object()
        with self._changing:
            self._calls = {**self._calls, name: call}
        return lambda: self._remove(name)

    def tell(self, households: Collection[str]) -> None:
        """Tell them of a commit, unless it changed no household."""
        if households:
            for call in self._calls.values():
                call(households)

    def _remove(self, name: object) -> None:
        with self._changing:
            self._calls = {other: call for other, call in self._calls.items() if other is not name}
