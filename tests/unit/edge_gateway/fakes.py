"""Fakes of the gateway's ports: a camera, a disk that loses power, a hub and a small cloud behind both ways."""

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFilter

from edge_gateway.ports.camera import Frame
from edge_gateway.ports.device_hub import Connected, Desired, Grant, Incoming
from edge_gateway.ports.image_upload import Answer, Outcome
from firmware.wire.codec import decode, encode
from firmware.wire.messages import BY_KIND


class PowerCutError(BaseException):
    """The power is gone; no handler of the gateway may catch this."""


@dataclass
class FakeDisk:
    """Files in memory; every operation has named moments, and the power may go at any of them."""

    files: dict[Path, bytes] = field(default_factory=dict)
    cut_at: int = -1
    moments: int = 0
    broken: OSError | None = None
    removed: dict[Path, bytes] = field(default_factory=dict)

    def read(self, path: Path) -> bytes:
        if path not in self.files:
            raise FileNotFoundError(path)
        return self.files[path]

    def write(self, path: Path, data: bytes) -> None:
        self._moment()
        if self.broken is not None:
            raise self.broken
        self.files[path] = data[: len(data) // 2]
        self._moment()
        self.files[path] = data
        self._moment()

    def rename(self, source: Path, target: Path) -> None:
        self._moment()
        if source not in self.files:
            raise FileNotFoundError(source)
        self.files[target] = self.files.pop(source)
        self._moment()

    def remove(self, path: Path) -> None:
        self._moment()
        if path in self.files:
            self.removed[path] = self.files.pop(path)
        self._moment()

    def sizes(self, folder: Path) -> Sequence[tuple[str, int]]:
        return [(path.name, len(data)) for path, data in self.files.items() if path.parent == folder]

    def restarted(self, *, removals_kept: bool = True) -> "FakeDisk":
        """Return what is on the disk after the cut; without a sync, removed files may be back."""
        return FakeDisk(files=dict(self.files) if removals_kept else self.removed | self.files)

    def names(self, folder: str) -> list[str]:
        return sorted(path.name for path in self.files if path.parent.name == folder)

    def _moment(self) -> None:
        self.moments += 1
        if self.moments == self.cut_at:
            raise PowerCutError


@dataclass
class FakeCamera:
    """Frames that exist until they are released or refused."""

    frames: list[Frame] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    broken: Exception | None = None
    stuck: OSError | None = None

    def burst(self, count: int) -> Sequence[Frame]:
        if self.broken is not None:
            raise self.broken
        return list(self.frames)[:count]

    def release(self, tokens: Sequence[str]) -> None:
        if self.stuck is not None:
            raise self.stuck
        self.frames = [frame for frame in self.frames if frame.token not in tokens]

    def refuse(self, token: str, reason: str) -> None:
        self.release([token])
        self.refused[token] = reason


@dataclass
class FakeClock:
    """A clock that is set by hand; its seconds and its milliseconds go together."""

    seconds: float = 1000.0
    error: int = 7

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def error_ms(self) -> int:
        return self.error

    def now_s(self) -> float:
        return self.seconds


@dataclass
class FakeCloud:
    """Hub and image store of one gateway: grants, takes and commits at once, unless it is told to fail."""

    connected: bool = True
    answers: list[Answer] = field(default_factory=list)
    grants: bool = True
    commits: bool = True
    refusal: str = ""
    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    rows: dict[str, list[str]] = field(default_factory=dict)
    replies: list[Incoming] = field(default_factory=list)
    uploads: int = 0
    heard: threading.Event = field(default_factory=threading.Event)

    def start(self, listener: Callable[[Incoming], None]) -> None:
        listener(Connected())

    def stop(self) -> None:
        self.connected = False

    def publish(self, kind: str, message: Mapping[str, Any]) -> bool:
        if not self.connected:
            return False
        found = decode(BY_KIND[kind], encode(BY_KIND[kind], dict(message)))
        self.sent.append((kind, found))
        self.heard.set()
        if kind == "uploads/request" and self.grants:
            self.replies.append(self._grant(found["image_id"]))
        if kind == "images" and self.commits:
            self._commit(found)
        return True

    def put(self, grant: Grant, jpeg: bytes) -> Answer:
        self.uploads += 1
        answer = self.answers.pop(0) if self.answers else Answer(Outcome.UPLOADED)
        if answer.outcome is Outcome.UPLOADED:
            self.blobs[grant.image_id] = jpeg
        return answer

    def abort(self) -> None:
        self.connected = False

    def copy(self) -> "FakeCloud":
        """Return another cloud that knows the same."""
        known = {event_id: list(images) for event_id, images in self.rows.items()}
        return replace(
            self, answers=list(self.answers), sent=list(self.sent), blobs=dict(self.blobs), rows=known, replies=[]
        )

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.sent]

    def _grant(self, image_id: str) -> Grant:
        if any(image_id in images for images in self.rows.values()):
            return Grant(image_id, stored=True)
        if self.refusal:
            return Grant(image_id, refused=self.refusal)
        return Grant(image_id, url=f"https://store.example/{image_id}")

    def _commit(self, found: dict[str, Any]) -> None:
        images = self.rows.setdefault(found["event_id"], [])
        uploaded = [image for image in found["images"] if image["image_id"] in self.blobs]
        for image in uploaded:
            assert hashlib.sha256(self.blobs[image["image_id"]]).hexdigest() == image["sha256"]
            if image["image_id"] not in images:
                images.append(image["image_id"])
            self.replies.append(Grant(image["image_id"], stored=True))
        self.replies.append(Desired(len(self.sent), None))


def letter(blur: float = 0, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Return a white page with lines of print."""
    image = Image.new("RGB", size, (235, 235, 230))
    draw = ImageDraw.Draw(image)
    for line in range(8, size[1] - 8, 8):
        draw.line((8, line, size[0] - 8, line), fill=(40, 40, 40), width=2)
    return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image


def frame(folder: Path, name: str, blur: float = 0) -> Frame:
    """Write a frame and return it."""
    path = folder / name
    letter(blur).save(path, "JPEG")
    return Frame(name, path, 1_700_000_000_000)


def broken_frame(folder: Path, name: str) -> Frame:
    """Write a file that only claims to be an image, and return it."""
    path = folder / name
    path.write_text("Dear neighbour")
    return Frame(name, path, 1_700_000_000_000)
