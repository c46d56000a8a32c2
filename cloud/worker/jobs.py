"""The local job runner: gives the Lambda handlers what SQS would give them."""

import importlib
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence

from cloud.adapters.local.event_queue import LONGEST_WAIT_S, JobsTableQueue
from cloud.errors import RetryLaterError
from cloud.lambdas.records import to_record
from cloud.pipeline import OCR_STAGE, STAGES
from cloud.ports.event_queue import Job

log = logging.getLogger(__name__)

FIRST_PAUSE_MS = 500
LONGEST_PAUSE_MS = 10 * 60 * 1000
DELETE_EVERY_S = 24 * 3600.0
# After a fault of the database or of ours: long enough not to fill the log, short enough not to be noticed.
FAULT_PAUSE_S = 2.0
# These have a thread each: one engine reads one image at a time, a mail server may hang, and nothing waits behind them.
SLOW_STAGES = {"reader": "read_image", "sender": "send_mail"}


def pause_ms(tries: int, jitter: float) -> int:
    """Return how long to wait before the next try: doubling to ten minutes, half spread by ``jitter`` (0 to 1)."""
    longest = min(FIRST_PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS)
    return int(longest * (0.5 + 0.5 * jitter))


class JobRunner:
    """Threads that lease jobs and run them; woken by every commit, otherwise idle until the next job is due.

    At start and once a day the ``deletions`` run, which delete what is too old to be kept.
    """

    def __init__(self, queue: JobsTableQueue, workers: int, deletions: Sequence[Callable[[], None]] = ()) -> None:
        quick = tuple(name for name in STAGES if name not in SLOW_STAGES.values())
        self._queue = queue
        self._deletions = (queue.forget_done, *deletions)
        self._stopping = threading.Event()
        self._at_work: dict[str, Job] = {}
        self._deleted = time.monotonic()
        self._threads = [self._thread(name, (stage,)) for name, stage in SLOW_STAGES.items()]
        self._threads += [self._thread(f"worker-{number}", quick) for number in range(1, workers + 1)]

    def start(self) -> None:
        """Take up what a stopped server left, then work."""
        self._queue.recover()
        self._delete_old()
        for thread in self._threads:
            thread.start()

    def fault(self) -> str:
        """Return which threads have ended that should work, "" for none."""
        ended = [thread.name for thread in self._threads if not thread.is_alive()]
        return f"ended: {', '.join(ended)}" if ended else ""

    def end(self) -> None:
        """Take no more jobs; those at work go on."""
        self._stopping.set()
        self._queue.wake()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """Let the present jobs end within the time; returns False when some did not, which are given back."""
        self.end()
        deadline = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(deadline - time.monotonic(), 0))
        left = list(self._at_work.values())
        for job in left:
            self._queue.retry(job, 0, "the server was told to stop before it was done")
        return not left

    def _thread(self, name: str, stages: Sequence[str]) -> threading.Thread:
        return threading.Thread(target=self._work, args=(stages,), name=name, daemon=True)

    def _work(self, stages: Sequence[str]) -> None:
        lease_ms = 1000 * max(STAGES[name].lease_s for name in stages)
        while not self._stopping.is_set():
            try:
                self._work_once(stages, lease_ms)
            except RetryLaterError as error:
                log.warning("jobs wait: %s", error)
                self._stopping.wait(FAULT_PAUSE_S)
            except Exception:
                # A job that was leased meanwhile comes again when its lease runs out.
                log.exception("a fault of ours; the jobs of %s go on", ", ".join(stages))
                self._stopping.wait(FAULT_PAUSE_S)

    def _work_once(self, stages: Sequence[str], lease_ms: int) -> None:
        generation = self._queue.generation()
        job = self._queue.lease(stages, lease_ms, in_turns=stages == (OCR_STAGE,))
        if job is not None:
            self._at_work[threading.current_thread().name] = job
            try:
                self._run(job)
            finally:
                del self._at_work[threading.current_thread().name]
            return
        self._delete_daily()
        self._queue.wait(generation, self._idle_s(stages))

    def _run(self, job: Job) -> None:
        handler = importlib.import_module(f"cloud.lambdas.{job.stage}").lambda_handler
        answer = handler({"Records": [to_record(job)]}, None)
        if answer["batchItemFailures"]:
            pause = pause_ms(job.tries, random.random())  # noqa: S311 - spreads retries, no secret
            self._queue.retry(job, pause, "comes again after a passing fault")

    def _delete_daily(self) -> None:
        if time.monotonic() - self._deleted > DELETE_EVERY_S:
            self._deleted = time.monotonic()
            self._delete_old()

    def _delete_old(self) -> None:
        for delete in self._deletions:
            delete()

    def _idle_s(self, stages: Sequence[str]) -> float:
        due = self._queue.next_due(stages)
        if due is None:
            return LONGEST_WAIT_S
        return min(max((due - _now()) / 1000, 0.01), LONGEST_WAIT_S)


def _now() -> int:
    return time.time_ns() // 1_000_000
