"""What every field of the wire contract means; the generator of docs/wire.md refuses a field that is missing here."""

from dataclasses import dataclass

from firmware.wire import messages, topics


@dataclass(frozen=True, slots=True)
class Kind:
    """What the page says of one kind of message beside its fields."""

    sender: str
    purpose: str
    retained: bool = False


KINDS = {
    topics.EVENTS: Kind("board", "What the door did: the oldest events of the board's journal, in order."),
    topics.HEARTBEAT: Kind("board, gateway", "A sign of life with the device's health and its settings in force."),
    topics.IMAGES: Kind("gateway", "What one look into the mailbox gave; the bytes travel by HTTPS."),
    topics.UPLOAD_REQUEST: Kind("gateway", "Asks where to upload one image."),
    topics.UPLOAD_GRANT: Kind("cloud", "Answers an upload request, and later says that the image is stored."),
    topics.STATUS: Kind(
        "gateway", "Whether the gateway is connected; its `online: false` is the last will.", retained=True
    ),
    topics.DESIRED: Kind("cloud", "All that the cloud wants of one device, rendered whole every time.", retained=True),
}

OBJECTS = {
    "position": (messages.POSITION, "A place in a board's journal."),
    "event": (messages.EVENT, "One thing that the board noticed."),
    "perf": (messages.PERF, "What the connection took."),
    "image": (messages.IMAGE, "One JPEG."),
    "update": (messages.UPDATE, "Firmware for the board to install into its idle slot."),
    "capture": (messages.CAPTURE, "A wish for a photograph."),
}

FIELDS = {
    "events.fw": "Version of the sender's firmware.",
    "events.install": "Random name of the board's journal, drawn when its flash was first formatted.",
    "events.boot": "Boot of the first event; how often the board lost its RTC memory until then.",
    "events.after": "The last event before `events[0]` when an earlier publish of the same wake carried it; "
    "absent when `events[0]` is the oldest event of the journal.",
    "events.batt_mv": "Battery voltage in millivolts, measured before the radio was switched on; absent on mains.",
    "events.rssi": "Strength of the Wi-Fi signal in dBm.",
    "events.clk": "Where the board's time comes from: `ntp` (synchronised in this wake), `rtc` (carried through "
    "sleep), `none` (unknown).",
    "events.lost": "Events that the journal had to drop since its first format, full or damaged.",
    "events.perf": "What the connection took.",
    "events.events": "The events, oldest first.",
    "heartbeat.fw": "Version of the sender's firmware or software.",
    "heartbeat.next_s": "Seconds until the next sign of life at the latest; silence beyond it becomes an alarm.",
    "heartbeat.batt_mv": "Battery voltage in millivolts; absent on mains.",
    "heartbeat.rssi": "Strength of the Wi-Fi signal in dBm.",
    "heartbeat.free_bytes": "Free space for unsent work: the journal's flash, or the gateway's disk.",
    "heartbeat.uptime_s": "Seconds since the device got power; a board's sleep counts.",
    "heartbeat.perf": "What the connection took.",
    "heartbeat.settings": "The settings in force, by name.",
    "heartbeat.refused": "Wished settings that were not taken over, with the reason, by name.",
    "images.event_id": "The event that the images belong to; absent when nothing but the camera itself asked for them.",
    "images.count": "How many images this look gave; 0 means that nothing new is in the mailbox.",
    "images.images": "The images, in the order they were taken; fewer than `count` when other messages name the rest.",
    "uploads/request.image_id": "The sender's name for the image.",
    "uploads/request.sha256": "SHA-256 of the JPEG.",
    "uploads/request.bytes": "Size of the JPEG in bytes.",
    "uploads/grant.image_id": "The image that was asked for.",
    "uploads/grant.url": "Where to upload it; accepts exactly this size and type, until `expires_at`.",
    "uploads/grant.method": "HTTP method of the upload.",
    "uploads/grant.headers": "HTTP headers (PUT) or form fields (POST) that the upload must carry unchanged.",
    "uploads/grant.expires_at": "When the URL stops working.",
    "uploads/grant.stored": "`true` once the image's row is committed; only then the gateway may delete its file.",
    "uploads/grant.refused": "Why the image will never be accepted, in words.",
    "status.online": "Whether the gateway is connected.",
    "status.fw": "Version of the gateway's software.",
    "desired.rev": "Revision, growing; a device ignores any that is lower than the highest it saw.",
    "desired.ack": "The watermark: every event of this install up to here is stored, so the board may forget it.",
    "desired.settings": "Settings by name; a device ignores names it does not know and reports values it refuses.",
    "desired.update": "Firmware to install.",
    "desired.capture": "Photograph wanted from the gateway; stays until an `images` message answers it.",
    "position.install": "Name of the journal; a board ignores the position of another install.",
    "position.boot": "Boot of the event.",
    "position.seq": "Sequence number of the event.",
    "event.event_id": "`{install}-{boot}-{seq}`, unique within the device.",
    "event.event_type": "`open`, `close`; `still_open` (not closed for long), `tamper` (the door moves more "
    "than hands move it), `boot` (RTC memory was lost), `low_battery`.",
    "event.seq": "Number of the event within its boot, from 1; a gap shows that one was lost.",
    "event.occurred_at": "When it happened, by the board's clock.",
    "event.age_ms": "How long ago it happened, by the board's own counter; subtracted from the time of receipt.",
    "event.err_ms": "How wrong `occurred_at` or `age_ms` may be; the maximum when neither is known.",
    "event.dur_ms": "How long the door was open: in all of a `close`, until now of a `still_open`.",
    "perf.wifi_ms": "Joining the Wi-Fi.",
    "perf.tls_ms": "TCP, TLS and MQTT up to CONNACK.",
    "perf.publish_ms": "From PUBLISH to PUBACK, of the publish before this one.",
    "perf.charge_mc": "Charge that the whole wake before this one drew from the battery, estimated, in millicoulombs; "
    "in the first wake since the power came, what it drew itself up to this message.",
    "perf.awake_mc": "Of that what was drawn while the radio was off.",
    "perf.wifi_mc": "Of that what joining the Wi-Fi drew.",
    "perf.tls_mc": "Of that what TCP, TLS and MQTT up to CONNACK drew.",
    "perf.publish_mc": "Of that what was drawn from then on until the radio went off.",
    "perf.total_mc": "Charge that all wakes since the power came drew, those included that reached nobody; a meter.",
    "perf.wake": "Name of the wake, the same in all its messages: `{install}-{boot}-{number since the power came}`.",
    "image.image_id": "The sender's name for the image.",
    "image.sha256": "SHA-256 of the JPEG.",
    "image.bytes": "Size of the JPEG in bytes.",
    "image.width": "Width in pixels.",
    "image.height": "Height in pixels.",
    "image.captured_at": "When it was taken; absent without a clock.",
    "image.age_ms": "How long ago it was taken, by the gateway's own counter.",
    "image.err_ms": "How wrong `captured_at` or `age_ms` may be.",
    "image.scores": "How the gateway judged the frame (sharpness, brightness …), by name.",
    "update.version": "Version that the update brings.",
    "update.url": "Where to fetch it.",
    "update.sha256": "SHA-256 of the file behind `url`.",
    "update.signature": "Signature over the file's digest; a board installs nothing without a valid one.",
    "capture.event_id": "The event to answer with an `images` message.",
    "capture.kind": "Type of that event.",
    "capture.at": "When that event happened.",
}
