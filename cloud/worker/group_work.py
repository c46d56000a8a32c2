"""The process beside the server: database work of groups of requests, one group after the other, until it is left."""

import pickle
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from cloud import bootstrap
from cloud.adapters.local.event_queue import JobsTableQueue
from cloud.adapters.local.group_work_process import LENGTH, Reply, frame
from cloud.errors import PillarboxError
from cloud.log_lines import log_to_stderr
from cloud.ports.group_work import Means
from cloud.settings import Settings
from cloud.worker.garbage import collect_less


def main(descriptor: int) -> None:
    """Serve the socket of this file descriptor; first come the server's settings."""
    # The server decides when this process ends: it closes the socket, or dies, which closes it too.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=descriptor) as connection, connection.makefile("rb") as asked:
        helper = _Helper(_received(asked))
        collect_less()
        try:
            connection.sendall(frame(Reply()))
            while True:
                connection.sendall(helper.answer(*_received(asked)))
        except (EOFError, OSError):
            helper.close()


class _Helper:
    """Does work with a database and a queue of its own."""

    def __init__(self, settings: Settings) -> None:
        log_to_stderr(settings.log_format)
        self._database = bootstrap.open_database(settings)
        self._queue = JobsTableQueue(self._database)
        self._means = bootstrap.means(settings, self._database, self._queue)
        self._changed: set[str] = set()
        self._database.commits.listen(self._changed.update)

    def answer(self, work: Callable[[Means, Any], Any], given: object) -> bytes:
        """Return the reply to a request, as it goes over the socket."""
        generation = self._queue.generation()
        self._changed.clear()
        try:
            result, error = work(self._means, given), None
        except Exception as raised:  # noqa: BLE001 - raised where the work came from
            result, error = None, _sendable(raised)
        return frame(Reply(result, error, tuple(self._changed), self._queue.generation() != generation))

    def close(self) -> None:
        """Close the database."""
        self._database.close()


def _sendable(error: Exception) -> Exception:
    """Return an error that the server can read, in words where this one cannot be rebuilt from what it holds."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception as fault:  # noqa: BLE001 - errors of others may raise anything when they are taken apart
        return PillarboxError(f"{type(error).__name__}: {error} ({fault})")
    return error


def _received(asked: BinaryIO) -> Any:
    head = asked.read(LENGTH.size)
    if len(head) < LENGTH.size:
        raise EOFError
    (length,) = LENGTH.unpack(head)
    return pickle.loads(asked.read(length))  # noqa: S301 - our own parent


if __name__ == "__main__":
    main(int(sys.argv[1]))
