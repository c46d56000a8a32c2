"""A gateway's workers around fakes."""

import errno
import hashlib
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge_gateway.backoff import Timing
from edge_gateway.capture import CaptureDesk, Photographer
from edge_gateway.entry import Entry, FrameFate, SpooledImage, State
from edge_gateway.ports.device_hub import Connected
from edge_gateway.spool import Spool, SpoolLimits
from edge_gateway.upload import Uploader
from tests.unit.edge_gateway.fakes import FakeCamera, FakeClock, FakeCloud, FakeDisk

SPOOL = Path("spool")
NO_SPACE = OSError(errno.ENOSPC, "No space left on device")


@dataclass
class Bench:
    """Every worker of one gateway, and the fakes around it."""

    disk: FakeDisk = field(default_factory=FakeDisk)
    camera: FakeCamera = field(default_factory=FakeCamera)
    cloud: FakeCloud = field(default_factory=FakeCloud)
    clock: FakeClock = field(default_factory=FakeClock)
    limits: SpoolLimits = field(default_factory=lambda: SpoolLimits(1_000_000, 1000))
    free: int = 10_000_000
    troubles: list[str] = field(default_factory=list)
    done: list[Entry] = field(default_factory=list)
    new_id: Callable[[], str] = field(default_factory=lambda: map("{:032x}".format, range(1, 1000)).__next__)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Start the workers, as after a power cut."""
        timing = Timing(self.clock.now_s, lambda: 0.0)
        self.spool = Spool(SPOOL, self.disk, self.limits, lambda: self.free)
        self.spool.load()
        self.photographer = Photographer(self.camera, self.spool, self.clock, self.new_id, burst=3)
        self.desk = CaptureDesk(self.photographer, timing, self.done.append, self.troubles.append)
        self.uploader = Uploader(self.spool, self.cloud, self.cloud, timing, self.troubles.append)

    def copy(self) -> "Bench":
        """Return another gateway in the same situation."""
        copied = replace(
            self, disk=FakeDisk(), camera=deepcopy(self.camera), cloud=self.cloud.copy(), clock=FakeClock()
        )
        copied.disk = deepcopy(self.disk)  # only now: a start already clears up
        return copied

    def go_online(self) -> None:
        self.uploader.handle(Connected())

    def work(self, rounds: int = 20) -> None:
        """Let the uploader and the cloud talk until there is nothing to say."""
        for _ in range(rounds):
            self.uploader.work()
            replies, self.cloud.replies = self.cloud.replies, []
            for reply in replies:
                self.uploader.handle(reply)
            if not replies:
                return

    def work_for(self, seconds: float) -> None:
        """Let time pass in small steps, working all along."""
        for _ in range(int(seconds * 2)):
            self.clock.seconds += 0.5
            self.work()

    def state(self, event_id: str) -> State:
        entry = self.spool.find(event_id)
        assert entry is not None
        return entry.state


@pytest.fixture
def bench() -> Bench:
    return Bench()


def image_of(jpeg: bytes, image_id: str = "a" * 32) -> SpooledImage:
    """Return the description of an image of the spool."""
    digest = hashlib.sha256(jpeg).hexdigest()
    return SpooledImage(image_id, digest, len(jpeg), 160, 120, 1_700_000_000_000, 7, {"sharpness": 12.5})


def new_entry(event_id: str, jpeg: bytes, *, image_id: str = "") -> Entry:
    """Return the entry of a fresh capture."""
    image = image_of(jpeg, image_id or f"image-{event_id}")
    return Entry(event_id, State.NEW, image, (FrameFate("1.jpg"), FrameFate("2.jpg", "no image")))
