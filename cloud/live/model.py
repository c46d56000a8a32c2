"""The feed of one household: numbered entries, each with what one transaction changed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import orjson

from cloud.ports.changes import Change, ChangeKind

# How far back a follower that was away may go on; beyond that loading everything anew is the smaller work.
KEEP_MS = 7 * 24 * 3600 * 1000
KEEP_ENTRIES = 10_000
# More of one kind in one transaction are told as "several": an entry stays small however large the group was.
MOST_NAMED = 20

# What a restored server leaves out, more than a backup can be behind: what was told since then is told otherwise now.
RESTORED_GAP = 1_000_000_000
# Where somebody is who does not know where: no feed goes on from here.
NOWHERE = -1

# A row's id, None for several rows of the kind.
Changed = tuple[ChangeKind, str | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What one transaction changed, ``changed_at`` in Unix ms; positions of a household count 1, 2, 3 without a gap."""

    position: int
    changed_at: int
    changed: tuple[Changed, ...]


@dataclass(frozen=True, slots=True)
class Update:
    """What a follower is told next: what led to ``position``, or to load everything anew and go on from there."""

    position: int
    entries: tuple[Entry, ...] = ()
    reload: bool = False


class NotedChanges:
    """What one transaction changes, collected until its end: a row that changes twice is told once."""

    def __init__(self) -> None:
        self._of: dict[str, dict[ChangeKind, dict[str, None]]] = {}

    def add(self, change: Change) -> None:
        """Keep a change."""
        self._of.setdefault(change.household_id, {}).setdefault(change.kind, {})[change.subject_id] = None

    @property
    def households(self) -> Collection[str]:
        """Return whose changes there are."""
        return self._of.keys()

    def changed(self, household_id: str) -> list[Changed]:
        """Return what changed for one household."""
        return [one for kind, names in self._of[household_id].items() for one in _named(kind, tuple(names))]


def write_changed(changed: Sequence[Changed]) -> str:
    """Return changes as they are stored."""
    return orjson.dumps(changed).decode()


def read_changed(text: str) -> tuple[Changed, ...]:
    """Return changes as they were stored."""
    return tuple((ChangeKind(kind), name) for kind, name in orjson.loads(text))


def is_whole(entries: Sequence[Entry], after: int, last: int) -> bool:
    """Return whether these are all entries after one position up to another: what was forgotten leaves a gap."""
    return [entry.position for entry in entries] == list(range(after + 1, last + 1))


def _named(kind: ChangeKind, names: tuple[str, ...]) -> list[Changed]:
    return [(kind, name) for name in names] if len(names) <= MOST_NAMED else [(kind, None)]
