"""Answers to devices: sent, and their messages acknowledged, by a thread of its own while the next group is stored."""

import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from cloud.ports.device_hub import Acknowledge, Downlink
from firmware.wire.topics import DESIRED

log = logging.getLogger(__name__)

# Who stores waits for the answers once so many groups of them wait.
MOST_GROUPS = 2


@dataclass(frozen=True, slots=True)
class _Group:
    downlinks: Sequence[Downlink]
    acknowledgements: Sequence[Acknowledge]


class Answers:
    """One thread that sends, in the order in which it was told; no older ``desired`` follows a newer one.

    A gateway's may be rendered by its own lane and by that of its mailbox's board: the higher revision was committed
    later and says everything.
    """

    def __init__(self, publish: Callable[[Downlink], None]) -> None:
        self._publish = publish
        self._told: queue.Queue[_Group | None] = queue.Queue(MOST_GROUPS)
        self._newest: dict[str, int] = {}
        self._thread = threading.Thread(target=self._send_all, name="answers", daemon=True)

    def start(self) -> None:
        """Send from now on."""
        self._thread.start()

    def send(self, downlinks: Sequence[Downlink], acknowledgements: Sequence[Acknowledge] = ()) -> None:
        """Have messages sent, and then what caused them acknowledged; waits while too much of that waits."""
        self._told.put(_Group(downlinks, acknowledgements))

    def is_alive(self) -> bool:
        """Return whether the thread runs."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float) -> None:
        """Send what was told, and end."""
        with contextlib.suppress(queue.Full):  # it hangs: what it has is left to the next server
            self._told.put(None, timeout=timeout_s)
            self._thread.join(timeout_s)

    def _send_all(self) -> None:
        while (group := self._told.get()) is not None:
            try:
                self._send_group(group)
            except Exception:
                # Not acknowledged, so the broker delivers the group again when it is connected anew.
                log.exception("a fault of ours; %d messages are left", len(group.acknowledgements))

    def _send_group(self, group: _Group) -> None:
        for downlink in group.downlinks:
            self._send(downlink)
        for acknowledge in group.acknowledgements:
            acknowledge()

    def _send(self, downlink: Downlink) -> None:
        if self._is_outdated(downlink):
            return
        try:
            self._publish(downlink)
        except ValueError:
            # An answer that breaks the wire contract is our fault; the others must not wait for it.
            log.exception("a message is not sent: %s to %s", downlink.kind, downlink.thing)

    def _is_outdated(self, downlink: Downlink) -> bool:
        """Return whether a newer ``desired`` of this thing was sent before."""
        if downlink.kind != DESIRED:
            return False
        rev, newest = downlink.message.get("rev"), self._newest.get(downlink.thing, 0)
        if not isinstance(rev, int):
            return False  # to be refused
        self._newest[downlink.thing] = max(rev, newest)
        return rev < newest
