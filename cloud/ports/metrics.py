"""What is counted and measured, for who runs the server; never a household, a device, a person or an address."""

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

HTTP_REQUESTS = "http_requests"
HTTP_SECONDS = "http_request_seconds"
INGEST_MESSAGES = "ingest_messages"
INGEST_ROWS = "ingest_rows"
INGEST_PARKED = "ingest_parked_messages"
INGEST_GROUP = "ingest_group_messages"
INGEST_LAG = "ingest_lag_seconds"
JOBS = "jobs_ended"
STAGE_SECONDS = "stage_seconds"
OCR_SECONDS = "ocr_seconds"
MAILS = "mails"

Labels = tuple[tuple[str, str], ...]
Gauge = tuple[str, str, Mapping[Labels, float]]
"""What is looked up rather than counted: name, help, and the value for each set of labels."""


class Metrics(Protocol):
    """Promises: every method is quick, thread-safe, and never fails for a name above with its labels."""

    def count(self, name: str, amount: int = 1, **labels: str) -> None:
        """Add to a counter."""

    def exposed(self, gauges: Callable[[], Iterable[Gauge]]) -> bytes:
        """Return everything as the collector reads it, with ``gauges`` as they are now."""

    def observe(self, name: str, value: float, **labels: str) -> None:
        """Add one measured value, in the unit that its name ends with, to a histogram."""
