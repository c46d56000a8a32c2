"""RapidOCR behind the OCR engine port: one child process reads, so the server never loads the vision libraries."""

import json
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from typing import Any

from cloud.adapters.local.child_process import start_module
from cloud.errors import RefusedError, RetryLaterError
from cloud.ports.ocr_engine import OcrLine, OcrPage

CHILD_MODULE = "cloud.adapters.local.ocr_engine_process"
# What a page that is nearly read may still take when the engine is closed; another is read again after its lease.
CLOSE_GRACE_S = 2.0


class RapidOcrEngine:
    """Reads one page at a time in a spawned process.

    The process starts when the first page comes or is announced by ``prepare``, is replaced after
    ``pages_per_process`` pages (native libraries leak), is killed when a page takes longer than ``timeout_s``,
    and dies with this one.
    """

    def __init__(
        self,
        *,
        threads: int = 0,
        timeout_s: float = 120.0,
        pages_per_process: int = 200,
        close_grace_s: float = CLOSE_GRACE_S,
    ) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._timeout_s = timeout_s
        self._close_grace_s = close_grace_s
        self._pages_per_process = pages_per_process
        self._turn = threading.Lock()
        self._child: Future[_Child] | None = None
        self._pages_read = 0
        # The kernel ties "die with your parent" to the thread that forked, so that thread must outlive the child.
        self._starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ocr-engine")

    @property
    def child_pid(self) -> int | None:
        """The process id of the running child, None before the first page and after ``close``."""
        return self._child.result().process.pid if self._child else None

    def read(self, image: bytes) -> OcrPage:
        """Return the page; raises RefusedError for an unreadable image, RetryLaterError when the child died."""
        with self._turn:
            child = self._running_child()
            try:
                answer = child.ask(image, self._timeout_s)
            except RetryLaterError:
                self._stop()
                raise
            self._pages_read += 1
            if self._pages_read >= self._pages_per_process:
                self._stop()
        if "refused" in answer:
            raise RefusedError(answer["refused"])
        return page_from_json(answer)

    def prepare(self) -> None:
        """Start the child now, so that it loads its models while the image is on its way; returns at once."""
        # Somebody who holds the lock is reading, so the child is there already.
        if self._turn.acquire(blocking=False):
            try:
                self._start()
            finally:
                self._turn.release()

    def close(self) -> None:
        """End the child process, and with it a ``read`` that takes long: RetryLaterError; the next starts a new one."""
        while not self._turn.acquire(timeout=self._close_grace_s):
            # Whoever reads notices that the child is gone, and gives the lock back.
            child = self._child
            if child is not None and child.exception() is None:
                child.result().process.kill()
        try:
            self._stop()
        finally:
            self._turn.release()

    def _running_child(self) -> "_Child":
        try:
            return self._start().result()
        except OSError as error:
            self._child = None
            raise RetryLaterError(f"the OCR process could not be started: {error}") from error

    def _start(self) -> "Future[_Child]":
        if self._child is None:
            self._child = self._starter.submit(_Child, self._threads)
            self._pages_read = 0
        return self._child

    def _stop(self) -> None:
        if self._child is not None and self._child.exception() is None:
            self._child.result().stop()
        self._child = None


class _Child:
    """The child process and the pipe to it."""

    def __init__(self, threads: int) -> None:
        self._pipe, theirs = Pipe()
        with theirs:
            self.process = start_module(CHILD_MODULE, theirs.fileno(), str(threads))

    def ask(self, image: bytes, timeout_s: float) -> dict[str, Any]:
        """Send one image and wait for its answer; a child silent for ``timeout_s`` is killed, which ends the wait."""
        overdue = threading.Event()
        alarm = threading.Timer(timeout_s, self._end_overdue, [overdue])
        alarm.start()
        try:
            return _exchange(self._pipe, image)
        except (EOFError, OSError) as error:
            status = self.process.wait(timeout=10)
            why = f"no answer within {timeout_s:g} s" if overdue.is_set() else f"exit status {status}"
            raise RetryLaterError(f"the OCR process ended while reading: {why}") from error
        finally:
            alarm.cancel()

    def stop(self) -> None:
        """Kill the process and wait for its end."""
        self._pipe.close()
        self.process.kill()
        self.process.wait(timeout=10)

    def _end_overdue(self, overdue: threading.Event) -> None:
        overdue.set()
        self.process.kill()


def page_from_json(answer: dict[str, Any]) -> OcrPage:
    """Return the page that the child described (see ``ocr_engine_process``)."""
    lines = tuple(
        OcrLine(line["text"], line["confidence"], tuple((x, y) for x, y in line["polygon"]))
        for line in answer.pop("lines")
    )
    return OcrPage(lines=lines, **answer)


def _exchange(pipe: "Connection[Any, Any]", image: bytes) -> dict[str, Any]:
    pipe.send_bytes(image)
    answer: dict[str, Any] = json.loads(pipe.recv_bytes())
    return answer
