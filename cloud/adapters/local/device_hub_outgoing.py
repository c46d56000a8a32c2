"""What the server publishes: a window at a time, and of what the broker retains only the newest of each topic."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple

# Which the broker has not acknowledged yet. It reads what we send between everything that devices send.
MOST_UNACKNOWLEDGED = 1000


class Publication(NamedTuple):
    """A message that is published with QoS 1."""

    topic: str
    payload: bytes
    is_retained: bool


class Outgoing:
    """Never makes a caller wait: the broker's acknowledgements come behind all that devices say meanwhile.

    What waits is bounded by the number of topics, for a retained message takes the place of the one before.
    """

    def __init__(self, send: "Callable[[Publication], Future[Any]]") -> None:
        self._send = send
        # An answer may be there before anybody waits for it, and is then noted in the thread that sends.
        self._lock = threading.RLock()
        self._waiting: dict[object, Publication] = {}
        self._window = MOST_UNACKNOWLEDGED
        self._unacknowledged = 0
        self._is_sending = False
        self._silenced: set[str] = set()

    def keep_within(self, receive_maximum: int) -> None:
        """Fill half of what the broker takes at once (MQTT 5 section 3.2.2.3.3); the other half is for ``silence``.

        What it does not take waits in the client, and all that follows waits behind it.
        """
        with self._lock:
            self._window = max(1, min(MOST_UNACKNOWLEDGED, receive_maximum // 2))

    def publish(self, publication: Publication) -> None:
        """Send a message once the window lets it, in the order of its topic."""
        with self._lock:
            if publication.topic not in self._silenced:
                self._waiting[publication.topic if publication.is_retained else object()] = publication
                self._send_waiting()

    def silence(self, topics: list[str]) -> "list[Future[Any]]":
        """Publish nothing more on these topics after an empty message, which is sent at once; return its answers."""
        with self._lock:
            self._silenced |= set(topics)
            for waiting in [key for key, one in self._waiting.items() if one.topic in self._silenced]:
                del self._waiting[waiting]
            return [self._send(Publication(topic, b"", is_retained=True)) for topic in topics]

    def _send_waiting(self) -> None:
        if self._is_sending:
            return
        self._is_sending = True
        while self._waiting and self._unacknowledged < self._window:
            self._unacknowledged += 1
            publication = self._waiting.pop(next(iter(self._waiting)))
            self._send(publication).add_done_callback(self._note_answer)
        self._is_sending = False

    def _note_answer(self, _: "Future[Any]") -> None:
        with self._lock:
            self._unacknowledged -= 1
            self._send_waiting()
