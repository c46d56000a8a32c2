"""What happens when: every event of the pipeline and every device message, with the code that answers it."""

import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cloud.analysis.handlers
import cloud.devices.handlers
import cloud.images.handlers
import cloud.mail.handlers
import cloud.mail.resets
import cloud.mailbox_events.handlers
import cloud.notifications.alarms
import cloud.notifications.handlers
import cloud.ocr.handlers
from cloud import correlation
from cloud.devices import reading
from cloud.devices.model import Device, Said, Taken
from cloud.devices.ownership.repository import OwnershipRepository
from cloud.devices.repository import DeviceRepository
from cloud.errors import PillarboxError, RefusedError, RetryLaterError
from cloud.mailbox_events.model import check_counters
from cloud.ports.database import UnitOfWork
from cloud.ports.device_hub import DeviceMessage, Downlink
from cloud.ports.event_queue import Event, EventQueue, Job, Keeping, Outlet, Parked
from cloud.ports.metrics import INGEST_MESSAGES, INGEST_PARKED, INGEST_ROWS, OCR_SECONDS, Metrics
from cloud.ports.ports import Ports
from firmware.wire import codec, topics

log = logging.getLogger(__name__)

# A job that takes the whole process down each time is given up after so many restarts.
MOST_DEATHS = 200
OCR_STAGE = "read_image"

Handle = Callable[[UnitOfWork, Event, Any], list[Event]]
Perform = Callable[[Ports, Event], Any]
Park = Callable[[UnitOfWork, Event, str], list[Event]]
Together = Callable[[UnitOfWork, Event], list[str]]
Revive = Callable[[UnitOfWork, Event], None]
Take = Callable[[UnitOfWork, Ports, Device, dict[str, Any], int], Taken]
TakeTogether = Callable[[UnitOfWork, Ports, Sequence[Said]], list[Taken]]


def _nothing_follows(_unit_of_work: UnitOfWork, _event: Event, _result: object) -> list[Event]:
    return []


@dataclass(frozen=True, slots=True)
class Stage:
    """One step: ``perform`` may be slow and holds no transaction, ``handle`` is one short transaction.

    ``park`` runs in the transaction that moves the job to the DLQ, ``revive`` in the one that takes it back.
    ``lease_s`` is how long a worker that died keeps the job from the others, ``max_tries`` how often a passing fault
    is tried again. ``together`` names the subjects whose stories meet in what follows from this stage.
    """

    name: str
    on: tuple[str, ...]
    handle: Handle = _nothing_follows
    perform: Perform | None = None
    park: Park | None = None
    revive: Revive | None = None
    together: Together | None = None
    lease_s: int = 60
    max_tries: int = 8


# What answers each kind of device message. A taker refuses before it writes, so a refusal leaves no trace.
INBOUND: dict[str, Take] = {
    topics.HEARTBEAT: cloud.devices.handlers.take_heartbeat,
    topics.STATUS: cloud.devices.handlers.take_status,
    topics.UPLOAD_REQUEST: cloud.images.handlers.take_upload_request,
    topics.IMAGES: cloud.images.handlers.take_images,
}

# The same for what comes in numbers: a group of one kind in the order it arrived, one answer each; it refuses nothing.
TAKEN_TOGETHER: dict[str, TakeTogether] = {
    topics.EVENTS: cloud.mailbox_events.handlers.take_events,
}

# What happens next, in flow order.
PIPELINE = (
    Stage(
        OCR_STAGE,
        on=("image_stored",),
        perform=cloud.ocr.handlers.perform,
        handle=cloud.ocr.handlers.handle,
        park=cloud.images.handlers.park,
        revive=cloud.images.handlers.to_be_read,
        lease_s=180,
    ),
    Stage(
        "analyse_letter",
        on=("image_read",),
        perform=cloud.analysis.handlers.perform,
        handle=cloud.analysis.handlers.handle,
        park=cloud.images.handlers.park,
        revive=cloud.images.handlers.to_be_analysed,
    ),
    Stage(
        "settle_episode",
        on=(
            *("episode_closed", "door_shaken", "images_announced"),
            *("letter_recorded", "image_known", "image_without_letter", "image_failed"),
        ),
        handle=cloud.notifications.handlers.settle,
        together=cloud.notifications.handlers.subjects_of,
    ),
    Stage(
        "write_notification",
        on=("delivery_settled",),
        perform=cloud.notifications.handlers.perform,
        handle=cloud.notifications.handlers.handle,
    ),
    Stage(
        "write_alarm",
        on=("alarm_raised", "door_left_open", "mail_collected"),
        perform=cloud.notifications.alarms.perform,
        handle=cloud.notifications.alarms.handle,
    ),
    Stage(
        "write_reset",
        on=("reset_asked",),
        perform=cloud.mail.resets.perform,
        handle=cloud.mail.resets.handle,
    ),
    Stage(
        "send_mail",
        on=("mail_queued",),
        perform=cloud.mail.handlers.perform,
        handle=cloud.mail.handlers.handle,
        park=cloud.mail.handlers.park,
        revive=cloud.mail.handlers.revive,
        lease_s=1800,  # longer than any mail server may take; sent twice is worse than late
        max_tries=800,  # four days and more, as mail servers do (RFC 5321 section 4.5.4.1)
    ),
    Stage(
        "revoke_device",
        on=("device_deleted",),
        perform=cloud.devices.handlers.revoke,
        max_tries=800,  # however long the broker is away: days and more
    ),
    Stage(
        "tell_device",
        on=("answer_owed",),
        perform=cloud.devices.handlers.tell,
        max_tries=800,  # however long no server runs
    ),
    Stage("end_episodes", on=("board_left",), handle=cloud.mailbox_events.handlers.end_episodes),
    Stage(
        "forget_image",
        on=("image_deleted",),
        perform=cloud.images.handlers.forget,
        max_tries=800,  # four days and more: it waits for the end of a backup
    ),
)

STAGES = {stage.name: stage for stage in PIPELINE}


def take(ports: Ports, queue: Outlet, unit_of_work: UnitOfWork, group: Sequence[DeviceMessage]) -> list[Downlink]:
    """Store device messages in the caller's transaction and return the answers; what cannot be taken is parked.

    Reports of boards that follow each other are taken together, which costs a tenth.
    """
    downlinks: list[Downlink] = []
    for kind, following in itertools.groupby(group, key=lambda message: message.kind):
        # The row of a device may have changed by the message before, so it is read for each kind anew.
        arrived = list(following)
        known = DeviceRepository(unit_of_work).by_things(message.thing for message in arrived)
        arrived = _of_somebody(unit_of_work, arrived, known)
        groups = [arrived] if kind in TAKEN_TOGETHER else [[message] for message in arrived]
        for some in filter(None, groups):
            downlinks += _take_one_kind(ports, queue, unit_of_work, some, known)
    return downlinks


def _of_somebody(
    unit_of_work: UnitOfWork, arrived: list[DeviceMessage], known: Mapping[str, Device]
) -> list[DeviceMessage]:
    """Leave out what devices say that are nobody's yet: a board that hears no ack says it again once it is claimed."""
    unknown = {message.thing for message in arrived} - known.keys()
    unclaimed = OwnershipRepository(unit_of_work).are_unclaimed(unknown)
    for thing in sorted(unclaimed):
        log.info("%s has something to say and is nobody's yet", thing)
    return [message for message in arrived if message.thing not in unclaimed]


def _take_one_kind(
    ports: Ports,
    queue: Outlet,
    unit_of_work: UnitOfWork,
    arrived: Sequence[DeviceMessage],
    known: Mapping[str, Device],
) -> list[Downlink]:
    """Take messages of one kind, either one or of a kind that is taken together."""
    taken = [_read(message, known.get(message.thing)) for message in arrived]
    said = [one for one in taken if isinstance(one, Said)]
    # What comes alone is answered as a part of its story: a grant carries its id to the upload.
    with correlation.story(arrived[0].correlation_id if len(arrived) == 1 else ""):
        answers = iter(_answers(ports, unit_of_work, arrived[0].kind, said) if said else ())
        outcomes = [next(answers) if isinstance(one, Said) else one for one in taken]
        put_all(queue, unit_of_work, [event for outcome in outcomes for event in outcome.events])
    for message, outcome in zip(arrived, outcomes, strict=True):
        if outcome.faults:
            with correlation.story(message.correlation_id):
                kept = _park_message(queue, unit_of_work, message, known.get(message.thing), outcome.faults)
            ports.metrics.count(INGEST_PARKED, kind=message.kind, outcome=kept)
    _log_stories(arrived, outcomes)
    _count(ports.metrics, arrived[0].kind, taken)
    return [link for outcome in outcomes for link in outcome.downlinks]


def _park_message(
    queue: Outlet, unit_of_work: UnitOfWork, message: DeviceMessage, device: Device | None, faults: Sequence[str]
) -> Keeping:
    """Park a message once, with all that is wrong with it."""
    for fault in faults:
        log.warning("a message of %s, of the kind %s: %s", message.thing, message.kind, fault)
    household_id, reason = device.household_id if device else None, "; ".join(faults)
    return queue.park(unit_of_work, Parked(message.kind, reason, household_id, message.thing, message.payload))


def _log_stories(arrived: Sequence[DeviceMessage], outcomes: Sequence[Taken]) -> None:
    """Tell in one line of the log of all messages from which something follows."""
    stories = [
        f"{one.correlation_id} {one.thing}"
        for one, outcome in zip(arrived, outcomes, strict=True)
        if outcome.events or one.kind == topics.UPLOAD_REQUEST
    ]
    if stories:
        log.info("messages taken, of the kind %s: %d", arrived[0].kind, len(arrived), extra={"stories": stories})


def _count(metrics: Metrics, kind: str, taken: Sequence[Said | Taken]) -> None:
    metrics.count(INGEST_MESSAGES, len(taken), kind=kind)
    if kind == topics.EVENTS:
        metrics.count(INGEST_ROWS, sum(len(one.message["events"]) for one in taken if isinstance(one, Said)))


def _read(message: DeviceMessage, device: Device | None) -> Said | Taken:
    """Return what a device said, or the fault that it is parked with; nothing where a copy says nothing new."""
    if device is None:
        return Taken(faults=(f"expected a message of a known device, got one of {message.thing!r}",))
    try:
        decoded = reading.read(message.kind, message.payload)
        if message.kind == topics.EVENTS:
            check_counters(decoded)
    except (codec.WireError, RefusedError) as error:
        return Taken(faults=(str(error),))
    if message.is_retained and message.kind == topics.HEARTBEAT:
        log.info("a heartbeat of %s is the broker's copy of an earlier one", message.thing)
        return Taken()
    return Said(device, decoded, message.received_at, message.correlation_id, message.is_retained)


def _answers(ports: Ports, unit_of_work: UnitOfWork, kind: str, said: Sequence[Said]) -> list[Taken]:
    if kind in TAKEN_TOGETHER:
        return TAKEN_TOGETHER[kind](unit_of_work, ports, said)
    (one,) = said
    try:
        return [INBOUND[kind](unit_of_work, ports, one.device, one.message, one.received_at)]
    except RefusedError as error:
        return [Taken(faults=(str(error),))]


def put_all(queue: Outlet, unit_of_work: UnitOfWork, events: list[Event]) -> None:
    """Add a job for every stage that answers each event, in the caller's transaction."""
    for stage in PIPELINE:
        answered = [event for event in events if event.name in stage.on]
        if answered:
            queue.put(unit_of_work, stage.name, *answered)


def run(ports: Ports, queue: EventQueue, job: Job) -> bool:
    """Do one job and commit its outcome; False when it was parked, RetryLaterError when it should come again.

    The job ends in the transaction of its handler, so a job that is given out twice has one effect. A fault of the
    database is nothing that the job could help: it comes again however often that takes.
    """
    stage = STAGES[job.stage]
    try:
        result = _perform(stage, ports, job)
        with ports.database.write() as unit_of_work:
            if queue.finish(unit_of_work, job):
                following = stage.handle(unit_of_work, job.event, result)
                put_all(queue, unit_of_work, _of_every_story(queue, unit_of_work, job, following))
    except RetryLaterError:
        raise
    except PillarboxError as error:
        park(ports, queue, job, str(error))
        return False
    return True


def park(ports: Ports, queue: EventQueue, job: Job, reason: str) -> None:
    """Move a job to the DLQ with its reason, and let the feature draw its consequence."""
    log.warning("job %s of %s is parked: %s", job.job_id, job.stage, reason)
    stage = STAGES[job.stage]
    with ports.database.write() as unit_of_work:
        if queue.fail(unit_of_work, job, reason) and stage.park:
            put_all(queue, unit_of_work, stage.park(unit_of_work, job.event, reason))


def _of_every_story(queue: EventQueue, unit_of_work: UnitOfWork, job: Job, following: list[Event]) -> list[Event]:
    """Return the events with the ids of every story that the stage brings together."""
    together = STAGES[job.stage].together
    if not following or together is None:
        return following
    stories = queue.stories(unit_of_work, job.stage, together(unit_of_work, job.event))
    ids = correlation.joined([*stories, job.correlation_id])
    return [event._replace(correlation_id=ids) for event in following]


def _perform(stage: Stage, ports: Ports, job: Job) -> Any:
    if job.tries > stage.max_tries + MOST_DEATHS:
        raise RefusedError(f"gave up: {job.tries - 1} tries ended without an answer")
    begin = time.perf_counter()
    try:
        result = stage.perform(ports, job.event) if stage.perform else None
    except RetryLaterError as error:
        if job.tries < stage.max_tries:
            raise
        raise RefusedError(f"gave up after {job.tries} tries: {error}") from error
    if stage.name == OCR_STAGE:
        ports.metrics.observe(OCR_SECONDS, time.perf_counter() - begin)
    return result
