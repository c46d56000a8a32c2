"""MQTT as the device hub: one persistent session, every message acknowledged only once it is stored."""

import asyncio
import contextlib
import logging
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.adapters.local.device_hub_line import KEEPALIVE_S, Line
from cloud.adapters.local.device_hub_packets import Publication
from cloud.errors import RetryLaterError
from cloud.ports.certificate_authority import CertificateAuthority, Credentials
from cloud.ports.device_hub import DeviceMessage, Downlink, Take
from firmware.wire import codec, messages, topics

log = logging.getLogger(__name__)

CONNECT_S = 10.0
STOP_S = 3.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 10.0
RETAINED = (topics.DESIRED,)
REVOKE_S = 10.0


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where the broker is and what the server shows it: PEM files, the key readable by the owner only."""

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Door:
    """What keeps revoked things out: who signs certificates, and how the broker learns of one that no longer counts."""

    authority: CertificateAuthority
    shut_out: Callable[[str], None]


class MqttDeviceHub:
    """A client of any MQTT 3.1.1 broker that asks for certificates; it reconnects by itself.

    All reading and writing is one thread's, in large pieces: what other threads acknowledge and publish meanwhile goes
    out together (docs/decisions/0083).
    """

    def __init__(self, address: BrokerAddress, door: Door) -> None:
        self._address, self._door = address, door
        self._revoked: set[str] = set()
        self._publishing = threading.Lock()
        self._take: Take = _nobody_takes
        self._connected: Callable[[], None] = _nobody_waits
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._line: Line | None = None
        self._thread: threading.Thread | None = None

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take`` from now on; ``connected`` is called each time the broker lets us listen."""
        self._take, self._connected = take, connected
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop,), name="device-hub", daemon=True)
        self._thread.start()

    def publish(self, downlink: Downlink) -> None:
        """Send a message with QoS 1; raises WireError for one that breaks the wire contract.

        Without a connection it goes nowhere: every ``desired`` is sent at the next one, a grant is asked for again.
        """
        payload = codec.encode(messages.BY_KIND[downlink.kind], dict(downlink.message))
        topic = topics.topic(downlink.thing, downlink.kind)
        with self._publishing:
            line = self._line
            if line and downlink.thing not in self._revoked:
                line.publish(topic, payload, retain=downlink.kind in RETAINED)

    def revoke(self, thing: str, serial: str) -> None:
        """Shut a thing out for good: by the revocation list, and by taking over the connection that it has.

        Raises RetryLaterError when the broker is not there; harmless to repeat.
        """
        self._door.authority.revoke(serial)
        self._door.shut_out(thing)
        self._take_over(thing)
        self._forget_wishes(thing)

    def is_connected(self) -> bool:
        """Return whether there is a connection to the broker now."""
        line = self._line
        return line is not None and line.is_listening

    def stop(self) -> None:
        """Stop delivering and disconnect; acknowledgements given before are sent."""
        if self._loop and self._thread and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join(STOP_S + CONNECT_S)

    def _forget_wishes(self, thing: str) -> None:
        """Clear what is retained for a thing (an empty message does, MQTT 3.1.1 section 3.3.1.3), also what follows."""
        forgotten = threading.Semaphore(0)
        with self._publishing:
            self._revoked.add(thing)
            line = self._line
            if line:
                for kind in RETAINED:
                    line.publish(topics.topic(thing, kind), b"", retain=True, heard=forgotten.release)
        if line is None or not all(forgotten.acquire(timeout=REVOKE_S) for _ in RETAINED):
            raise RetryLaterError(f"expected the broker to forget its wishes for {thing}, got no answer")

    def _take_over(self, thing: str) -> None:
        """Close the connection of a thing, and drop its session: two clients of one name cannot be connected.

        The certificate is made for this and its key is in memory, in a private file for a moment, and nowhere after.
        """
        is_in = threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=thing, clean_session=True)
        client.tls_set_context(self._context_of(self._door.authority.issue_device(thing)))

        def note(_client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _properties: object) -> None:
            if not reason.is_failure:
                is_in.set()

        client.on_connect = note
        try:
            client.connect(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        except OSError as error:
            raise RetryLaterError(f"expected the broker to shut {thing} out: {error}") from error
        client.loop_start()
        is_over = is_in.wait(REVOKE_S)
        client.disconnect()
        client.loop_stop()
        if not is_over:
            raise RetryLaterError(f"expected the broker to let go of {thing} within {REVOKE_S:.0f} s")

    def _context_of(self, credentials: Credentials) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._address.authority))
        # OpenSSL reads keys from files only.
        with tempfile.NamedTemporaryFile() as file:
            file.write(credentials.key + credentials.certificate)
            file.flush()
            context.load_cert_chain(file.name)
        return context

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with contextlib.closing(loop):
            loop.run_until_complete(self._stay_connected())

    async def _stay_connected(self) -> None:
        stopping = asyncio.ensure_future(self._stopping.wait())
        pause_s = FIRST_PAUSE_S
        while not stopping.done():
            connected_at = time.monotonic()
            try:
                await self._connect_until(stopping)
            except OSError as error:
                log.warning("expected a broker at %s:%d: %s", self._address.host, self._address.port, error)
            if time.monotonic() - connected_at > LONGEST_PAUSE_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.wait([stopping], timeout=pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _connect_until(self, stopping: "asyncio.Future[Any]") -> None:
        """Connect and return when the line has ended; end it when the server stops."""
        address = self._address
        context = ssl.create_default_context(cafile=str(address.authority))
        context.load_cert_chain(address.certificate, address.key)
        self._line = line = Line(self._arrived, self._listens)
        try:
            opened = asyncio.get_running_loop().create_connection(lambda: line, address.host, address.port, ssl=context)
            await asyncio.wait_for(opened, CONNECT_S)
            await asyncio.wait([line.ended, stopping], return_when=asyncio.FIRST_COMPLETED)
            line.close()
            await asyncio.wait([line.ended], timeout=STOP_S)
        finally:
            self._line = None

    def _listens(self) -> None:
        log.info("connected to the broker at %s:%d", self._address.host, self._address.port)
        self._connected()

    def _arrived(self, line: Line, said: Publication) -> None:
        def acknowledge() -> None:
            if said.number is not None:
                line.acknowledge(said.number)

        try:
            thing, kind = _parsed(said.topic)
        except ValueError as error:
            log.warning("dropped a message outside the wire contract: %s", error)
            acknowledge()
            return
        self._take(DeviceMessage(thing, kind, said.payload, time.time_ns() // 1_000_000), acknowledge)


# The topics of a fleet are few and come again and again.
_parsed = lru_cache(maxsize=16384)(topics.parse)


def _nobody_takes(message: DeviceMessage, _: Callable[[], None]) -> None:
    """Leave a message to the broker: the hub was not started."""


def _nobody_waits() -> None:
    """Tell nobody: the hub was not started."""
