"""Devices as tests play them: an MQTT client with a device's identity, well behaved or not."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from firmware.wire import codec, messages, topics
from tests.waiting import PATIENCE_S, until

HOST = "127.0.0.1"


def trusting(bundle: Path, *, with_certificate: bool = True) -> ssl.SSLContext:
    """Return a TLS context that trusts the household's authority and shows the device's certificate."""
    context = ssl.create_default_context(cafile=bundle / "ca.pem")
    if with_certificate:
        context.load_cert_chain(bundle / "cert.pem", bundle / "key.pem")
    return context


class Thing:
    """One connected device; ``said`` holds what the broker delivered to it, as (topic, message, retained)."""

    def __init__(
        self, bundle: Path, port: int, *, client_id: str | None = None, keeps_session: bool = False, will=None
    ):
        self.name = bundle.name
        self.said: list[tuple[str, dict, bool]] = []
        self.disconnections = 0
        self.session_present = False
        self._connected = threading.Event()
        self._subscribed: set[int] = set()
        self._acknowledged: set[int] = set()
        self._answered = threading.Condition()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=client_id or bundle.name, clean_session=not keeps_session
        )
        self._client.tls_set_context(trusting(bundle))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_message = self._on_message
        self._client.on_publish = self._on_publish
        self._client.on_subscribe = lambda _client, _data, number, *_: self._subscribed.add(number)
        self._client.reconnect_delay_set(1, 1)
        if will:
            self._client.will_set(*will)
        self._client.connect_async(HOST, port, keepalive=60)
        self._client.loop_start()  # tries again until the broker is there
        assert self._connected.wait(PATIENCE_S), "expected the broker to take the device"

    def publish(self, kind: str, message: dict) -> None:
        """Publish a message of the wire contract on the device's own topic, and wait for its PUBACK."""
        payload = codec.encode(messages.BY_KIND[kind], message)
        self.publish_bytes(topics.topic(self.name, kind), payload)

    def publish_bytes(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish anything anywhere once there is a broker, and wait for its PUBACK."""
        until(self._client.is_connected, "a connection to the broker")
        # paho's own wait raises when the connection ends at this moment, though it sends the message on the next one.
        number = self.publish_unheard(topic, payload, retain=retain).mid
        with self._answered:
            assert self._answered.wait_for(lambda: number in self._acknowledged, PATIENCE_S), "expected a PUBACK"

    def publish_unheard(self, topic: str, payload: bytes, *, retain: bool = False) -> mqtt.MQTTMessageInfo:
        """Publish anything anywhere, and do not wait."""
        return self._client.publish(topic, payload, qos=1, retain=retain)

    def listen(self, *filters: str) -> None:
        """Subscribe to topics and return once the broker said yes."""
        _, number = self._client.subscribe([(one, 1) for one in filters])
        until(lambda: number in self._subscribed, "a SUBACK")

    def listen_to_own(self) -> None:
        """Subscribe to what the server tells this device."""
        self.listen(topics.topic(self.name, topics.DESIRED), topics.topic(self.name, topics.UPLOAD_GRANT))

    def heard(self, kind: str, matches=lambda _: True) -> dict:
        """Return the newest message of a kind that matches, once it has come."""

        def newest():
            topic = topics.topic(self.name, kind)
            found = [message for heard, message, _ in list(self.said) if heard == topic and matches(message)]
            return found[-1] if found else None

        return until(newest, lambda: f"a {kind} message, got {self.said}")

    def leave(self) -> None:
        """Disconnect as a well-behaved device does."""
        left = self.disconnections
        if self._client.disconnect() == mqtt.MQTT_ERR_SUCCESS:
            until(lambda: self.disconnections > left, "the end of the connection")
        self._client.loop_stop()

    def drop(self) -> None:
        """Vanish as a device does whose line is cut."""
        line = self._client.socket()
        if line:
            with contextlib.suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        self._client._thread_terminate = True  # noqa: SLF001 - paho would connect again
        self._client.loop_stop()

    def _on_connect(self, _client, _data, flags, reason, _properties):
        if not reason.is_failure:
            self.session_present = flags.session_present
            self._connected.set()

    def _on_disconnect(self, *_):
        self.disconnections += 1

    def _on_publish(self, _client, _data, number, *_):
        with self._answered:
            self._acknowledged.add(number)
            self._answered.notify_all()

    def _on_message(self, _client, _data, message):
        self.said.append((message.topic, json.loads(message.payload), bool(message.retain)))


def connect_packet(client_id: str) -> bytes:
    """Return an MQTT 3.1.1 CONNECT packet."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x04\x02\x00\x3c" + struct.pack(">H", len(name)) + name
    return b"\x10" + bytes([len(body)]) + body


def is_taken(port: int, context: ssl.SSLContext | None, packet: bytes) -> bool:
    """Return whether the broker accepts this CONNECT over this connection (a CONNACK with return code 0)."""
    try:
        with socket.create_connection((HOST, port), timeout=PATIENCE_S) as plain:
            if context is None:
                plain.sendall(packet)
                return plain.recv(4) == b"\x20\x02\x00\x00"
            with context.wrap_socket(plain, server_hostname="localhost") as secure:
                secure.sendall(packet)
                return secure.recv(4) == b"\x20\x02\x00\x00"
    except (ssl.SSLError, ConnectionError):
        return False
