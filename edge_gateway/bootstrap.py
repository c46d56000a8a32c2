"""Put the gateway together and run it; the only place that picks adapters."""

import importlib.metadata
import logging
import math
import os
import queue
import random
import shutil
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from edge_gateway.adapters.camera_folder import FolderCamera
from edge_gateway.adapters.clock import SystemClock
from edge_gateway.adapters.device_hub import MqttDeviceHub
from edge_gateway.adapters.disk import LocalDisk, held_alone
from edge_gateway.adapters.image_upload import HttpImageUpload
from edge_gateway.backoff import Timing
from edge_gateway.capture import CaptureDesk, Photographer
from edge_gateway.entry import Entry, State
from edge_gateway.errors import BundleError
from edge_gateway.health import Health
from edge_gateway.log_lines import log_to_stderr
from edge_gateway.ports.camera import Camera
from edge_gateway.ports.device_hub import Connected, Desired, DeviceHub, Disconnected, Incoming
from edge_gateway.ports.disk import Disk
from edge_gateway.ports.image_upload import ImageUpload
from edge_gateway.settings import MB, Settings, read_bundle, read_settings
from edge_gateway.signals import Signal, Spooled, Stop
from edge_gateway.spool import Spool, SpoolLimits
from edge_gateway.upload import Uploader
from firmware.wire.topics import HEARTBEAT

FOLDER_CAMERA = "folder:"
LOOK_EVERY_S = 0.5

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Parts:
    """The adapters that one gateway is made of."""

    camera: Camera
    disk: Disk
    hub: DeviceHub
    images: ImageUpload


def run(bundle: Path, camera: str, spool: Path, stop: Event, report: Callable[[str], None]) -> None:
    """Run the gateway until ``stop`` is set; raises GatewayError when something is set up wrongly.

    ``camera`` is ``folder:DIR``. ``report`` hears one line for a person at every step that matters.
    """
    log_to_stderr()
    identity = read_bundle(bundle)
    settings = read_settings(os.environ)
    parts = Parts(
        camera=choose_camera(camera),
        disk=LocalDisk(),
        hub=MqttDeviceHub(identity, version()),
        images=HttpImageUpload(identity.ca, settings.upload_timeout_s),
    )
    with held_alone(spool):
        Gateway(parts, spool, settings, report).run(stop)


def choose_camera(name: str) -> Camera:
    """Return the camera that the command line names; raises BundleError for one that this gateway does not know."""
    if name.startswith(FOLDER_CAMERA) and name != FOLDER_CAMERA:
        return FolderCamera(Path(name.removeprefix(FOLDER_CAMERA)))
    raise BundleError(f"expected the camera folder:DIR, got {name!r}")


def version() -> str:
    """Return the version of the installed program."""
    try:
        return importlib.metadata.version("pillarbox")
    except importlib.metadata.PackageNotFoundError:
        return "unpackaged"


class Gateway:
    """The running gateway: one thread photographs, one uploads, the hub's own brings messages to both."""

    def __init__(self, parts: Parts, folder: Path, settings: Settings, report: Callable[[str], None]) -> None:
        started = time.monotonic()
        self._parts = parts
        self._report = report
        self._free_bytes = lambda: shutil.disk_usage(folder).free
        self._health = Health(version(), settings.heartbeat_s, lambda: time.monotonic() - started, self._free_bytes)
        self._wishes: queue.Queue[Desired | Stop] = queue.Queue()
        self._signals: queue.Queue[Signal] = queue.Queue()
        limits = SpoolLimits(settings.spool_mb * MB, settings.least_free_mb * MB)
        self._spool = Spool(folder, parts.disk, limits, self._free_bytes)
        timing = Timing(time.monotonic, random.random)
        self._photographer = Photographer(parts.camera, self._spool, SystemClock(), _new_image_id, burst=settings.burst)
        self._desk = CaptureDesk(self._photographer, timing, self._captured, self._tell_trouble)
        self._uploader = Uploader(self._spool, parts.hub, parts.images, timing, self._tell_trouble)
        self._heartbeat_s = settings.heartbeat_s
        self._next_heartbeat = math.inf  # until the first connection
        self._told_reason = ""

    def run(self, stop: Event) -> None:
        """Work until ``stop`` is set; an error that nobody expected ends the gateway and is raised here."""
        self._spool.load()
        for entry in self._spool.all():
            self._photographer.clear_frames(entry)
        self._report(f"{len(self._spool.unfinished())} events wait in the spool")
        with ThreadPoolExecutor(2, "gateway") as threads:
            workers = [threads.submit(self._desk.run, self._wishes), threads.submit(self._uploader.run, self._signals)]
            self._parts.hub.start(self._hear)
            try:
                self._watch(stop, workers)
            finally:
                self._stop_workers()
        for worker in workers:
            worker.result()

    def _watch(self, stop: Event, workers: list[Future[None]]) -> None:
        while not stop.wait(LOOK_EVERY_S) and not any(worker.done() for worker in workers):
            if time.monotonic() >= self._next_heartbeat:
                self._next_heartbeat = time.monotonic() + self._heartbeat_s
                self._parts.hub.publish(HEARTBEAT, self._health.heartbeat())

    def _stop_workers(self) -> None:
        self._wishes.put(Stop())
        self._signals.put(Stop())
        self._parts.images.abort()
        self._parts.hub.stop()

    def _hear(self, incoming: Incoming) -> None:
        """Pass a message on; the uploader must know what is wanted before the image of it is there."""
        self._signals.put(incoming)
        match incoming:
            case Desired():
                self._wishes.put(incoming)
            case Connected():
                self._told_reason = ""
                self._report("connected")
                self._next_heartbeat = time.monotonic()
            case Disconnected() if incoming.reason != self._told_reason:
                self._told_reason = incoming.reason
                self._report(f"not connected: {incoming.reason}")
            case _:
                pass

    def _captured(self, entry: Entry) -> None:
        self._signals.put(Spooled(entry.event_id))
        self._report(_told(entry))

    def _tell_trouble(self, text: str) -> None:
        """Tell log, person and cloud of something that the owner should know."""
        logger.error("trouble", extra={"reason": text})
        self._report(text)
        self._parts.hub.publish(HEARTBEAT, self._health.heartbeat(text))


def _told(entry: Entry) -> str:
    if entry.state is State.STORED:
        return f"event {entry.event_id}: done before"
    if entry.trouble or entry.image is None:
        return f"event {entry.event_id}: {entry.trouble or 'nothing new in the mailbox'}"
    return f"event {entry.event_id}: image {entry.image.width} x {entry.image.height}, {entry.image.size} bytes"


def _new_image_id() -> str:
    return uuid.uuid4().hex
