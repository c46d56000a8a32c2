"""MQTT topic names of the wire contract, and the limits that AWS IoT Core sets to them."""

PREFIX = "pillarbox/v1"

EVENTS = "events"
HEARTBEAT = "heartbeat"
IMAGES = "images"
UPLOAD_REQUEST = "uploads/request"
UPLOAD_GRANT = "uploads/grant"
STATUS = "status"
DESIRED = "desired"

UP = (EVENTS, HEARTBEAT, IMAGES, UPLOAD_REQUEST, STATUS)
DOWN = (UPLOAD_GRANT, DESIRED)

# AWS IoT Core endpoints and quotas: 7 slashes; 128 KB payload. 120 bytes: umqtt.simple before 1.8.0
# writes the length of a SUBSCRIBE packet into one byte (micropython-lib #969).
MAX_TOPIC_BYTES = 120
MAX_PAYLOAD_BYTES = 128 * 1024
MAX_THING_BYTES = 64

_THING_CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"


def is_thing(name: str) -> bool:
    """Return whether ``name`` can be a thing: 1 to 64 of a-z A-Z 0-9 _ - (AWS IoT thing names, less ':')."""
    return 1 <= len(name) <= MAX_THING_BYTES and not name.strip(_THING_CHARACTERS)


def topic(thing: str, kind: str) -> str:
    """Return the full topic of one message kind of one thing; raises ValueError for a name that no thing may have."""
    if not is_thing(thing):
        raise ValueError("expected a thing name of 1-64 letters, digits, _ or -, got %r" % (thing,))
    return "%s/%s/%s" % (PREFIX, thing, kind)


def parse(name: str) -> tuple[str, str]:
    """Return ``(thing, kind)`` of a topic; raises ValueError for a topic outside the wire contract."""
    parts = name.split("/", 3)
    if (
        len(parts) == 4
        and "/".join(parts[:2]) == PREFIX
        and is_thing(parts[2])
        and (parts[3] in UP or parts[3] in DOWN)
    ):
        return parts[2], parts[3]
    raise ValueError("expected %s/{thing}/{%s}, got %r" % (PREFIX, ", ".join(UP + DOWN), name))
