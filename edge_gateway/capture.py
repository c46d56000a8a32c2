"""Photograph one mailbox event: burst, judge, keep the sharpest frame, spool it, then let the frames go."""

import hashlib
import logging
import queue
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from edge_gateway.backoff import Timing, backoff_s
from edge_gateway.entry import Entry, FrameFate, SpooledImage, State
from edge_gateway.errors import FrameRefusedError, RetryLaterError
from edge_gateway.jpeg import WireImage, read_for_wire, read_grey
from edge_gateway.ports.camera import Camera, Frame
from edge_gateway.ports.clock import Clock
from edge_gateway.ports.device_hub import Capture, Desired
from edge_gateway.sharpness import Scores, score
from edge_gateway.signals import Stop
from edge_gateway.spool import Spool

LOUD_TRIES = 3  # a frame that is still being written is no trouble yet

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shot:
    """One frame and what was found about it: scores, or why it is refused."""

    frame: Frame
    scores: Scores | None = None
    refused: str = ""


class Photographer:
    """Makes at most one image per mailbox event, however often it is asked."""

    def __init__(self, camera: Camera, spool: Spool, clock: Clock, new_id: Callable[[], str], *, burst: int) -> None:
        self._camera = camera
        self._spool = spool
        self._clock = clock
        self._new_id = new_id
        self._burst = burst

    def photograph(self, capture: Capture) -> Entry:
        """Return the spooled entry of an event, made now or before; raises RetryLaterError with nothing lost."""
        known = self._spool.find(capture.event_id)
        if known is None:
            known = self._spool_sharpest(capture)
        self.clear_frames(known)
        return known

    def clear_frames(self, entry: Entry) -> None:
        """Get the frames of a spooled entry out of the camera's way; harmless when it was done before."""
        if not entry.frames:
            return
        try:
            for fate in entry.frames:
                if fate.refused:
                    self._camera.refuse(fate.token, fate.refused)
            self._camera.release([fate.token for fate in entry.frames if not fate.refused])
        except OSError as error:
            facts = {"event_id": entry.event_id, "reason": str(error)}
            logger.error("frames not cleared", extra=facts)  # noqa: TRY400 - the reason says it all
        else:
            self._spool.frames_done(entry.event_id)

    def _spool_sharpest(self, capture: Capture) -> Entry:
        done = self._spool.frames_in_the_way()
        shots = [_judged(frame) for frame in self._camera.burst(self._burst) if frame.token not in done]
        best, image, shots = _sharpest(shots)
        fates = tuple(FrameFate(shot.frame.token, shot.refused) for shot in shots)
        if best is None or image is None:
            return self._spool.add(Entry(capture.event_id, State.EMPTY, frames=fates, trouble=_trouble(shots)))
        entry = Entry(capture.event_id, State.NEW, self._spooled_image(best, image, len(shots)), fates)
        return self._spool.add(entry, image.jpeg)

    def _spooled_image(self, shot: _Shot, image: WireImage, frames: int) -> SpooledImage:
        return SpooledImage(
            image_id=self._new_id(),
            sha256=hashlib.sha256(image.jpeg).hexdigest(),
            size=len(image.jpeg),
            width=image.width,
            height=image.height,
            captured_at=shot.frame.captured_at,
            err_ms=self._clock.error_ms(),
            scores=_wire_scores(shot, frames),
        )


class CaptureDesk:
    """Takes what the cloud desires, in order, and comes back to a capture that could not be made."""

    def __init__(
        self, photographer: Photographer, timing: Timing, done: Callable[[Entry], None], trouble: Callable[[str], None]
    ) -> None:
        self._photographer = photographer
        self._timing = timing
        self._done = done
        self._trouble = trouble
        self._rev = -1
        self._capture: Capture | None = None  # still to be made
        self._tries = 0
        self._wait_s: float | None = None

    def run(self, inbox: "queue.Queue[Desired | Stop]") -> None:
        """Make captures until Stop comes."""
        while True:
            try:
                signal = inbox.get(timeout=self._wait_s)
            except queue.Empty:
                self.work()
                continue
            if isinstance(signal, Stop):
                return
            self.handle(signal)

    def handle(self, desired: Desired) -> None:
        """Make the capture that the cloud desires, unless the message is older than one that was seen."""
        if desired.rev < self._rev:
            logger.info("older wish ignored", extra={"rev": desired.rev, "reason": f"rev {self._rev} was seen"})
            return
        self._rev = desired.rev
        self._capture = desired.capture
        self._tries = 0
        self.work()

    def work(self) -> None:
        """Make the capture that waits, if any; when it cannot be made, it goes on waiting, longer each time."""
        self._wait_s = None
        if self._capture is None:
            return
        try:
            entry = self._photographer.photograph(self._capture)
        except RetryLaterError as error:
            self._put_off(self._capture, str(error))
        else:
            self._capture = None
            self._done(entry)

    def _put_off(self, capture: Capture, reason: str) -> None:
        self._wait_s = backoff_s(self._tries, self._timing.chance())
        self._tries += 1
        logger.error("capture put off", extra={"event_id": capture.event_id, "reason": reason, "wait_s": self._wait_s})
        if self._tries == LOUD_TRIES:
            self._trouble(f"no image of event {capture.event_id} yet: {reason}")


def _judged(frame: Frame) -> _Shot:
    try:
        return _Shot(frame, scores=score(read_grey(frame.path)))
    except FrameRefusedError as error:
        return _Shot(frame, refused=str(error))


def _sharpest(shots: Sequence[_Shot]) -> tuple[_Shot | None, WireImage | None, list[_Shot]]:
    """Return the best frame that can also be sent, its image, and all frames with what is now known about them."""
    known = list(shots)
    for shot in sorted(shots, key=_worth, reverse=True):
        if shot.scores is None:
            break
        try:
            return shot, read_for_wire(shot.frame.path), known
        except FrameRefusedError as error:
            known[known.index(shot)] = _Shot(shot.frame, refused=str(error))
    return None, None, known


def _worth(shot: _Shot) -> float:
    return -1.0 if shot.scores is None else shot.scores.worth()


def _wire_scores(shot: _Shot, frames: int) -> dict[str, float]:
    return {} if shot.scores is None else asdict(shot.scores) | {"frames": frames}


def _trouble(shots: Sequence[_Shot]) -> str:
    """Return what the owner should know about a burst without any image; nothing when the box was empty."""
    return f"none of {len(shots)} frames is an image; the last: {shots[-1].refused}" if shots else ""
