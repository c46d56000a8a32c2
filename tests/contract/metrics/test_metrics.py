"""The promises of the metrics: every name of the port counts, and what is read is Prometheus' format."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from cloud.adapters.local.metrics import COUNTERS, HISTOGRAMS, PrometheusMetrics
from cloud.ports import metrics as names


@pytest.fixture
def metrics():
    return PrometheusMetrics()


def values(metrics, gauges=()):
    exposed = metrics.exposed(lambda: gauges).decode()
    samples = [sample for family in text_string_to_metric_families(exposed) for sample in family.samples]
    return {(one.name, *sorted(one.labels.items())): one.value for one in samples}


def test_every_name_of_the_port_is_known_to_the_adapter():
    named = {value for name, value in vars(names).items() if name.isupper()}
    assert named == COUNTERS.keys() | HISTOGRAMS.keys()


def test_what_is_counted_and_observed_is_read(metrics):
    metrics.count(names.INGEST_ROWS, 3)
    metrics.count(names.INGEST_ROWS)
    metrics.count(names.JOBS, stage="send_mail", outcome="done")
    metrics.observe(names.OCR_SECONDS, 1.5)
    found = values(metrics)
    assert found["pillarbox_ingest_rows_total",] == 4
    assert found["pillarbox_jobs_ended_total", ("outcome", "done"), ("stage", "send_mail")] == 1
    assert found["pillarbox_ocr_seconds_bucket", ("le", "1.0")] == 0
    assert found["pillarbox_ocr_seconds_bucket", ("le", "2.0")] == 1
    assert found["pillarbox_ocr_seconds_sum",] == 1.5


def test_gauges_are_looked_up_when_they_are_read(metrics):
    gauges = [("jobs", "jobs", {(("state", "due"),): 2.0, (("state", "parked"),): 1.0}), ("old", "age", {(): 7.0})]
    found = values(metrics, gauges)
    assert (found["pillarbox_jobs", ("state", "due")], found["pillarbox_old",]) == (2, 7)
    assert ("pillarbox_old",) not in values(metrics)


def test_the_program_and_its_process_are_named(metrics):
    found = values(metrics)
    assert any(name[0] == "pillarbox_build_info" and "version" in dict(name[1:]) for name in found)
    assert found["process_resident_memory_bytes",] > 0


def test_two_applications_do_not_mix(metrics):
    metrics.count(names.INGEST_ROWS)
    assert values(PrometheusMetrics())["pillarbox_ingest_rows_total",] == 0


def test_no_name_has_a_label_for_whose_it_is():
    labels = {one for _, told in COUNTERS.values() for one in told} | {
        one for _, told, _ in HISTOGRAMS.values() for one in told
    }
    assert labels == {"method", "route", "status", "kind", "stage", "outcome"}
