"""SQS-shaped events in, partial batch failures out (AWS Lambda developer guide, "Using Lambda with Amazon SQS")."""

import json
import logging
from typing import Any

from cloud import bootstrap, pipeline
from cloud.errors import RetryLaterError
from cloud.ports.event_queue import Event, Job

log = logging.getLogger(__name__)


def run_records(stage: str, event: dict[str, Any]) -> dict[str, Any]:
    """Do each record's job; one that should come again is named in the answer, any other ends or is parked."""
    failed = [record["messageId"] for record in event["Records"] if not _run(stage, record)]
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def to_record(job: Job) -> dict[str, Any]:
    """Return the record that SQS would deliver for this job."""
    event = job.event
    body = {
        "job_id": job.job_id,
        "event": event.name,
        "household_id": event.household_id,
        "subject_id": event.subject_id,
    }
    return {
        "messageId": job.job_id,
        "receiptHandle": job.job_id,
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": str(job.tries)},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:local:000000000000:{job.stage}",
    }


def _run(stage: str, record: dict[str, Any]) -> bool:
    app = bootstrap.application()
    body = json.loads(record["body"])
    event = Event(body["event"], body["household_id"], body["subject_id"])
    job = Job(body["job_id"], stage, event, int(record["attributes"]["ApproximateReceiveCount"]))
    try:
        pipeline.run(app.ports, app.queue, job)
    except RetryLaterError as error:
        log.warning("job %s of %s comes again: %s", job.job_id, stage, error)
        return False
    except Exception as error:
        log.exception("job %s of %s failed", job.job_id, stage)
        pipeline.park(app.ports, app.queue, job, f"a fault of ours: {type(error).__name__}: {error}")
    return True
