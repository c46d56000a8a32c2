"""One connection of the server's hub to the broker: packets in and out, in one thread, in large pieces."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from cloud.adapters.local import device_hub_packets as packets
from firmware.wire import topics

log = logging.getLogger(__name__)

SERVER_CLIENT_ID = "_server"
KEEPALIVE_S = 30
# What the broker has not acknowledged yet, as many as mosquitto keeps for each client (max_inflight_messages).
MOST_UNACKNOWLEDGED = 1000


class _Message(NamedTuple):
    """What is to be published; ``heard`` is called once the broker has it."""

    topic: str
    payload: bytes
    retain: bool
    heard: Callable[[], None] | None


class Line(asyncio.Protocol):
    """One connection: a number that the broker gave a message means nothing on another.

    ``publish`` and ``acknowledge`` may be called in any thread, all else in the loop's.
    """

    def __init__(self, arrived: "Callable[[Line, packets.Publication], None]", listens: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[Any] = self._loop.create_future()
        self._arrived, self._listens = arrived, listens
        self._reader = packets.PacketReader()
        self._transport: asyncio.Transport | None = None
        self._acknowledged: deque[int] = deque()
        self._waiting: deque[_Message] = deque()
        self._unacknowledged: dict[int, Callable[[], None] | None] = {}
        self._number = 1
        self._is_woken = False
        self.is_listening = False
        self._heard_at = self._loop.time()

    def acknowledge(self, number: int) -> None:
        """Tell the broker that its message is stored."""
        self._acknowledged.append(number)
        self._wake()

    def publish(self, topic: str, payload: bytes, *, retain: bool, heard: Callable[[], None] | None = None) -> None:
        """Send a message with QoS 1; ``heard`` is called in the loop's thread once the broker has it."""
        self._waiting.append(_Message(topic, payload, retain, heard))
        self._wake()

    def close(self) -> None:
        """Send what waits and say goodbye, which keeps the session at the broker."""
        if self._transport and not self._transport.is_closing():
            self._flush()
            self._transport.write(packets.DISCONNECT)
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the broker."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what asyncio promises for streams, for mypy
        self._transport = transport
        transport.write(packets.connect(SERVER_CLIENT_ID, KEEPALIVE_S))
        self._flush()
        self._loop.call_later(KEEPALIVE_S / 2, self._keep_alive)

    def data_received(self, data: bytes) -> None:
        """Take the packets that are complete now."""
        self._heard_at = self._loop.time()
        try:
            for packet in self._reader.read(data):
                self._take(packet)
        except packets.PacketError as error:
            self._abort(f"it does not speak MQTT: {error}")
        if self._waiting:
            self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        """Let the hub connect again."""
        self._transport, self.is_listening = None, False
        if error:
            log.warning("lost the broker: %s; connecting again", error)
        self.ended.set_result(None)

    def _take(self, packet: packets.Packet) -> None:
        kind = packet.head & packets.KIND
        if kind == packets.PUBLISH:
            self._arrived(self, packets.publication(packet))
        elif kind == packets.PUBACK:
            heard = self._unacknowledged.pop(int.from_bytes(packet.body[:2], "big"), None)
            if heard:
                heard()
        elif kind == packets.CONNACK:
            self._take_answer(packet.body[-1:])
        elif kind == packets.SUBACK:
            self._take_grants(packet.body[2:])

    def _take_answer(self, code: bytes) -> None:
        if code != packets.ACCEPTED:
            self._abort(f"it refused the server: {packets.REFUSALS.get(code, code.hex())}")
        elif self._transport:
            filters = [f"{topics.PREFIX}/+/{kind}" for kind in topics.UP]
            self._transport.write(packets.subscribe(self._next_number(), filters))

    def _take_grants(self, codes: bytes) -> None:
        if packets.REFUSED in codes:
            log.error("the broker refused the server to listen: %s", codes.hex(" "))
        else:
            self.is_listening = True
            self._listens()

    def _wake(self) -> None:
        # Set before the queues are emptied and looked at after they are filled, so nothing is left behind.
        if not self._is_woken:
            self._is_woken = True
            with contextlib.suppress(RuntimeError):  # the hub has stopped; the broker delivers again
                self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        """Send all that waits, in one piece."""
        if self._transport is None:
            return
        self._is_woken = False
        out = bytearray()
        while self._acknowledged:
            out += packets.acknowledge(self._acknowledged.popleft())
        while self._waiting and len(self._unacknowledged) < MOST_UNACKNOWLEDGED:
            message, number = self._waiting.popleft(), self._next_number()
            self._unacknowledged[number] = message.heard
            out += packets.publish(number, message.topic, message.payload, retain=message.retain)
        if out:
            self._transport.write(bytes(out))

    def _next_number(self) -> int:
        while True:
            self._number = self._number % packets.MOST_ID + 1
            if self._number not in self._unacknowledged:
                return self._number

    def _keep_alive(self) -> None:
        if self._transport is None:
            return
        if self._loop.time() - self._heard_at > KEEPALIVE_S:
            self._abort(f"nothing was heard of it for {KEEPALIVE_S} s")
            return
        self._transport.write(packets.PINGREQ)
        self._loop.call_later(KEEPALIVE_S / 2, self._keep_alive)

    def _abort(self, reason: str) -> None:
        log.error("left the broker: %s; connecting again", reason)
        if self._transport:
            self._transport.abort()
