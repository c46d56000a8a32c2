"""What devices say, and what the server answers, without a broker in between."""

import hashlib
import io
import time
from dataclasses import dataclass

from PIL import Image as PilImage

from cloud import pipeline
from cloud.ports.device_hub import DeviceMessage
from firmware.wire import codec, messages, topics

INSTALL = "9f3c2a7be4d01586"
OTHER_INSTALL = "0123456789abcdef"


@dataclass(frozen=True, slots=True)
class Photo:
    """A JPEG as a gateway names it."""

    image_id: str
    content: bytes

    @property
    def sha256(self):
        return hashlib.sha256(self.content).hexdigest()

    @property
    def request(self):
        return {"image_id": self.image_id, "sha256": self.sha256, "bytes": len(self.content)}

    @property
    def announcement(self):
        return self.request | {"width": 64, "height": 48, "captured_at": now() - 1000, "err_ms": 0}


def now():
    return time.time_ns() // 1_000_000


def jpeg(shade=128, size=(64, 48), **options):
    """Return a JPEG; another shade is another image."""
    out = io.BytesIO()
    PilImage.new("RGB", size, (shade, shade, 200)).save(out, "JPEG", **options)
    return out.getvalue()


def photo(image_id="photo-1", shade=128):
    return Photo(image_id, jpeg(shade))


def event(kind, seq, boot=1, install=INSTALL, **fields):
    """Return one wire event that happened a second ago; ``fields`` change or, with None, leave out."""
    item = {
        "event_id": f"{install}-{boot}-{seq}",
        "event_type": kind,
        "seq": seq,
        "occurred_at": now() - 1000,
        "err_ms": 0,
    }
    return {name: value for name, value in (item | fields).items() if value is not None}


def events(*items, install=INSTALL, boot=1, **fields):
    return {"fw": "1", "install": install, "boot": boot, "clk": "rtc", "lost": 0, "events": list(items)} | fields


def announcement(*photos, event_id=None, count=None):
    message = {"count": len(photos) if count is None else count, "images": [one.announcement for one in photos]}
    return message if event_id is None else message | {"event_id": event_id}


def say(app, device, kind, message, **how):
    """Let the server take one message of a device and return its answers."""
    return say_bytes(app, device.thing, kind, codec.encode(messages.BY_KIND[kind], message), **how)


def say_bytes(app, thing, kind, payload, **how):
    with app.database.write() as unit_of_work:
        message = DeviceMessage(thing, kind, payload, unit_of_work.now, **how)
        return pipeline.take(app.ports, app.queue, unit_of_work, [message])


def say_events(app, device, *items, **fields):
    return say(app, device, topics.EVENTS, events(*items, **fields))


def wish_of(downlinks, device):
    """Return the last ``desired`` for a device among the answers."""
    return [dict(link.message) for link in downlinks if link.thing == device.thing and link.kind == topics.DESIRED][-1]


def grants(downlinks):
    """Return the answers to gateways about images, by image."""
    return {link.message["image_id"]: dict(link.message) for link in downlinks if link.kind == topics.UPLOAD_GRANT}


def rows(app, sql):
    """Return what the database answers."""
    with app.database.read() as unit_of_work:
        return [tuple(row) for row in unit_of_work.connection.exec_driver_sql(sql)]


def dlq(app):
    """Return stage and reason of every entry of the DLQ, oldest first."""
    return rows(app, "SELECT stage, reason FROM jobs WHERE state = 'parked' ORDER BY id")
