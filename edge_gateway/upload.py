"""Bring what is in the spool to the cloud: ask for a grant, upload, announce, wait until it is committed."""

import logging
import queue
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from edge_gateway.backoff import Timing, backoff_s
from edge_gateway.entry import Entry, SpooledImage, State
from edge_gateway.errors import CorruptEntryError
from edge_gateway.ports.device_hub import Connected, Desired, DeviceHub, Disconnected, Grant
from edge_gateway.ports.image_upload import ImageUpload
from edge_gateway.signals import Signal, Spooled, Stop
from edge_gateway.spool import Spool
from firmware.wire.topics import IMAGES, UPLOAD_REQUEST

ANSWER_S = 15.0  # a grant or a commit that takes longer is asked for again
GRANTS_AHEAD = 4  # ask for few at a time: grants expire while others upload

logger = logging.getLogger(__name__)


class Happening(StrEnum):
    """What may happen to an entry."""

    DUE = "due"
    GRANT = "grant"
    REFUSED = "refused"
    UPLOADED = "uploaded"
    EXPIRED = "expired"
    REJECTED = "rejected"
    FAILED = "failed"
    PUBLISHED = "published"
    COMMITTED = "committed"
    MOVED_ON = "moved on"  # the cloud no longer asks for this event: it has committed the announcement


class Step(StrEnum):
    """What the gateway does about it."""

    REQUEST = "request"
    UPLOAD = "upload"
    ANNOUNCE = "announce"
    PARK = "park"
    RENEW = "renew"  # ask again, at once the first time
    BACK_OFF = "back off"
    AWAIT = "await"  # an answer
    REST = "rest"  # nothing more to do


# A pair that is not in the table changes nothing: messages may come twice, late or out of order.
TABLE: dict[tuple[State, Happening], tuple[State, Step]] = {
    (State.NEW, Happening.DUE): (State.NEW, Step.REQUEST),
    (State.NEW, Happening.GRANT): (State.GRANTED, Step.UPLOAD),
    (State.NEW, Happening.REFUSED): (State.NEW, Step.PARK),
    (State.NEW, Happening.COMMITTED): (State.STORED, Step.REST),
    (State.GRANTED, Happening.UPLOADED): (State.PUT, Step.ANNOUNCE),
    (State.GRANTED, Happening.EXPIRED): (State.NEW, Step.RENEW),
    (State.GRANTED, Happening.REJECTED): (State.NEW, Step.PARK),
    (State.GRANTED, Happening.FAILED): (State.NEW, Step.BACK_OFF),
    (State.PUT, Happening.DUE): (State.PUT, Step.ANNOUNCE),
    (State.PUT, Happening.PUBLISHED): (State.ANNOUNCED, Step.AWAIT),
    (State.PUT, Happening.COMMITTED): (State.STORED, Step.REST),
    # The cloud was told, but not heard to commit. It answers a request with "stored", or with a grant when the
    # announcement was lost: then upload again (the image store says that it has it) and announce again.
    (State.ANNOUNCED, Happening.DUE): (State.ANNOUNCED, Step.REQUEST),
    (State.ANNOUNCED, Happening.GRANT): (State.GRANTED, Step.UPLOAD),
    (State.ANNOUNCED, Happening.REFUSED): (State.ANNOUNCED, Step.PARK),
    (State.ANNOUNCED, Happening.COMMITTED): (State.STORED, Step.REST),
    (State.EMPTY, Happening.DUE): (State.EMPTY, Step.ANNOUNCE),
    (State.EMPTY, Happening.PUBLISHED): (State.EMPTY, Step.AWAIT),
    (State.EMPTY, Happening.MOVED_ON): (State.STORED, Step.REST),
}
ASKING = (State.NEW, State.ANNOUNCED)  # states that go on by a request for a grant


@dataclass(slots=True)
class _Patience:
    """When an entry is looked at again, and how often it was tried since something worked."""

    due_at: float = 0.0
    tries: int = 0
    told: bool = False


class Uploader:
    """Works the spool off, oldest first, whenever the cloud can be reached."""

    def __init__(
        self, spool: Spool, hub: DeviceHub, images: ImageUpload, timing: Timing, tell_trouble: Callable[[str], None]
    ) -> None:
        self._spool = spool
        self._hub = hub
        self._images = images
        self._timing = timing
        self._tell_trouble = tell_trouble
        self._online = False
        self._wanted: str | None = None
        self._asked: set[str] = set()
        self._waits: dict[str, _Patience] = {}

    def run(self, inbox: "queue.Queue[Signal]") -> None:
        """Handle signals and what is due until Stop comes."""
        while True:
            try:
                signal = inbox.get(timeout=self.work() if inbox.empty() else None)
            except queue.Empty:
                continue
            if isinstance(signal, Stop):
                return
            self.handle(signal)

    def handle(self, signal: Signal) -> None:
        """Take note of one signal and do what follows from it."""
        match signal:
            case Connected():
                self._online = True
                # Grants are not kept by the broker: whatever was asked before this connection is asked again.
                self._waits.clear()
                self._asked.clear()
            case Disconnected():
                self._online = False
            case Grant():
                self._take_grant(signal)
            case Desired():
                self._take_desired(signal)
            case Spooled():
                self._take_spooled(signal)
            case Stop():
                pass

    def work(self) -> float | None:
        """Do all that is due now; returns the seconds until the next is due, None when only a signal can help."""
        if not self._online:
            return None
        for entry in self._spool.unfinished():
            if self._may_go(entry) and self._patience(entry).due_at <= self._timing.now_s():
                self._go_on(entry)
        dues = [self._patience(entry).due_at for entry in self._spool.unfinished() if self._may_go(entry)]
        return max(0.0, min(dues) - self._timing.now_s()) if dues else None

    def _may_go(self, entry: Entry) -> bool:
        return entry.state not in ASKING or entry.event_id in self._asked or len(self._asked) < GRANTS_AHEAD

    def _go_on(self, entry: Entry) -> None:
        patience = self._patience(entry)
        if entry.event_id in self._asked:  # no answer: let others ask meanwhile
            self._asked.discard(entry.event_id)
            self._back_off(entry)
        elif entry.state is State.EMPTY and patience.told and self._wanted not in (None, entry.event_id):
            self._happen(entry, Happening.MOVED_ON)
        else:
            self._happen(entry, Happening.DUE)

    def _take_spooled(self, spooled: Spooled) -> None:
        """Tell a cloud that wishes a committed event again what it was; a new entry is due at once anyway."""
        entry = self._spool.find(spooled.event_id)
        if entry is not None and entry.state is State.STORED:
            self._hub.publish(IMAGES, announcement(entry))

    def _take_desired(self, desired: Desired) -> None:
        self._wanted = desired.capture.event_id if desired.capture else ""
        for entry in self._spool.unfinished():
            if entry.state is State.EMPTY:
                self._patience(entry).due_at = self._timing.now_s()

    def _take_grant(self, grant: Grant) -> None:
        entry = self._spool.find_image(grant.image_id)
        if entry is None:
            return
        asked = entry.event_id in self._asked
        self._asked.discard(entry.event_id)
        if grant.stored:
            self._happen(entry, Happening.COMMITTED)
        elif grant.refused:
            self._happen(entry, Happening.REFUSED, reason=f"the cloud refused it: {grant.refused}")
        elif asked or entry.state is State.NEW:  # a doubled grant would only upload twice
            self._happen(entry, Happening.GRANT, grant=grant)

    def _happen(self, entry: Entry, happening: Happening, *, reason: str = "", grant: Grant | None = None) -> None:
        if (entry.state, happening) not in TABLE:
            return
        state, step = TABLE[entry.state, happening]
        moved = entry if state is entry.state else self._spool.advance(entry.event_id, state)
        facts = {"event_id": entry.event_id, "happening": happening, "state": state, "step": step, "reason": reason}
        logger.info("entry moved", extra=facts)
        match step:
            case Step.UPLOAD if grant is not None:
                self._upload(moved, grant)
            case Step.PARK:
                self._park(moved, reason)
            case _:
                self._steps[step](moved)

    @property
    def _steps(self) -> Mapping[Step, Callable[[Entry], None]]:
        return {
            Step.REQUEST: self._request,
            Step.ANNOUNCE: self._announce,
            Step.RENEW: self._renew,
            Step.BACK_OFF: self._back_off,
            Step.AWAIT: self._await,
            Step.REST: self._rest,
        }

    def _request(self, entry: Entry) -> None:
        if entry.image is None:
            return
        if self._hub.publish(UPLOAD_REQUEST, upload_request(entry.image)):
            self._asked.add(entry.event_id)
            self._await(entry)
        else:
            self._back_off(entry)

    def _upload(self, entry: Entry, grant: Grant) -> None:
        try:
            jpeg = self._spool.read_image(entry)
        except CorruptEntryError as error:
            self._park(entry, str(error))
            return
        answer = self._images.put(grant, jpeg)
        self._happen(entry, Happening(answer.outcome), reason=answer.reason)

    def _announce(self, entry: Entry) -> None:
        patience = self._patience(entry)
        if entry.trouble and not patience.told:
            self._tell_trouble(entry.trouble)
        if self._hub.publish(IMAGES, announcement(entry)):
            patience.tries = patience.tries + 1 if patience.told else 0
            patience.told = True
            self._happen(entry, Happening.PUBLISHED)
        else:
            self._back_off(entry)

    def _park(self, entry: Entry, reason: str) -> None:
        try:
            self._spool.park(entry.event_id, reason)
        except OSError as error:
            logger.error("image not parked", extra={"event_id": entry.event_id, "reason": str(error)})  # noqa: TRY400 - the reason says it all
            self._back_off(entry)
        else:
            self._rest(entry)  # it goes on as an event without image

    def _renew(self, entry: Entry) -> None:
        """Ask again at once, but not in a circle with a server that thinks every grant has expired."""
        self._back_off(entry)
        patience = self._patience(entry)
        if patience.tries == 1:
            patience.due_at = self._timing.now_s()

    def _back_off(self, entry: Entry) -> None:
        patience = self._patience(entry)
        patience.due_at = self._timing.now_s() + backoff_s(patience.tries, self._timing.chance())
        patience.tries += 1

    def _await(self, entry: Entry) -> None:
        patience = self._patience(entry)
        patience.due_at = self._timing.now_s() + backoff_s(patience.tries, self._timing.chance(), ANSWER_S)

    def _rest(self, entry: Entry) -> None:
        self._waits.pop(entry.event_id, None)
        self._asked.discard(entry.event_id)

    def _patience(self, entry: Entry) -> _Patience:
        return self._waits.setdefault(entry.event_id, _Patience())


def upload_request(image: SpooledImage) -> dict[str, Any]:
    """Return the message that asks for a grant."""
    return {"image_id": image.image_id, "sha256": image.sha256, "bytes": image.size}


def announcement(entry: Entry) -> dict[str, Any]:
    """Return the message that tells which image belongs to the event, uploaded or lost.

    ``count`` is 0 only for an empty mailbox. An image that cannot be had is counted, and named where it is known, so
    that the cloud does not take the mailbox for empty and still tells the owner (docs/decisions/0023).
    """
    images = [] if entry.image is None else [_announced(entry.image)]
    return {"event_id": entry.event_id, "count": 1 if images or entry.trouble else 0, "images": images}


def _announced(image: SpooledImage) -> dict[str, Any]:
    return upload_request(image) | {
        "width": image.width,
        "height": image.height,
        "captured_at": image.captured_at,
        "err_ms": image.err_ms,
        "scores": dict(image.scores),
    }
