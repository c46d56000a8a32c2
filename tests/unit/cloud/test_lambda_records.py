"""The Lambda functions: SQS events in, partial batch failures out, one file a stage."""

import importlib
import json
from pathlib import Path

import pytest

import cloud.lambdas
from cloud.lambdas.records import run_records, to_record
from cloud.pipeline import PIPELINE
from cloud.ports.event_queue import Event, Job
from tests.databases import execute, poisoned
from tests.unit.cloud.fakes import deliver, lease
from tests.unit.cloud.messages import dlq, event, photo, rows, say_events

EVENTS = Path(__file__).parents[2] / "events"
LAMBDAS = Path(cloud.lambdas.__file__).parent
LONGEST = 30


def sample(name):
    return json.loads((EVENTS / name).read_text())


def failures(answer):
    return [one["itemIdentifier"] for one in answer["batchItemFailures"]]


def jobs_of(app, home, number):
    """Return leased settle jobs about one collection, as many as asked for."""
    deliver(app, home)
    (episode_id,) = rows(app, "SELECT id FROM episodes")[0]
    with app.database.write() as unit_of_work:
        for _ in range(number - 1):
            app.queue.put(unit_of_work, "settle_episode", Event("images_announced", home.household_id, episode_id))
    return [lease(app) for _ in range(number)]


def test_there_is_one_function_for_every_stage():
    files = {file.stem for file in LAMBDAS.glob("*.py")} - {"__init__", "records"}
    assert files == {stage.name for stage in PIPELINE}


@pytest.mark.parametrize("stage", [stage.name for stage in PIPELINE])
def test_a_function_only_hands_its_own_stage_on(app, stage):
    assert len((LAMBDAS / f"{stage}.py").read_text().splitlines()) <= LONGEST
    handler = importlib.import_module(f"cloud.lambdas.{stage}").lambda_handler
    with app.database.write() as unit_of_work:
        app.queue.put(unit_of_work, stage, Event("x", "household", "nobody"))
    record = to_record(lease(app))
    assert handler({"Records": [record]}, None) == {"batchItemFailures": []}
    assert rows(app, "SELECT count(*) FROM jobs WHERE state = 'waiting'") == [(0,)]


def test_a_job_becomes_the_record_that_sqs_would_deliver():
    record = to_record(Job("job-1", "read_image", Event("image_stored", "household-1", "image-1"), 3))
    real = sample("sqs_one_job.json")["Records"][0]
    assert set(record) <= set(real)
    assert record["attributes"]["ApproximateReceiveCount"] == "3"
    assert set(json.loads(record["body"])) == set(json.loads(real["body"]))


def test_an_event_as_aws_sends_it_does_its_job(app, home):
    (job,) = jobs_of(app, home, 1)
    event_of_aws = sample("sqs_one_job.json")
    record = event_of_aws["Records"][0]
    for name, value in (("JOB", job.job_id), ("HOUSEHOLD", home.household_id), ("EPISODE", job.event.subject_id)):
        record["body"] = record["body"].replace(name, value)
    assert failures(run_records("settle_episode", event_of_aws)) == []
    assert rows(app, "SELECT kind FROM episodes") == [("collection",)]


def test_no_records_are_no_failures(app):
    assert run_records("send_mail", {"Records": []}) == {"batchItemFailures": []}
    assert app.queue is not None


def test_one_bad_record_of_ten_fails_alone(app, home):
    records = [to_record(job) for job in jobs_of(app, home, 9)]
    records.insert(4, sample("sqs_no_jobs.json")["Records"][0])
    assert failures(run_records("settle_episode", {"Records": records})) == ["no-json"]
    assert rows(app, "SELECT state, count(*) FROM jobs WHERE visible_at = 0 GROUP BY state") == [("done", 9)]


def test_records_that_hold_no_job_come_again_until_sqs_gives_them_up(app):
    names = ["no-json", "no-object", "no-subject", "no-count", "no-body"]
    assert failures(run_records("read_image", sample("sqs_no_jobs.json"))) == names
    assert dlq(app) == []


def test_a_passing_fault_is_the_only_failure_of_its_batch(app, home):
    photos = photo("broken", 1), photo("gone", 2)
    deliver(app, home, *photos)
    first, second = (next((app.settings.data / "images").rglob(f"*{one.sha256}*")) for one in photos)
    first.unlink()
    first.mkdir()  # a disk that does not give the file back
    second.unlink()
    broken, gone = (app.queue.lease(("read_image",), 60_000) for _ in range(2))
    assert failures(run_records("read_image", {"Records": [to_record(broken), to_record(gone)]})) == [broken.job_id]
    assert [stage for stage, _ in dlq(app)] == ["read_image"]


def test_a_repeated_record_has_one_effect(app, home):
    (job,) = jobs_of(app, home, 1)
    record = to_record(job)
    for _ in range(2):
        assert failures(run_records("settle_episode", {"Records": [record, record]})) == []
    assert rows(app, "SELECT count(*) FROM episodes WHERE kind = 'collection'") == [(1,)]


def test_a_fault_of_ours_parks_the_job_with_the_name_of_the_fault(app, home):
    say_events(app, home.board, event("open", 1), event("close", 2))
    execute(app, "UPDATE episodes SET image_count = 0")
    ((episode_id,),) = rows(app, "SELECT id FROM episodes")
    with app.database.write() as unit_of_work:
        app.queue.put(unit_of_work, "settle_episode", Event("images_announced", home.household_id, episode_id))
    with poisoned(app, "UPDATE ON episodes", "new.kind IS NOT NULL"):
        assert failures(run_records("settle_episode", {"Records": [to_record(lease(app))]})) == []
    ((stage, reason),) = dlq(app)
    assert stage == "settle_episode"
    assert reason.startswith("a fault of ours: IntegrityError")


def test_a_job_that_cannot_even_be_parked_comes_again_and_the_others_are_done(app, home):
    jobs = jobs_of(app, home, 2)
    with poisoned(app, "UPDATE ON jobs", f"old.id = '{jobs[0].job_id}'"):
        answer = run_records("settle_episode", {"Records": [to_record(job) for job in jobs]})
    assert failures(answer) == [jobs[0].job_id]
    assert rows(app, "SELECT kind FROM episodes") == [("collection",)]
