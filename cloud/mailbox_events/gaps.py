"""Events of a journal that never came: which numbers are missing, and how many openings that may be.

A board numbers its events from 1 within each boot, so what is missing between two that came is known exactly, unless it
was at the end of a boot. ``lost`` is what the board itself dropped for lack of room (docs/decisions/0084).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from cloud.devices.model import Position

FIRST_SEQ = 1
# More than a board can tell of in the years of a battery: its numbers jumped, and say nothing of how many are missing.
MOST_TOLD = 100_000


@dataclass(frozen=True, slots=True)
class Gap:
    """Events ``first`` to ``last`` of one boot that are missing, ``boot`` None for those of which the place is unknown.

    They happened after ``since`` (None: at any time before) and before ``until``, in Unix ms.
    """

    id: str
    device_id: str
    install: str
    boot: int | None
    first: int
    last: int
    since: int | None
    until: int

    @property
    def events(self) -> int:
        """How many events are missing."""
        return self.last - self.first + 1

    @property
    def openings(self) -> int:
        """How many openings they may be at most: an opening is followed by its close."""
        return (self.events + 1) // 2

    @property
    def is_jump(self) -> bool:
        """Whether more numbers are missing than there can have been events."""
        return self.events > MOST_TOLD

    def has(self, position: Position) -> bool:
        """Whether this event is one of the missing."""
        return (
            self.install == position.install and self.boot == position.boot and self.first <= position.seq <= self.last
        )


def expected_before(position: Position, newest: Position | None) -> range:
    """Return the numbers of the event's boot that should have come before it, after the newest that came.

    Of a journal that begins here nothing is expected: what came before may have been another household's.
    """
    if newest is None or position <= newest:
        return range(0)
    first = newest.seq + 1 if newest.boot == position.boot else FIRST_SEQ
    return range(first, position.seq)


def missing(expected: range, known: Iterable[range]) -> list[range]:
    """Return the parts of ``expected`` that lie in none of the ``known`` ranges."""
    parts, start = [], expected.start
    for one in sorted(known, key=lambda each: each.start):
        if one.start > start:
            parts.append(range(start, min(one.start, expected.stop)))
        start = max(start, one.stop)
    parts.append(range(start, expected.stop))
    return [part for part in parts if part]


def without(gap: Gap, seq: int, occurred_at: int, new_id: str) -> Sequence[Gap]:
    """Return what is left of a gap when one of its events has come: nothing, one part, or two."""
    before = replace(gap, last=seq - 1, until=min(occurred_at, gap.until))
    after = replace(gap, first=seq + 1, since=max(occurred_at, gap.since or 0))
    parts = [part for part in (before, after) if part.events > 0]
    return parts if len(parts) < 2 else (before, replace(after, id=new_id))


def unplaced(lost: int, placed: int) -> int:
    """Return how many of the events that the board dropped are missing nowhere in its numbers."""
    return max(lost - placed, 0)
