"""When a device is owed an answer by another process, then tell it."""

from typing import Any

from cloud.lambdas.records import run_records


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do the jobs of an SQS event."""
    return run_records("tell_device", event)
