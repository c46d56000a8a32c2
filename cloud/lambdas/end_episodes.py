"""When a board has left its household, then end what it left open there."""

from typing import Any

from cloud.lambdas.records import run_records


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Do the jobs of an SQS event."""
    return run_records("end_episodes", event)
