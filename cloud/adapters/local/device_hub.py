"""MQTT as the device hub: one persistent session, every message acknowledged only once it is stored."""

import logging
import ssl
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cloud.errors import RetryLaterError
from cloud.ports.certificate_authority import CertificateAuthority, Credentials
from cloud.ports.device_hub import DeviceMessage, Downlink, Take
from firmware.wire import codec, messages, topics

log = logging.getLogger(__name__)

SERVER_CLIENT_ID = "_server"
KEEPALIVE_S = 30
STOP_S = 3.0
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
    """A client of any MQTT 3.1.1 broker that asks for certificates; it reconnects by itself."""

    def __init__(self, address: BrokerAddress, door: Door) -> None:
        self._address, self._door = address, door
        self._revoked: set[str] = set()
        self._publishing = threading.Lock()
        self._take: Take | None = None
        self._connected: Callable[[], None] = lambda: None
        self._connection = 0
        self._disconnected = threading.Event()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=SERVER_CLIENT_ID, clean_session=False, manual_ack=True
        )
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = self._on_disconnect
        self._client.reconnect_delay_set(min_delay=1, max_delay=10)
        self._client.max_inflight_messages_set(1000)

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take`` from now on; ``connected`` is called each time the broker lets us listen."""
        self._take, self._connected = take, connected
        context = ssl.create_default_context(cafile=str(self._address.authority))
        context.load_cert_chain(self._address.certificate, self._address.key)
        self._client.tls_set_context(context)
        self._client.connect_async(self._address.host, self._address.port, keepalive=KEEPALIVE_S)
        self._client.loop_start()

    def publish(self, downlink: Downlink) -> None:
        """Send a message with QoS 1; raises WireError for one that breaks the wire contract."""
        payload = codec.encode(messages.BY_KIND[downlink.kind], dict(downlink.message))
        topic = topics.topic(downlink.thing, downlink.kind)
        with self._publishing:
            if downlink.thing not in self._revoked:
                self._client.publish(topic, payload, qos=1, retain=downlink.kind in RETAINED)

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
        return self._client.is_connected()

    def stop(self) -> None:
        """Stop delivering and disconnect; acknowledgements given before are sent."""
        self._disconnected.clear()
        if self._client.disconnect() == mqtt.MQTT_ERR_SUCCESS:
            self._disconnected.wait(STOP_S)
        self._client.loop_stop()

    def _forget_wishes(self, thing: str) -> None:
        """Clear what is retained for a thing (an empty message does, MQTT 3.1.1 section 3.3.1.3), also what follows."""
        with self._publishing:
            self._revoked.add(thing)
            sent = [self._client.publish(topics.topic(thing, kind), b"", qos=1, retain=True) for kind in RETAINED]
        try:
            for one in sent:
                one.wait_for_publish(REVOKE_S)
            is_forgotten = all(one.is_published() for one in sent)
        except (RuntimeError, ValueError):  # paho's words for "not connected" and "queue full"
            is_forgotten = False
        if not is_forgotten:
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

    def _on_connect(
        self, client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        if reason.is_failure:
            log.error("the broker refused the server: %s", reason)
            return
        self._connection += 1
        client.subscribe([(f"{topics.PREFIX}/+/{kind}", 1) for kind in topics.UP])

    def _on_subscribe(
        self, _client: mqtt.Client, _userdata: object, _number: int, reasons: Any, _properties: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            log.error("the broker refused the server to listen: %s", ", ".join(map(str, reasons)))
            return
        log.info("connected to the broker at %s:%d", self._address.host, self._address.port)
        self._connected()

    def _on_message(self, client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        connection = self._connection

        def acknowledge() -> None:
            # The number of a message means nothing on another connection, which delivers it again anyway.
            if connection == self._connection:
                client.ack(message.mid, message.qos)

        try:
            thing, kind = topics.parse(message.topic)
        except ValueError as error:
            log.warning("dropped a message outside the wire contract: %s", error)
            acknowledge()
            return
        if self._take:
            self._take(DeviceMessage(thing, kind, bytes(message.payload), time.time_ns() // 1_000_000), acknowledge)

    def _on_disconnect(
        self, _client: mqtt.Client, _userdata: object, _flags: object, reason: Any, _properties: object
    ) -> None:
        self._disconnected.set()
        if reason.is_failure:
            log.warning("lost the broker: %s; connecting again", reason)
