"""SQS-shaped events in, partial batch failures out (AWS Lambda developer guide, "Using Lambda with Amazon SQS")."""

import json
import logging
import time
from typing import Any

from cloud import bootstrap, correlation, pipeline
from cloud.bootstrap import Application
from cloud.errors import PillarboxError, RetryLaterError
from cloud.ports.event_queue import Event, Job
from cloud.ports.metrics import JOBS, MAILS, STAGE_SECONDS

log = logging.getLogger(__name__)

DONE, PARKED, AGAIN = "done", "parked", "again"
TOLD = {DONE: "is done", PARKED: "is parked", AGAIN: "comes again"}


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
        "correlation_id": job.correlation_id,
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
    except RecordError as error:
        log.warning("record %s of %s comes again: %s", record["messageId"], stage, error)
        return False
    with correlation.story(job.correlation_id):
        begin = time.perf_counter()
        outcome = _outcome(app, job)
        seconds = time.perf_counter() - begin
        told = {"job_id": job.job_id, "ms": int(seconds * 1000)}
        log.info("%s of %s %s", stage, job.event.subject_id, TOLD[outcome], extra=told)
    app.metrics.observe(STAGE_SECONDS, seconds, stage=stage)
    app.metrics.count(JOBS, stage=stage, outcome=outcome)
    if stage == "send_mail":
        app.metrics.count(MAILS, outcome=outcome)
    return outcome != AGAIN


def _outcome(app: Application, job: Job) -> str:
    try:
        return DONE if pipeline.run(app.ports, app.queue, job) else PARKED
    except RetryLaterError as error:
        log.warning("job %s of %s comes again: %s", job.job_id, job.stage, error)
        return AGAIN
    except Exception as error:
        log.exception("job %s of %s failed", job.job_id, job.stage)
        reason = f"a fault of ours: {type(error).__name__}: {error}"
        return PARKED if _park(app, job, reason) else AGAIN


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
        tries = int(record["attributes"]["ApproximateReceiveCount"])
        return Job(body["job_id"], stage, event, tries, str(body.get("correlation_id", "")))
    except (KeyError, TypeError, ValueError) as error:
        raise RecordError(f"expected a job as JSON, got {record.get('body')!r:.200}: {error!r}") from error
