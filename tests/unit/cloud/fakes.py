"""Fakes of the parts outside, and the pipeline driven by hand."""

from dataclasses import dataclass, field, replace

from cloud import pipeline
from cloud.pipeline import STAGES
from cloud.ports.ocr_engine import OcrLine, OcrPage
from firmware.wire import topics
from tests.unit.cloud.messages import announcement, event, say, say_events
from tests.unit.cloud.test_images import ask, upload

LETTER = (
    "Northmoor Energy Ltd",
    "4 Mill Lane, Leeds LS1 4AB",
    "Mr J. Owner",
    "7 Drive Road, York YO1 7HH",
    "Date: 10 November 2026",
    "Your electricity bill",
    "Invoice number: NE-2026-4711",
    "Amount due: £84.20",
    "Please pay by 7 December 2026.",
)


@dataclass
class FakeOcrEngine:
    """Reads the same words from every image; ``faults`` are raised first, one a reading."""

    words: tuple[str, ...] = LETTER
    faults: list[Exception] = field(default_factory=list)
    readings: int = 0
    announced: int = 0

    def read(self, _image):
        self.readings += 1
        if self.faults:
            raise self.faults.pop(0)
        lines = tuple(
            OcrLine(text, 0.99, ((50.0, top), (600.0, top), (600.0, top + 30), (50.0, top + 30)))
            for top, text in ((60.0 * number, text) for number, text in enumerate(self.words, start=1))
        )
        return OcrPage(800, 1200, 0, lines, "fake", "1", 1)

    def prepare(self):
        self.announced += 1

    def close(self):
        pass


@dataclass
class FakeMailer:
    """Keeps what was sent; ``faults`` are raised first, one a mail."""

    faults: list[Exception] = field(default_factory=list)
    sent: list[object] = field(default_factory=list)

    def send(self, mail):
        if self.faults:
            raise self.faults.pop(0)
        self.sent.append(mail)
        return f"number {len(self.sent)}"


@dataclass
class FakeDeviceGate:
    """Keeps who was shut out and what was told; ``faults`` are raised first, one a revocation."""

    faults: list[Exception] = field(default_factory=list)
    revoked: list[tuple[str, str]] = field(default_factory=list)
    told: list[object] = field(default_factory=list)

    def revoke(self, thing, serial):
        if self.faults:
            raise self.faults.pop(0)
        self.revoked.append((thing, serial))

    def tell(self, downlink):
        self.told.append(downlink)


def with_ports(app, **changed):
    """Return the application with other ports."""
    return replace(app, ports=replace(app.ports, **changed))


def lease(app, lease_ms=60_000):
    return app.queue.lease(tuple(STAGES), lease_ms)


def drain(app):
    """Do every job that is due now, and return the stages in the order they ran."""
    ran = []
    while job := lease(app):
        pipeline.run(app.ports, app.queue, job)
        ran.append(job.stage)
    return ran


def deliver(app, home, *photos, seq=2, count=None):
    """Let a board report an opening, and its gateway bring these images of it."""
    close = event("close", seq)
    say_events(app, home.board, event("open", seq - 1), close)
    for one in photos:
        ask(app, home.gateway, one)
        upload(app, one)
    say(app, home.gateway, topics.IMAGES, announcement(*photos, event_id=close["event_id"], count=count))
