"""Acknowledgements of what is stored: so many at a time, and more only once those have left."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

# For each further acknowledgement awscrt 0.38 walks past all that have not left yet: ten times as many take a hundred
# times as long, and with tens of thousands it does nothing else.
MOST_AT_ONCE = 1000


class Acknowledgements:
    """Never makes a caller wait. What waits here is bounded by what was delivered and not acknowledged.

    ``send`` gives the client an acknowledgement, ``mark`` something whose future ends when all before it has left.
    """

    def __init__(self, send: Callable[[Any], None], mark: "Callable[[], Future[Any]]") -> None:
        self._send, self._mark = send, mark
        # A mark may have left before anybody waits for it, and what waits is then sent in the same thread.
        self._lock = threading.RLock()
        self._waiting: deque[Any] = deque()
        self._sent = 0

    def give(self, control: Any) -> None:
        """Send an acknowledgement once the ones before have left."""
        with self._lock:
            self._waiting.append(control)
            self._send_waiting()

    def when_all_left(self, call: Callable[[], None]) -> None:
        """Have something called once all that was given has left, or never will."""

        def look(mark: "Future[Any]") -> None:
            if self._waiting and not mark.exception():
                self.when_all_left(call)
            else:
                call()

        self._mark().add_done_callback(look)

    def send_all(self) -> None:
        """Send what waits at once, for nothing will follow."""
        with self._lock:
            while self._waiting:
                self._send(self._waiting.popleft())

    def _send_waiting(self) -> None:
        while self._waiting and self._sent < MOST_AT_ONCE:
            self._sent += 1
            self._send(self._waiting.popleft())
            if self._sent == MOST_AT_ONCE:
                self._mark().add_done_callback(self._go_on)

    def _go_on(self, _: "Future[Any]") -> None:
        with self._lock:
            self._sent = 0
            self._send_waiting()
