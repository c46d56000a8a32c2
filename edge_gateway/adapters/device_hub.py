"""The broker by paho-mqtt: MQTT 3.1.1 with mutual TLS (AWS IoT Core speaks the same)."""

import logging
import random
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Event, Thread
from time import monotonic
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage, MQTTMessageInfo
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_gateway.backoff import backoff_s
from edge_gateway.ports.device_hub import Capture, Connected, Desired, Disconnected, Grant, Incoming
from edge_gateway.settings import Bundle
from firmware.wire.codec import WireError, decode, encode
from firmware.wire.messages import BY_KIND
from firmware.wire.topics import DESIRED, STATUS, UPLOAD_GRANT, parse, topic

KEEPALIVE_S = 60
ANSWER_S = 10.0  # from CONNECT to SUBACK
FAREWELL_S = 2.0
LOOK_EVERY_S = 0.2
STEADY_S = 60.0  # a connection that lasted shorter counts as a failure: two gateways with one name evict each other
LONGEST_PAUSE_S = 60.0
QOS = 1

logger = logging.getLogger(__name__)


class MqttDeviceHub:
    """One connection under the thing's name, rebuilt with growing, random pauses for as long as it takes."""

    def __init__(self, bundle: Bundle, version: str, answer_s: float = ANSWER_S) -> None:
        self._bundle = bundle
        self._answer_s = answer_s
        self._version = version
        self._listener: Callable[[Incoming], None] = _ignore
        self._stopping = Event()
        self._answered = Event()  # by SUBACK, or by the end of the connection
        self._enough = Event()  # the connection is gone, or shall go
        self._gone = Event()
        self._online = False
        self._reason = ""
        self._client: Client | None = None  # one per connection: paho's own queue would outlive it in memory only
        self._thread = Thread(target=self._keep_connected, name="device-hub", daemon=True)

    def start(self, listener: Callable[[Incoming], None]) -> None:
        """Connect and stay connected in the background; ``listener`` hears what comes."""
        self._listener = listener
        self._thread.start()

    def publish(self, kind: str, message: Mapping[str, Any]) -> bool:
        """Send one message of the wire contract; returns whether the broker has acknowledged it."""
        client = self._client
        return client is not None and self._online and self._is_taken(self._send(client, kind, message))

    def stop(self) -> None:
        """Say that the gateway goes offline: after a clean good-bye the broker keeps the last will to itself."""
        self._stopping.set()
        client = self._client
        if client is not None and self._online:
            with suppress(RuntimeError):  # the connection went first
                self._send(client, STATUS, {"online": False}, retain=True).wait_for_publish(FAREWELL_S)
        self._enough.set()
        self._answered.set()
        self._thread.join()

    def _new_client(self) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._bundle.thing,
            protocol=MQTTProtocolVersion.MQTTv311,
            reconnect_on_failure=False,  # paho's pauses are the same for every device
        )
        client.tls_set_context(_tls(self._bundle))
        client.will_set(self._topic(STATUS), encode(BY_KIND[STATUS], {"online": False}), QOS, retain=True)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        return client

    def _keep_connected(self) -> None:
        tries = 0
        while not self._stopping.is_set():
            started = monotonic()
            self._connect_once()
            if self._stopping.is_set():
                return
            self._listener(Disconnected(self._reason))
            if monotonic() - started > STEADY_S:
                tries = 0
            # The pause is not for secrets: any random numbers keep a street of gateways apart.
            self._stopping.wait(backoff_s(tries, random.random(), longest_s=LONGEST_PAUSE_S))  # noqa: S311
            tries += 1

    def _connect_once(self) -> None:
        """Return when the connection has ended, or when there was none; the reason is kept."""
        for event in (self._answered, self._enough, self._gone):
            event.clear()
        if self._stopping.is_set():  # only now: stop() may have set the events that were just cleared
            return
        self._reason = "the broker closed the connection: is the certificate known there?"
        try:
            client = self._new_client()
            client.connect(self._bundle.host, self._bundle.port, KEEPALIVE_S)
        except (OSError, ValueError) as error:  # ValueError: a host that cannot be a name
            self._reason = f"{type(error).__name__}: {error}"
            return
        self._client = client
        client.loop_start()
        if not self._answered.wait(self._answer_s):
            self._reason = f"expected an answer of the broker within {self._answer_s:g} s, got none"
        if self._online:
            self._enough.wait()
        self._close(client)

    def _close(self, client: Client) -> None:
        self._online = False
        with suppress(OSError, ValueError):
            client.disconnect()
        if not self._gone.wait(FAREWELL_S):
            _cut(client)
        client.loop_stop()
        self._client = None  # paho closes its last sockets when nobody holds the client any more

    def _is_taken(self, sent: MQTTMessageInfo) -> bool:
        """Wait for the acknowledgement as long as the connection lasts and the broker has time to answer."""
        deadline = monotonic() + self._answer_s
        with suppress(RuntimeError):  # paho's word for a connection that ended before the message was sent
            while self._online and monotonic() < deadline and not sent.is_published():
                sent.wait_for_publish(LOOK_EVERY_S)
            return sent.is_published()
        return False

    def _on_connect(
        self, client: Client, _data: Any, _flags: ConnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refused the connection: {code}"
            self._answered.set()
            return
        client.subscribe([(self._topic(DESIRED), QOS), (self._topic(UPLOAD_GRANT), QOS)])

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _: Properties | None
    ) -> None:
        # Only now: a grant that comes before the subscription is in force would be lost.
        if any(code.is_failure for code in codes):
            self._reason = f"the broker refused the subscriptions: {', '.join(map(str, codes))}"
        else:
            self._reason = "the connection was lost"
            self._online = True
            self._send(client, STATUS, {"online": True, "fw": self._version}, retain=True)
            self._listener(Connected())
        self._answered.set()

    def _on_disconnect(
        self, _client: Client, _data: Any, _flags: DisconnectFlags, code: ReasonCode, _: Properties | None
    ) -> None:
        logger.info("disconnected", extra={"reason": str(code)})
        self._online = False
        self._gone.set()
        self._enough.set()
        self._answered.set()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            _thing, kind = parse(message.topic)
            incoming = _incoming(kind, decode(BY_KIND[kind], bytes(message.payload)))
        except (WireError, ValueError) as error:
            logger.warning("message ignored", extra={"topic": message.topic, "reason": str(error)})
            return
        if incoming is not None:
            self._listener(incoming)

    def _send(self, client: Client, kind: str, message: Mapping[str, Any], *, retain: bool = False) -> MQTTMessageInfo:
        return client.publish(self._topic(kind), encode(BY_KIND[kind], dict(message)), QOS, retain=retain)

    def _topic(self, kind: str) -> str:
        return str(topic(self._bundle.thing, kind))


class _NamedContext(ssl.SSLContext):
    """A TLS context that expects one server name, whatever address the connection goes to."""

    server_name: str

    def wrap_socket(self, sock: socket.socket, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Open TLS on a connected socket under the expected name."""
        return super().wrap_socket(sock, *args, **{**options, "server_hostname": self.server_name})


def _tls(bundle: Bundle) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies certificate and name
    context.server_name = bundle.server_name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(bundle.ca)
    context.load_cert_chain(bundle.certificate, bundle.key)
    return context


def _cut(client: Client) -> None:
    """End a connection whose other side does not answer."""
    held = client.socket()
    if isinstance(held, socket.socket):
        with suppress(OSError):
            socket.socket.shutdown(held, socket.SHUT_RDWR)


def _incoming(kind: str, message: Mapping[str, Any]) -> Incoming | None:
    if kind == DESIRED:
        capture = message.get("capture")
        return Desired(message["rev"], Capture(**capture) if capture else None)
    if kind == UPLOAD_GRANT:
        return Grant(
            image_id=message["image_id"],
            url=message.get("url", ""),
            method=message.get("method", "PUT"),
            headers={name: str(value) for name, value in message.get("headers", {}).items()},
            refused=message.get("refused", ""),
            stored=message.get("stored", False),
        )
    return None


def _ignore(_incoming: Incoming) -> None:
    """Hear nothing: nobody has started the hub yet."""
