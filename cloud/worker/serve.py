"""``pillarbox up``: the server; its children are mosquitto, the OCR engine and, while many ask, a second process."""

import contextlib
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from cloud import bootstrap, pipeline
from cloud.accounts.expired.service import forget_expired
from cloud.adapters.local import listening
from cloud.adapters.local.device_hub import BrokerAddress, Door, MqttDeviceHub
from cloud.adapters.local.device_hub_mosquitto import BrokerFiles, Mosquitto
from cloud.adapters.local.group_work_process import Effects, ProcessGroupWork
from cloud.bootstrap import Application
from cloud.devices.battery.service import forget_old_health
from cloud.errors import ConfigurationError
from cloud.images.gallery import forget_abandoned
from cloud.live.service import forget_old
from cloud.notifications.old import forget_old_notifications
from cloud.ports.group_work import GroupWork
from cloud.repeats.idempotency import forget_old_keys
from cloud.settings import Settings
from cloud.web.app import create_app
from cloud.web.health import Vitals
from cloud.worker.alarm_watch import AlarmWatch
from cloud.worker.connections import PATIENCE, Patience, PatientConfig
from cloud.worker.garbage import collect_less
from cloud.worker.gate import ServerDeviceGate
from cloud.worker.ingest import Ingest
from cloud.worker.jobs import JobRunner

log = logging.getLogger(__name__)

# A broker forgets what comes before somebody listens, so the server says that it runs only after that.
HEAR_S = 15.0
# Shells allow 1,024, which a thousand silent connections and a database use up.
MOST_FILES = 65_536
# What is too old to be kept goes once a day, of each kind by itself.
FORGETTING = (forget_old, forget_old_health, forget_old_notifications, forget_old_keys, forget_expired)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the running server is reached."""

    url: str
    mqtt_host: str
    mqtt_port: int
    data: Path


def serve(settings: Settings, mosquitto: Path, ready: Callable[[Addresses], None]) -> None:
    """Run the server until SIGINT or SIGTERM; ``ready`` is called once everything listens.

    Raises ConfigurationError when the data folder or a port is taken or the broker does not start.
    """
    with (
        bootstrap.lock(settings.data.resolve()) as lock_file,
        _listening(settings) as (bound, listener),
        _broker(bound, mosquitto) as broker,
    ):
        hub = MqttDeviceHub(_address(bound, broker), Door(bootstrap.authority(bound), broker.shut_out))
        gate = ServerDeviceGate(hub)
        bootstrap.configure(bound, gate)
        app = bootstrap.application()
        ingest = Ingest(app, hub, bootstrap.databases_beside(app))
        runner, watch = JobRunner(app.queue, bound.workers, _deletions(app)), AlarmWatch(app)
        gate.speak_by(ingest.tell)
        group_work = ProcessGroupWork(app.ports.group_work, bound, Effects(app.database.commits, app.queue.wake))
        beside = replace(app, ports=replace(app.ports, group_work=group_work))
        web = create_app(beside, ingest.tell, vitals=_vitals(hub, ingest, runner))
        runner.start()
        ingest.start()
        watch.start()
        try:
            if not ingest.hears(HEAR_S):
                log.error("the broker does not let the server listen yet; devices keep what they have to say")
            collect_less()
            server = _Server(_configuration(web, bound), lambda: _end(runner, web))
            addresses = Addresses(app.ports.public_url, broker.host, broker.port, bound.data.resolve())
            bootstrap.tell_address(lock_file, addresses.url, addresses.mqtt_port)
            server.when_started = lambda: ready(addresses)
            server.group_work = group_work
            server.run(sockets=[listener])
        finally:
            watch.stop()
            _stop(app, ingest, runner)


def _deletions(app: Application) -> list[Callable[[], None]]:
    """Return what deletes what is too old to be kept."""
    uploads = partial(forget_abandoned, app.database, partial(pipeline.put_all, app.queue))
    return [*(partial(forget, app.database) for forget in FORGETTING), uploads]


def _vitals(hub: MqttDeviceHub, ingest: Ingest, runner: JobRunner) -> Vitals:
    return Vitals(
        {
            "broker": lambda: "" if hub.is_connected() else "expected a connection to the broker, there is none",
            "ingest": ingest.fault,
            "workers": runner.fault,
        }
    )


def _end(runner: JobRunner, web: FastAPI) -> None:
    """Take no more jobs and end the streams, while requests are still answered."""
    runner.end()
    web.state.live.close()


def _stop(app: Application, ingest: Ingest, runner: JobRunner) -> None:
    """Store what has arrived, let the jobs at work end, and commit what was written; all within a bounded time."""
    ingest.stop()
    if not runner.stop(app.settings.stop_s):
        log.warning("jobs that take too long are left to the next server")
    app.ports.ocr_engine.close()
    app.ports.writer.close()
    app.database.close()


class StreamingServer(uvicorn.Server):
    """uvicorn that ends streams as soon as it is to stop; its own version waits for them."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop listening, end the streams and wait for the other answers."""
        self._end_streams()
        await super().shutdown(sockets)


class _Server(StreamingServer):
    """The server that tells when it listens, and stops at once at the second signal."""

    when_started: Callable[[], None]
    group_work: GroupWork

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in order at the first signal, at once at the second: what was acknowledged is on the disk anyway."""
        if self.should_exit:
            os._exit(128 + sig)  # as a shell tells of a program that a signal ended
        super().handle_exit(sig, frame)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Stop at SIGINT and SIGTERM; uvicorn's own version raises them again and so skips our clean-up."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.when_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        await self.group_work.close()


def configuration(web: FastAPI, stop_s: int, patience: Patience = PATIENCE) -> uvicorn.Config:
    """Return how uvicorn serves an application, which gets ``stop_s`` seconds to end what it does."""
    return PatientConfig(web, patience, stop_s)


def _configuration(web: FastAPI, settings: Settings) -> uvicorn.Config:
    """Return uvicorn's configuration: with TLS by the household's own authority on any address but this machine's."""
    # Half of the files for connections, half for everything else.
    patience = Patience(settings.client_wait_s, connections=min(settings.connections, _most_files() // 2))
    config = configuration(web, settings.stop_s, patience)
    if settings.https:
        _, certificate, key = bootstrap.certificate_files(settings, "server")
        config.ssl_certfile, config.ssl_keyfile = str(certificate), str(key)
    return config


def _most_files() -> int:
    """Return how many files this process may have open, once it has taken what it is allowed to take."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hard, MOST_FILES) if hard != resource.RLIM_INFINITY else MOST_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[tuple[Settings, socket.socket]]:
    """Yield the settings with the real port, and the bound socket; a taken port is noticed before anything starts."""
    try:
        listener = listening.bound(settings.host, settings.port)
    except OSError as error:
        raise ConfigurationError(listening.why_not(settings.host, settings.port, error)) from error
    with listener:
        yield settings.model_copy(update={"port": listener.getsockname()[1]}), listener


@contextlib.contextmanager
def _broker(settings: Settings, program: Path) -> Iterator[Mosquitto]:
    authority, certificate, key = bootstrap.certificate_files(settings, "server")
    folder = settings.data.resolve() / "broker"
    files = BrokerFiles(authority, certificate, key, bootstrap.authority(settings).revocation_list())
    broker = Mosquitto(program, folder, settings.host, settings.mqtt_port, files)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _address(settings: Settings, broker: Mosquitto) -> BrokerAddress:
    authority, certificate, key = bootstrap.certificate_files(settings, "_server")
    return BrokerAddress(broker.host, broker.port, authority, certificate, key)
