"""The cloud in miniature: each event once by its name, and a watermark that never passes what is missing."""

import time
from dataclasses import dataclass, field
from typing import Any

from firmware.wire import codec, messages

Position = tuple[str, int, int]
"""Install, boot and seq."""


@dataclass(slots=True)
class Ledger:
    """What was committed, by event_id; ``clashes`` are names that came again with another event."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    clashes: list[str] = field(default_factory=list)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    payloads: list[bytes] = field(default_factory=list)
    """Every message of events as it came, repeated ones too."""
    largest: int = 0
    lost: int = 0
    settings: dict[str, object] = field(default_factory=dict)
    update: dict[str, object] | None = None
    _ack: Position | None = None
    _rev: int = 0

    def take_events(self, payload: bytes) -> None:
        """Commit one message of events; raises WireError for one that breaks the contract."""
        message = codec.decode(messages.EVENTS, payload)
        self.payloads.append(payload)
        self.largest = max(self.largest, len(payload))
        self.lost = max(self.lost, message["lost"])
        for event in message["events"]:
            known = self.rows.setdefault(event["event_id"], event)
            if known["event_type"] != event["event_type"]:
                self.clashes.append(event["event_id"])
        if self._has_all_before(message):
            self._ack = (message["install"], message["boot"], message["events"][-1]["seq"])

    def take_heartbeat(self, payload: bytes) -> None:
        """Keep one heartbeat; raises WireError."""
        self.heartbeats.append(codec.decode(messages.HEARTBEAT, payload))

    def desired(self) -> bytes:
        """Return the whole ``desired`` of this moment, at a revision above every earlier one."""
        self._rev = max(self._rev + 1, time.time_ns() // 1_000_000)
        return self.desired_at(self._rev)

    def desired_at(self, rev: int) -> bytes:
        """Return the whole ``desired`` at a revision of the caller's choice."""
        message: dict[str, Any] = {"rev": rev, "settings": self.settings}
        if self._ack is not None:
            message["ack"] = dict(zip(("install", "boot", "seq"), self._ack, strict=True))
        if self.update is not None:
            message["update"] = self.update
        return codec.encode(messages.DESIRED, message)

    def _has_all_before(self, message: dict[str, Any]) -> bool:
        after = message.get("after")
        return after is None or f"{after['install']}-{after['boot']}-{after['seq']}" in self.rows
