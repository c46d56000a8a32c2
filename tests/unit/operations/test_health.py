"""Figures for who runs the server, closed to strangers; ready only when every part is."""

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy.exc import OperationalError
from starlette.testclient import TestClient

from cloud.errors import RetryLaterError
from cloud.operations.figures import figures, gauges
from cloud.ports.event_queue import Event
from cloud.web.app import create_app
from cloud.web.health import Vitals
from tests.databases import SQLITE, Dialect, execute
from tests.unit.cloud.messages import event, now, say_bytes, say_events

HERE = ("127.0.0.1", 4711)
on_sqlite = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


def client_of(app, address=HERE, **options):
    web = create_app(app, lambda _: None, **options)
    return TestClient(web, base_url="http://localhost:8000", client=address, raise_server_exceptions=False)


def value(text, name, **labels):
    return next(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def changed(app, **settings):
    """Give the application other settings."""
    object.__setattr__(app, "settings", app.settings.model_copy(update=settings))
    return app


def test_figures_are_counted_from_rows(app, home):
    with app.database.write() as unit_of_work:
        put = app.queue.put
        put(unit_of_work, "send_mail", Event("x", home.household_id, "a"), Event("x", home.household_id, "b"))
        put(unit_of_work, "send_mail", Event("x", home.household_id, "later", now() + 60_000))
        put(unit_of_work, "read_image", Event("x", home.household_id, "c"))
    app.queue.lease(("read_image",), 60_000)
    execute(app, "UPDATE jobs SET created_at = created_at - 5000 WHERE subject_id = 'a'")
    say_bytes(app, "unknown-thing", "events", b"{}")
    execute(app, "UPDATE devices SET last_seen = 1000, next_s = 60 WHERE kind = 'board'")
    execute(app, "UPDATE devices SET last_seen = 1000, online = 0 WHERE kind = 'gateway'")
    found = {name: dict(values) for name, _, values in gauges(figures(app.database, app.queue))}
    assert found["jobs"] == {
        (("state", "due"), ("stage", "send_mail")): 2,
        (("state", "waiting"), ("stage", "send_mail")): 1,
        (("state", "leased"), ("stage", "read_image")): 1,
        (("state", "parked"), ("stage", "events")): 1,
    }
    assert 5 <= found["oldest_due_job_seconds"][()] < 60
    assert found["dlq_entries"][()] == 1
    assert found["devices_silent"][()] == 2


@on_sqlite
def test_requests_are_counted_by_route_and_name_nobody(app, home):
    client = client_of(app)
    client.get("/devices/17/summary")
    client.get(f"/no/such/{home.household_id}")
    client.request("BREW", "/health")
    say_events(app, home.board, event("open", 1), event("close", 2))
    text = client.get("/metrics").text
    assert value(text, "pillarbox_http_requests_total", route="/devices/{device_id}/summary", status="401") == 1
    assert value(text, "pillarbox_http_requests_total", method="other") == 1
    assert value(text, "pillarbox_ingest_messages_total", kind="events") == 1
    assert value(text, "pillarbox_ingest_rows_total") == 2
    assert home.household_id not in text
    assert home.board.thing not in text


class Away:
    """A database that does not answer."""

    def __init__(self, fault):
        self._fault = fault

    def read(self):
        raise self._fault


@on_sqlite
@pytest.mark.parametrize("fault", [RetryLaterError("expected a connection"), OperationalError("SELECT 1", {}, None)])
def test_the_process_s_own_figures_are_told_while_the_database_is_down(app, fault):
    client = client_of(replace(app, database=Away(fault)))
    assert client.get("/health").status_code in {500, 503}
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert value(answer.text, "pillarbox_database_up") == 0
    assert value(answer.text, "pillarbox_http_requests_total", route="/health") == 1
    assert "pillarbox_jobs{" not in answer.text
    assert "pillarbox_devices_silent" not in answer.text


def test_the_figures_say_that_the_database_answers(app):
    assert value(client_of(app).get("/metrics").text, "pillarbox_database_up") == 1


@on_sqlite
def test_figures_are_closed_to_strangers(app, home):
    assert client_of(app).get("/metrics").status_code == 200
    for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
        assert client_of(app).get("/metrics", headers={name: "203.0.113.9"}).status_code == 404
    assert client_of(app, ("203.0.113.9", 1)).get("/metrics").status_code == 404
    assert client_of(changed(app, behind_proxy=True)).get("/metrics").status_code == 404
    assert home


@on_sqlite
def test_a_token_opens_the_figures_from_anywhere(app):
    token = type(app.settings.metrics_token)("secret-token")
    client = client_of(changed(app, metrics_token=token), ("203.0.113.9", 1))
    assert client.get("/metrics", headers={"Authorization": "Bearer secret-token"}).status_code == 200
    assert client.get("/metrics", headers={"Authorization": "Bearer sécret".encode()}).status_code == 401
    assert client_of(app).get("/metrics").status_code == 401


def test_a_server_is_ready_when_every_part_is(app):
    assert client_of(app).get("/readyz").json() == {"status": "ok", "not_ready": {}}
    vitals = Vitals({"broker": lambda: "no connection", "workers": lambda: ""})
    answer = client_of(app, vitals=vitals).get("/readyz")
    assert (answer.status_code, answer.json()["not_ready"]) == (503, {"broker": "no connection"})
    assert client_of(app, vitals=vitals).get("/healthz").status_code == 200


def test_tables_of_another_revision_are_not_ready(app):
    newest = app.database.revision()
    app.database.migrate("0003")
    answer = client_of(app).get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["not_ready"] == {"database": f"expected tables of revision {newest}, got 0003"}
    app.database.migrate()


@on_sqlite
def test_every_answer_carries_its_request_id(app):
    client = client_of(app)
    assert client.get("/health", headers={"X-Request-ID": "request-0001"}).headers["x-request-id"] == "request-0001"
    assert client.get("/health", headers={"X-Request-ID": "bad id"}).headers["x-request-id"] != "bad id"
    for path in ("/nowhere", "/devices/1/summary"):
        assert len(client.get(path).headers["x-request-id"]) == 20
