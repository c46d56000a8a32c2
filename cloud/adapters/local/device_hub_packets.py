"""MQTT 3.1.1 packets of a client that speaks QoS 1, to and from bytes (OASIS standard, chapters 2 and 3)."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 0x20, 0x30, 0x40, 0x90, 0xD0
PINGREQ, DISCONNECT = b"\xc0\x00", b"\xe0\x00"
KIND, QOS, RETAIN = 0xF0, 0x06, 0x01
AT_LEAST_ONCE = 0x02
MOST_ID = 0xFFFF
# Of a SUBACK (section 3.9.3).
REFUSED = 0x80
# Of a CONNACK (section 3.2.2.3).
ACCEPTED = b"\x00"
REFUSALS = {
    b"\x01": "it does not speak MQTT 3.1.1",
    b"\x02": "client id",
    b"\x03": "not now",
    b"\x04": "user name or password",
    b"\x05": "not authorised",
}
# Far above what our broker passes on, far below what would fill the memory.
MOST_BYTES = 1024 * 1024


class PacketError(ValueError):
    """Bytes that are no MQTT; the line cannot be used any more."""


class Packet(NamedTuple):
    """A packet: its first byte, and what follows its length."""

    head: int
    body: bytes


class Publication(NamedTuple):
    """A PUBLISH: ``number`` is None for QoS 0, which nobody acknowledges."""

    topic: str
    number: int | None
    payload: bytes


class PacketReader:
    """Cuts a stream of bytes into packets."""

    def __init__(self) -> None:
        self._waiting = bytearray()

    def read(self, data: bytes) -> Iterator[Packet]:
        """Yield the packets that are complete with ``data``; raises PacketError."""
        waiting = self._waiting
        waiting += data
        start = 0
        while (bounds := _bounds(waiting, start)) and bounds[1] <= len(waiting):
            yield Packet(waiting[start], bytes(waiting[bounds[0] : bounds[1]]))
            start = bounds[1]
        del waiting[:start]


def publication(packet: Packet) -> Publication:
    """Return what a PUBLISH says; raises PacketError."""
    body = packet.body
    end = 2 + int.from_bytes(body[:2], "big")
    has_number = packet.head & QOS != 0
    rest = end + 2 if has_number else end
    if len(body) < rest:
        raise PacketError(f"expected a PUBLISH of at least {rest} bytes, got {len(body)}")
    number = int.from_bytes(body[end:rest], "big") if has_number else None
    # MQTT forbids other bytes than UTF-8; no topic of ours has any, so whatever came instead is not one of ours.
    return Publication(body[2:end].decode(errors="replace"), number, body[rest:])


def connect(client_id: str, keepalive_s: int) -> bytes:
    """Return a CONNECT that takes up the session that the broker has kept."""
    return _packet(0x10, _text("MQTT") + b"\x04\x00" + keepalive_s.to_bytes(2, "big") + _text(client_id))


def subscribe(number: int, filters: Sequence[str]) -> bytes:
    """Return a SUBSCRIBE to topics with QoS 1."""
    return _packet(0x82, number.to_bytes(2, "big") + b"".join(_text(one) + b"\x01" for one in filters))


def publish(number: int, topic: str, payload: bytes, *, retain: bool) -> bytes:
    """Return a PUBLISH with QoS 1."""
    head = PUBLISH | AT_LEAST_ONCE | (RETAIN if retain else 0)
    return _packet(head, _text(topic) + number.to_bytes(2, "big") + payload)


def acknowledge(number: int) -> bytes:
    """Return a PUBACK."""
    return b"\x40\x02" + number.to_bytes(2, "big")


def _bounds(waiting: bytearray, start: int) -> tuple[int, int] | None:
    """Return where the body of the packet at ``start`` begins and ends, None while its length is not all here.

    The length is written in sevens of bits, the lowest first, at most four of them (section 2.2.3).
    """
    length = 0
    for place in range(start + 1, min(start + 5, len(waiting))):
        byte = waiting[place]
        length |= (byte & 0x7F) << 7 * (place - start - 1)
        if byte < 0x80:
            if length > MOST_BYTES:
                raise PacketError(f"expected a packet of at most {MOST_BYTES} bytes, got one of {length}")
            return place + 1, place + 1 + length
    if len(waiting) >= start + 5:
        raise PacketError("expected the length of a packet in at most four bytes, got more")
    return None


def _packet(head: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    return bytes((head, *length, rest)) + body


def _text(text: str) -> bytes:
    content = text.encode()
    return len(content).to_bytes(2, "big") + content
