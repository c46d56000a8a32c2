"""Field tables of what a board says and hears: ``(name, required, check)``, read by the codec and the documentation.

Times are Unix milliseconds, ages and errors milliseconds. A device without a clock leaves ``occurred_at``
out and sends ``age_ms`` (how long ago, by its own counter) with ``err_ms`` (how wrong that may be);
a device that cannot even know the age (power was lost in between) sends neither.
"""

MAX_INT = 9007199254740991  # 2**53 - 1: every JSON reader keeps it exactly (RFC 8259 section 6)
MAX_AGE = 10 * 366 * 86400000
EVENT_TYPES = ("open", "close", "still_open", "tamper", "boot", "low_battery")
CLOCKS = ("ntp", "rtc", "none")
MAX_EVENTS = 128

INSTALL = ("hex", 16)
COUNTER = ("int", 0, 4294967295)
TIME = ("int", 0, MAX_INT)
AGE = ("int", 0, MAX_AGE)
EVENT_ID = ("id", 64)
SHA256 = ("hex", 64)
CHARGE = ("number", 0, 1000000000)
POSITION = ("object", (("install", True, INSTALL), ("boot", True, COUNTER), ("seq", True, COUNTER)))

EVENT = (
    "object",
    (
        ("event_id", True, EVENT_ID),
        ("event_type", True, ("one of", EVENT_TYPES)),
        ("seq", True, COUNTER),
        ("occurred_at", False, TIME),
        ("age_ms", False, AGE),
        ("err_ms", True, AGE),
        ("dur_ms", False, AGE),
    ),
)

PERF = (
    "object",
    (
        ("wifi_ms", False, AGE),
        ("tls_ms", False, AGE),
        ("publish_ms", False, AGE),
        ("charge_mc", False, CHARGE),
        ("awake_mc", False, CHARGE),
        ("wifi_mc", False, CHARGE),
        ("tls_mc", False, CHARGE),
        ("publish_mc", False, CHARGE),
        ("total_mc", False, CHARGE),
        ("wake", False, EVENT_ID),
    ),
)

EVENTS = (
    ("fw", True, ("text", 1, 32)),
    ("install", True, INSTALL),
    ("boot", True, COUNTER),
    ("after", False, POSITION),
    ("batt_mv", False, ("int", 0, 60000)),
    ("rssi", False, ("int", -200, 100)),
    ("clk", True, ("one of", CLOCKS)),
    ("lost", True, COUNTER),
    ("perf", False, PERF),
    ("events", True, ("list", EVENT, 1, MAX_EVENTS)),
)

HEARTBEAT = (
    ("fw", True, ("text", 1, 32)),
    ("next_s", True, ("int", 1, 31622400)),
    ("batt_mv", False, ("int", 0, 60000)),
    ("rssi", False, ("int", -200, 100)),
    ("free_bytes", False, ("int", 0, MAX_INT)),
    ("uptime_s", False, ("int", 0, MAX_INT)),
    ("perf", False, PERF),
    ("settings", False, ("map", 32)),
    ("refused", False, ("map", 32)),
)

UPDATE = (
    "object",
    (
        ("version", True, ("text", 1, 32)),
        ("url", True, ("text", 1, 2048)),
        ("sha256", True, SHA256),
        ("signature", True, ("text", 1, 512)),
    ),
)

CAPTURE = ("object", (("event_id", True, EVENT_ID), ("kind", True, ("one of", EVENT_TYPES)), ("at", True, TIME)))

DESIRED = (
    ("rev", True, TIME),
    ("ack", False, POSITION),
    ("settings", False, ("map", 32)),
    ("update", False, UPDATE),
    ("capture", False, CAPTURE),
)
