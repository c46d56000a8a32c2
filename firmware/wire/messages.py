"""Field tables of every message by its kind: those of boards (``firmware.wire.reports``), and those of gateways."""

from firmware.wire.reports import (
    AGE,
    CAPTURE,
    COUNTER,
    DESIRED,
    EVENT,
    EVENT_ID,
    EVENTS,
    HEARTBEAT,
    INSTALL,
    MAX_AGE,
    MAX_EVENTS,
    PERF,
    POSITION,
    SHA256,
    TIME,
    UPDATE,
)

__all__ = [
    "BY_KIND",
    "CAPTURE",
    "COUNTER",
    "DESIRED",
    "EVENT",
    "EVENTS",
    "HEARTBEAT",
    "IMAGE",
    "IMAGES",
    "IMAGE_ID",
    "INSTALL",
    "MAX_AGE",
    "MAX_EVENTS",
    "MAX_IMAGES",
    "MAX_IMAGE_BYTES",
    "PERF",
    "POSITION",
    "STATUS",
    "UPDATE",
    "UPLOAD_GRANT",
    "UPLOAD_REQUEST",
]

MAX_IMAGES = 16
MAX_IMAGE_BYTES = 32 * 1024 * 1024
IMAGE_ID = ("id", 64)

IMAGE = (
    "object",
    (
        ("image_id", True, IMAGE_ID),
        ("sha256", True, SHA256),
        ("bytes", True, ("int", 1, MAX_IMAGE_BYTES)),
        ("width", True, ("int", 1, 65535)),
        ("height", True, ("int", 1, 65535)),
        ("captured_at", False, TIME),
        ("age_ms", False, AGE),
        ("err_ms", True, AGE),
        ("scores", False, ("map", 16)),
    ),
)

IMAGES = (
    ("event_id", False, EVENT_ID),
    ("count", True, ("int", 0, MAX_IMAGES)),
    ("images", True, ("list", IMAGE, 0, MAX_IMAGES)),
)

UPLOAD_REQUEST = (
    ("image_id", True, IMAGE_ID),
    ("sha256", True, SHA256),
    ("bytes", True, ("int", 1, MAX_IMAGE_BYTES)),
)

UPLOAD_GRANT = (
    ("image_id", True, IMAGE_ID),
    ("url", False, ("text", 1, 2048)),
    ("method", False, ("one of", ("PUT", "POST"))),
    ("headers", False, ("map", 16)),
    ("expires_at", False, TIME),
    ("stored", False, ("bool",)),
    ("refused", False, ("text", 1, 500)),
)

STATUS = (("online", True, ("bool",)), ("fw", False, ("text", 1, 32)))

BY_KIND = {
    "events": EVENTS,
    "heartbeat": HEARTBEAT,
    "images": IMAGES,
    "uploads/request": UPLOAD_REQUEST,
    "uploads/grant": UPLOAD_GRANT,
    "status": STATUS,
    "desired": DESIRED,
}
