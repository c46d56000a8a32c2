"""The spool: events and their images on disk, safe from the moment of capture until the cloud has committed them.

Per event ``entries/{event_id}.json`` and, until it is stored, ``entries/{event_id}.jpg``. The JSON is the truth: it is
written last and atomically, so an image without it was never spooled, and its frames are still with the camera.
"""

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock

from edge_gateway.entry import Entry, State, decode_entry, encode_entry
from edge_gateway.errors import CorruptEntryError, SpoolBrokenError, SpoolFullError
from edge_gateway.ports.disk import Disk

REMEMBERED_EVENTS = 1000
UNSENT = (State.NEW, State.GRANTED, State.PUT, State.ANNOUNCED)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much the spool may take, and how much of the disk it must leave free, in bytes."""

    most_bytes: int
    least_free_bytes: int


class Spool:
    """All entries by event id; safe to use from several threads."""

    def __init__(self, folder: Path, disk: Disk, limits: SpoolLimits, free_bytes: Callable[[], int]) -> None:
        self._entries_folder = folder / "entries"
        self._parked_folder = folder / "parked"
        self._disk = disk
        self._limits = limits
        self._free_bytes = free_bytes
        self._lock = RLock()
        self._entries: dict[str, Entry] = {}
        self._parked: dict[str, int] = {}

    def load(self) -> None:
        """Read the spool after a start and finish what a crash left half done."""
        with self._lock:
            self._parked = _images(self._disk.sizes(self._parked_folder))
            files = dict(self._disk.sizes(self._entries_folder))
            for name in files:
                if name.endswith(".json"):
                    self._load_entry(name.removesuffix(".json"), files)
            self._clear_leftovers(files)

    def find(self, event_id: str) -> Entry | None:
        """Return the entry of an event, stored ones included, or None when it was never photographed."""
        with self._lock:
            return self._entries.get(event_id)

    def find_image(self, image_id: str) -> Entry | None:
        """Return the entry that holds an image, or None."""
        with self._lock:
            return next(
                (each for each in self._entries.values() if each.image and each.image.image_id == image_id), None
            )

    def all(self) -> list[Entry]:
        """Return every entry that is remembered."""
        with self._lock:
            return list(self._entries.values())

    def unfinished(self) -> list[Entry]:
        """Return the entries that the cloud has not committed, in the order of capture."""
        with self._lock:
            return sorted((each for each in self._entries.values() if each.state is not State.STORED), key=_number)

    def check_room(self, size: int) -> None:
        """Give up what may be given up until an image of ``size`` bytes fits; raises SpoolFullError."""
        with self._lock:
            while self._lacks_room(size):
                if not self._parked:
                    raise SpoolFullError(
                        f"expected room for {size} bytes, got {self._used()} of {self._limits.most_bytes} in use"
                        f" and {self._free_bytes()} bytes free on the disk"
                    )
                self._give_up_oldest_parked()

    def add(self, entry: Entry, jpeg: bytes = b"") -> Entry:
        """Make a new entry durable and return it numbered; an event that is already known is returned as it is.

        Raises SpoolFullError and SpoolBrokenError; nothing is spooled then.
        """
        with self._lock:
            known = self._entries.get(entry.event_id)
            if known is not None:
                return known
            numbered = replace(entry, number=1 + max(map(_number, self._entries.values()), default=0))
            try:
                if entry.image is not None:
                    self.check_room(len(jpeg))
                    self._write(self._jpeg(entry.event_id), jpeg)
                self._write(self._json(entry.event_id), encode_entry(numbered))
            except OSError as error:
                raise SpoolBrokenError(f"expected to write {len(jpeg)} bytes to the spool, got: {error}") from error
            self._entries[entry.event_id] = numbered
            return numbered

    def advance(self, event_id: str, state: State) -> Entry:
        """Move an entry on and return it; once stored, its image is removed."""
        with self._lock:
            moved = replace(self._entries[event_id], state=state)
            # A grant is not worth a write: whoever starts again from NEW asks for another one.
            if self._keep(moved, durable=state is not State.GRANTED) and state is State.STORED:
                self._disk.remove(self._jpeg(event_id))
                self._forget_oldest()
            return moved

    def frames_done(self, event_id: str) -> None:
        """Note that the camera has let the frames of an entry go; the disk learns it with the entry's next step."""
        with self._lock:
            self._keep(replace(self._entries[event_id], frames=()), durable=False)

    def frames_in_the_way(self) -> set[str]:
        """Return the tokens of frames that belong to spooled events and are still with the camera."""
        with self._lock:
            return {fate.token for entry in self._entries.values() for fate in entry.frames}

    def read_image(self, entry: Entry) -> bytes:
        """Return the image of an entry; raises CorruptEntryError when the file is not what was spooled."""
        try:
            jpeg = self._disk.read(self._jpeg(entry.event_id))
        except OSError as error:
            raise CorruptEntryError(f"expected the image of event {entry.event_id}, got: {error}") from error
        found = hashlib.sha256(jpeg).hexdigest()
        if entry.image is None or found != entry.image.sha256:
            raise CorruptEntryError(f"expected the spooled image of event {entry.event_id}, got SHA-256 {found}")
        return jpeg

    def park(self, event_id: str, reason: str) -> Entry:
        """Set an image aside that can never be sent, and return its event as one that only has to be told of."""
        with self._lock:
            logger.error("image parked", extra={"event_id": event_id, "reason": reason})
            entry = self._entries.get(event_id, Entry(event_id, State.EMPTY))
            self._write(self._parked_folder / f"{event_id}.reason.txt", f"{reason}\n".encode())
            self._write(self._parked_folder / f"{event_id}.json", encode_entry(entry))
            empty = replace(entry, state=State.EMPTY, trouble=reason)
            self._keep(empty)
            self._park_image(event_id)
            return empty

    def _load_entry(self, event_id: str, files: Mapping[str, int]) -> None:
        path = self._json(event_id)
        try:
            entry = decode_entry(self._disk.read(path), event_id)
        except (CorruptEntryError, OSError) as error:
            self.park(event_id, str(error))
            return
        self._entries[event_id] = entry
        found = files.get(self._jpeg(event_id).name)
        if entry.state in UNSENT and entry.image is not None and found != entry.image.size:
            self.park(event_id, f"expected an image of {entry.image.size} bytes, got {found or 'none'}")

    def _clear_leftovers(self, files: Mapping[str, int]) -> None:
        """Finish parking and removing what was begun, and drop what was written before a crash but never committed."""
        for name in files:
            if name.endswith(".tmp"):
                self._disk.remove(self._entries_folder / name)
            elif name.endswith(".jpg"):
                self._clear_leftover_image(name.removesuffix(".jpg"))

    def _clear_leftover_image(self, event_id: str) -> None:
        entry = self._entries.get(event_id)
        if entry is None or entry.state is State.STORED:
            self._disk.remove(self._jpeg(event_id))
        elif entry.state is State.EMPTY:
            self._park_image(event_id)

    def _park_image(self, event_id: str) -> None:
        target = self._parked_folder / f"{event_id}.jpg"
        try:
            self._disk.rename(self._jpeg(event_id), target)
        except FileNotFoundError:
            return  # it was parked because its image is missing
        self._parked = _images(self._disk.sizes(self._parked_folder))

    def _give_up_oldest_parked(self) -> None:
        name = next(iter(self._parked))
        logger.error("parked image given up for a new one", extra={"file": name})
        self._disk.remove(self._parked_folder / name)
        del self._parked[name]

    def _lacks_room(self, size: int) -> bool:
        used = self._used() + size > self._limits.most_bytes
        return used or self._free_bytes() - size < self._limits.least_free_bytes

    def _used(self) -> int:
        waiting = (each.image.size for each in self._entries.values() if each.image and each.state in UNSENT)
        return sum(waiting) + sum(self._parked.values())

    def _keep(self, entry: Entry, *, durable: bool = True) -> bool:
        """Hold an entry in memory and on disk; returns whether the disk has it.

        A disk that fails here costs nothing but repeated steps after the next start, so the image still travels.
        """
        self._entries[entry.event_id] = entry
        if durable:
            try:
                self._write(self._json(entry.event_id), encode_entry(entry))
            except OSError as error:
                logger.error("spool not written", extra={"event_id": entry.event_id, "reason": str(error)})  # noqa: TRY400 - the reason says it all
                return False
        return durable

    def _forget_oldest(self) -> None:
        stored = sorted((each for each in self._entries.values() if each.state is State.STORED), key=_number)
        for entry in stored[:-REMEMBERED_EVENTS]:
            self._disk.remove(self._json(entry.event_id))
            del self._entries[entry.event_id]

    def _write(self, path: Path, data: bytes) -> None:
        temporary = path.with_name(f"{path.name}.tmp")
        self._disk.write(temporary, data)
        self._disk.rename(temporary, path)

    def _json(self, event_id: str) -> Path:
        return self._entries_folder / f"{event_id}.json"

    def _jpeg(self, event_id: str) -> Path:
        return self._entries_folder / f"{event_id}.jpg"


def _number(entry: Entry) -> int:
    return entry.number


def _images(files: Iterable[tuple[str, int]]) -> dict[str, int]:
    return {name: size for name, size in files if name.endswith(".jpg")}
