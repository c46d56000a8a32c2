"""SQS-shaped events in, partial batch failures out (AWS Lambda developer guide, "Using Lambda with Amazon SQS")."""

import json
import logging
from typing import Any

from cloud import bootstrap, pipeline
from cloud.bootstrap import Application
from cloud.errors import PillarboxError, RetryLaterError
from cloud.ports.event_queue import Event, Job

log = logging.getLogger(__name__)


class RecordError(PillarboxError):
    """A record that holds no job; SQS moves it to the DLQ once it came often enough."""


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
    """Return whether the record is dealt with: its job is done, or parked with the reason."""
    app = bootstrap.application()
    try:
        job = _job(stage, record)
        pipeline.run(app.ports, app.queue, job)
    except (RetryLaterError, RecordError) as error:
        log.warning("record %s of %s comes again: %s", record["messageId"], stage, error)
        return False
    except Exception as error:
        log.exception("job %s of %s failed", job.job_id, stage)
        return _park(app, job, f"a fault of ours: {type(error).__name__}: {error}")
    return True


def _park(app: Application, job: Job, reason: str) -> bool:
    try:
        pipeline.park(app.ports, app.queue, job, reason)
    except Exception:
        log.exception("job %s of %s could not be parked", job.job_id, job.stage)
        return False
    return True


def _job(stage: str, record: dict[str, Any]) -> Job:
    try:
        body = json.loads(record["body"])
        event = Event(body["event"], body["household_id"], body["subject_id"])
        return Job(body["job_id"], stage, event, int(record["attributes"]["ApproximateReceiveCount"]))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"expected a job as JSON, got {record.get('body')!r:.200}: {error!r}") from error
