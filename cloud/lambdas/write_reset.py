"""When somebody has asked for a new password, then write them the mail with its link."""

from typing import Any

from cloud.lambdas.records import run_records


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do the jobs of an SQS event."""
    return run_records("write_reset", event)
