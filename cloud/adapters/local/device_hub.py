"""MQTT as the device hub: one persistent session, every message acknowledged only once it is stored."""

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NoAnswerError
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

from awscrt import mqtt5
from awscrt.exceptions import AwsCrtError
from awscrt.http import HttpProxyConnectionType, HttpProxyOptions
from awscrt.io import (
    ClientBootstrap,
    ClientTlsContext,
    DefaultHostResolver,
    EventLoopGroup,
    ExponentialBackoffJitterMode,
    SocketOptions,
    TlsContextOptions,
)

from cloud.adapters.local.device_hub_acknowledgements import Acknowledgements
from cloud.adapters.local.device_hub_outgoing import Outgoing, Publication
from cloud.adapters.local.device_hub_valve import HERE, TCP_KEEPALIVE_S, TCP_PROBES, Valve
from cloud.errors import RetryLaterError
from cloud.ports.certificate_authority import CertificateAuthority
from cloud.ports.device_hub import Acknowledge, DeviceMessage, Downlink, Take
from firmware.wire import codec, messages, topics

log = logging.getLogger(__name__)

SERVER_CLIENT_ID = "_server"
# The answer to a ping waits behind all that devices have said and that is not stored; a line that is dead is noticed
# by TCP.
KEEPALIVE_S, PING_MS = 3600, 3_000_000
CONNECT_MS = 10_000
# The answer to what is published may be as late. awscrt 0.38 gives up after 60 s, and never gets back the place that it
# has in what the broker takes at once: after some thousand it would publish nothing more.
ANSWER_S = 24 * 3600
FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 1_000, 10_000
STOP_S = 3.0
REVOKE_S = 10.0
# Messages that devices sent and that are not stored yet; mosquitto 2.0.11 does not mind it.
RECEIVE_MAXIMUM = 2000
# The broker keeps the session however long the server is away (MQTT 5 section 3.1.2.11.2).
SESSION = {"session_expiry_interval_sec": 0xFFFFFFFF, "receive_maximum": RECEIVE_MAXIMUM}
# The lowest reason code that tells of a failure (MQTT 5 section 2.4).
FAILURE = 0x80
RETAINED = (topics.DESIRED,)
# Of those that the server may say, one that nobody hears.
NOTHING = Publication(topics.topic(SERVER_CLIENT_ID, topics.DESIRED), b"", is_retained=False)


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
    """A client of any MQTT 5 broker that asks for certificates; it reconnects by itself (docs/decisions/0097)."""

    def __init__(self, address: BrokerAddress, door: Door) -> None:
        self._address, self._door = address, door
        self._outgoing = Outgoing(self._send)
        self._acknowledgements = Acknowledgements(self._acknowledge, self._mark)
        self._take: Take = _nobody_takes
        self._connected: Callable[[], None] = _nobody_waits
        self._client: mqtt5.Client | None = None
        self._valve = Valve(address.host, address.port)
        self._is_listening = threading.Event()
        self._is_stopping = False
        self._stopped = threading.Event()

    def start(self, take: Take, connected: Callable[[], None]) -> None:
        """Deliver messages to ``take`` from now on; ``connected`` is called each time the broker lets us listen."""
        self._take, self._connected = take, connected
        address = self._address
        identity = TlsContextOptions.create_client_with_mtls_from_path(str(address.certificate), str(address.key))
        options = replace(
            self._options(identity, mqtt5.ConnectPacket(KEEPALIVE_S, SERVER_CLIENT_ID, **SESSION)),
            http_proxy_options=HttpProxyOptions(
                HERE, self._valve.start(), connection_type=HttpProxyConnectionType.Tunneling
            ),
            session_behavior=mqtt5.ClientSessionBehaviorType.REJOIN_ALWAYS,
            on_publish_callback_fn=self._arrived,
            on_lifecycle_event_connection_success_fn=self._subscribe,
            on_lifecycle_event_connection_failure_fn=self._note_refusal,
            on_lifecycle_event_disconnection_fn=self._note_break,
            on_lifecycle_event_stopped_fn=lambda _: self._stopped.set(),
        )
        self._client = mqtt5.Client(options)
        self._client.start()

    def hold_up(self) -> None:
        """Leave messages with the broker, but for some hundred that are on their way."""
        self._valve.shut()

    def go_on(self) -> None:
        """Deliver messages again, once what was acknowledged has left: that waits as long as there is more to read."""
        if not self._valve.is_open:
            self._acknowledgements.when_all_left(self._valve.open)

    def publish(self, downlink: Downlink) -> None:
        """Send a message with QoS 1; raises WireError for one that breaks the wire contract.

        Without a connection it goes nowhere: every ``desired`` is sent at the next one, a grant is asked for again.
        """
        payload = codec.encode(messages.BY_KIND[downlink.kind], dict(downlink.message))
        topic = topics.topic(downlink.thing, downlink.kind)
        self._outgoing.publish(Publication(topic, payload, downlink.kind in RETAINED))

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
        return self._is_listening.is_set()

    def stop(self) -> None:
        """Stop delivering and disconnect; acknowledgements given before are sent."""
        if self._client is None or self._is_stopping:
            return
        self._is_stopping = True
        self._valve.open()  # for the broker's answers
        self._acknowledgements.send_all()
        if self._is_listening.is_set():
            self._flush(self._client)
        self._client.stop(mqtt5.DisconnectPacket())
        if not self._stopped.wait(STOP_S):
            log.warning("the connection to the broker did not end within %.0f s", STOP_S)
        self._valve.stop()

    def _flush(self, client: mqtt5.Client) -> None:
        """Wait until the broker has what was sent: packets are answered in order, and stopping drops those that wait.

        The question changes nothing, nobody subscribes to that topic.
        """
        nothing = mqtt5.UnsubscribePacket([f"{topics.PREFIX}/{SERVER_CLIENT_ID}/{topics.EVENTS}"])
        try:
            client.unsubscribe(nothing).result(STOP_S)
        except (AwsCrtError, NoAnswerError) as error:
            log.warning("the broker may deliver again what is stored: %s", error or "it does not answer")

    def _mark(self) -> "Future[mqtt5.PublishCompletionData]":
        """Return what ends when all that was sent before has left, or will never: nobody hears of it."""
        return self._send(NOTHING, mqtt5.QoS.AT_MOST_ONCE)

    def _acknowledge(self, control: mqtt5.PublishAcknowledgementControlHandle) -> None:
        """Tell the broker that its message is stored; of an earlier connection's nothing is said."""
        if self._client is not None:
            self._client.invoke_publish_acknowledgement(control)

    def _send(
        self, publication: Publication, qos: mqtt5.QoS = mqtt5.QoS.AT_LEAST_ONCE
    ) -> "Future[mqtt5.PublishCompletionData]":
        """Return what the broker answers, later: an error without a connection."""
        if self._client is None:
            nothing: Future[mqtt5.PublishCompletionData] = Future()
            nothing.set_exception(RetryLaterError("expected a connection to the broker, this hub was not started"))
            return nothing
        topic, payload, is_retained = publication
        answer: Future[mqtt5.PublishCompletionData] = self._client.publish(
            mqtt5.PublishPacket(payload, qos, is_retained, topic)
        )
        return answer

    def _arrived(self, said: mqtt5.PublishReceivedData) -> None:
        packet, acknowledge = said.publish_packet, self._acknowledgement(said)
        try:
            thing, kind = _parsed(packet.topic)
        except ValueError as error:
            log.warning("dropped a message outside the wire contract: %s", error)
            acknowledge()
            return
        now, content = time.time_ns() // 1_000_000, packet.payload or b""
        self._take(DeviceMessage(thing, kind, content, now, is_retained=bool(packet.retain)), acknowledge)

    def _acknowledgement(self, said: mqtt5.PublishReceivedData) -> Acknowledge:
        """Return what tells the broker that its message is stored."""
        if said.acquire_publish_acknowledgement_control is None:
            return _nobody_waits
        return partial(self._acknowledgements.give, said.acquire_publish_acknowledgement_control())

    def _subscribe(self, data: mqtt5.LifecycleConnectSuccessData) -> None:
        self._outgoing.keep_within(data.negotiated_settings.receive_maximum_from_server)
        wanted = [mqtt5.Subscription(f"{topics.PREFIX}/+/{kind}", mqtt5.QoS.AT_LEAST_ONCE) for kind in topics.UP]
        if self._client:
            self._client.subscribe(mqtt5.SubscribePacket(wanted)).add_done_callback(self._take_grants)

    def _take_grants(self, answer: "Future[mqtt5.SubackPacket]") -> None:
        if error := answer.exception():
            log.warning("expected the broker to let the server listen: %s", error)
            return
        codes = answer.result().reason_codes
        if any(code >= FAILURE for code in codes):
            log.error("the broker refused the server to listen: %s", ", ".join(code.name for code in codes))
            return
        log.info("connected to the broker at %s:%d", self._address.host, self._address.port)
        self._is_listening.set()
        self._connected()

    def _note_refusal(self, data: mqtt5.LifecycleConnectFailureData) -> None:
        log.warning("expected a broker at %s:%d: %s", self._address.host, self._address.port, _reason(data))

    def _note_break(self, data: mqtt5.LifecycleDisconnectData) -> None:
        self._is_listening.clear()
        if not self._is_stopping:
            log.warning("lost the broker: %s; connecting again", data.exception)

    def _take_over(self, thing: str) -> None:
        """Close the connection of a thing, and drop its session: two clients of one name cannot be connected.

        The certificate is made for this; it and its key are in memory only, and nowhere after.
        """
        shown = self._door.authority.issue_device(thing)
        identity = TlsContextOptions.create_client_with_mtls(shown.certificate, shown.key)
        outcome: queue.SimpleQueue[str] = queue.SimpleQueue()
        options = replace(
            self._options(identity, mqtt5.ConnectPacket(KEEPALIVE_S, thing)),
            on_lifecycle_event_connection_success_fn=lambda _: outcome.put(""),
            on_lifecycle_event_connection_failure_fn=lambda data: outcome.put(_reason(data)),
        )
        client = mqtt5.Client(options)
        client.start()
        try:
            fault = outcome.get(timeout=REVOKE_S)
        except queue.Empty:
            fault = f"it did not answer within {REVOKE_S:.0f} s"
        client.stop(mqtt5.DisconnectPacket())
        if fault:
            raise RetryLaterError(f"expected the broker to shut {thing} out: {fault}")

    def _forget_wishes(self, thing: str) -> None:
        """Clear what is retained for a thing (an empty message does, MQTT 5 section 3.3.1.3), also what follows."""
        answers = self._outgoing.silence([topics.topic(thing, kind) for kind in topics.DOWN])
        try:
            are_forgotten = all(one.result(REVOKE_S).puback.reason_code < FAILURE for one in answers)
        except (AwsCrtError, NoAnswerError):
            are_forgotten = False
        if not are_forgotten:
            raise RetryLaterError(f"expected the broker to forget its wishes for {thing}, it did not")

    def _options(self, identity: TlsContextOptions, connect: mqtt5.ConnectPacket) -> mqtt5.ClientOptions:
        """Return how to come to the broker with this certificate; the broker's must be of our authority."""
        identity.override_default_trust_store_from_path(None, str(self._address.authority))
        group, socket = EventLoopGroup(1), SocketOptions()
        socket.keep_alive, socket.keep_alive_max_probes = True, TCP_PROBES
        socket.keep_alive_interval_secs = socket.keep_alive_timeout_secs = TCP_KEEPALIVE_S
        return mqtt5.ClientOptions(
            host_name=self._address.host,
            port=self._address.port,
            bootstrap=ClientBootstrap(group, DefaultHostResolver(group)),
            socket_options=socket,
            tls_ctx=ClientTlsContext(identity),
            connect_options=connect,
            offline_queue_behavior=mqtt5.ClientOperationQueueBehaviorType.FAIL_ALL_ON_DISCONNECT,
            retry_jitter_mode=ExponentialBackoffJitterMode.NONE,
            min_reconnect_delay_ms=FIRST_PAUSE_MS,
            max_reconnect_delay_ms=LONGEST_PAUSE_MS,
            # A longer one would make the first pause after a short connection the longest.
            min_connected_time_to_reset_reconnect_delay_ms=FIRST_PAUSE_MS,
            ping_timeout_ms=PING_MS,
            connack_timeout_ms=CONNECT_MS,
            ack_timeout_sec=ANSWER_S,
            disable_metrics=True,
        )


# The topics of a fleet are few and come again and again.
_parsed = lru_cache(maxsize=16384)(topics.parse)


def _reason(data: mqtt5.LifecycleConnectFailureData) -> str:
    """Return why a connection was not made, in the broker's own word where it gave one."""
    said = data.connack_packet
    return f"{data.exception} ({said.reason_code.name})" if said else str(data.exception)


def _nobody_takes(message: DeviceMessage, _: Acknowledge) -> None:
    """Leave a message to the broker: the hub was not started."""


def _nobody_waits() -> None:
    """Tell nobody: the hub was not started, or a message of QoS 0 is not acknowledged."""
