"""One mailbox event in the spool: its image, how far it has come, and its form on disk."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from edge_gateway.errors import CorruptEntryError


class State(StrEnum):
    """How far an event has come on its way to the cloud."""

    NEW = "new"  # in the spool, the cloud knows nothing of it
    GRANTED = "granted"  # uploading; kept in memory only, because a grant is secret and short-lived
    PUT = "put"  # the image store has the bytes
    ANNOUNCED = "announced"  # the cloud was told which event they belong to
    EMPTY = "empty"  # nothing to upload: the cloud is to be told of an empty mailbox, or of an image that cannot be had
    STORED = "stored"  # the cloud has committed it; kept without image so that the event is never photographed again


@dataclass(frozen=True, slots=True)
class SpooledImage:
    """The image of an event; ``captured_at`` in Unix ms, ``err_ms`` how wrong that may be."""

    image_id: str
    sha256: str
    size: int
    width: int
    height: int
    captured_at: int
    err_ms: int
    scores: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FrameFate:
    """What becomes of one frame of the burst once the entry is safe: forgotten, or set aside with a reason."""

    token: str
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One mailbox event; ``number`` is its place in the order of capture."""

    event_id: str
    state: State
    image: SpooledImage | None = None
    frames: tuple[FrameFate, ...] = ()
    trouble: str = ""
    number: int = 0


def encode_entry(entry: Entry) -> bytes:
    """Return the entry as it stands on disk."""
    return json.dumps(asdict(entry), indent=1).encode()


def decode_entry(data: bytes, event_id: str) -> Entry:
    """Return the entry that ``encode_entry`` wrote; raises CorruptEntryError for anything else."""
    try:
        fields = json.loads(data)
        entry = Entry(
            event_id=str(fields["event_id"]),
            state=_resumed(State(fields["state"])),
            image=_image(fields["image"]),
            frames=tuple(FrameFate(str(fate["token"]), str(fate["refused"])) for fate in fields["frames"]),
            trouble=str(fields["trouble"]),
            number=int(fields["number"]),
        )
    except (ValueError, LookupError, TypeError) as error:
        raise CorruptEntryError(f"expected the entry of event {event_id}, got {data[:40]!r} ({error})") from error
    if entry.event_id != event_id:
        raise CorruptEntryError(f"expected the entry of event {event_id}, got that of {entry.event_id}")
    return entry


def _resumed(state: State) -> State:
    """Return where to go on after a start: an entry that was parked during its upload has lost its grant."""
    return State.NEW if state is State.GRANTED else state


def _image(fields: dict[str, Any] | None) -> SpooledImage | None:
    return None if fields is None else SpooledImage(**fields)
