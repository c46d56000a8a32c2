"""Many devices that publish events with QoS 1 and a window, in one thread."""

import asyncio
import json
import time
from dataclasses import dataclass

from firmware.wire import topics

WINDOW = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What to send: so many events of each thing, one a message, their types in turn.

    ``rate`` is the most that all of them send in a second, None for what the broker bears.
    """

    port: int
    things: tuple[str, ...]
    events_each: int
    install: str
    event_types: tuple[str, ...]
    rate: float | None = None


async def publish_all(load: Load) -> None:
    """Publish every device's events, all devices at once; returns when the broker has acknowledged all."""
    await asyncio.gather(*(_publish(load, thing) for thing in load.things))


async def _publish(load: Load, thing: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", load.port)
    writer.write(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text(thing)))
    await reader.readexactly(4)
    sent = acknowledged = 0
    began = time.monotonic()
    each_s = len(load.things) / load.rate if load.rate else 0.0
    while acknowledged < load.events_each:
        while sent < load.events_each and sent - acknowledged < WINDOW:
            if each_s:
                await asyncio.sleep(began + sent * each_s - time.monotonic())
            sent += 1
            writer.write(_event(load, thing, sent))
        await reader.readexactly(4)
        acknowledged += 1
    writer.write(b"\xe0\x00")
    await writer.drain()
    writer.close()


def _event(load: Load, thing: str, seq: int) -> bytes:
    kind = load.event_types[(seq - 1) % len(load.event_types)]
    event = {
        "event_id": f"{load.install}-1-{seq}",
        "event_type": kind,
        "seq": seq,
        "occurred_at": time.time_ns() // 1_000_000,
        "err_ms": 50,
    }
    report = {"v": 1, "fw": "1.0", "install": load.install, "boot": 1, "clk": "ntp", "lost": 0, "events": [event]}
    number = (seq % 65535 + 1).to_bytes(2, "big")
    body = _text(topics.topic(thing, topics.EVENTS)) + number + json.dumps(report).encode()
    return _packet(0x32, body)


def _text(text: str) -> bytes:
    return len(text.encode()).to_bytes(2, "big") + text.encode()


def _packet(kind: int, body: bytes) -> bytes:
    """Return an MQTT packet: its kind, its length in sevens of bits (MQTT 3.1.1 section 2.2.3), its body."""
    length, rest = bytearray(), len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (0x80 if rest else 0))
        if not rest:
            return bytes([kind]) + bytes(length) + body
