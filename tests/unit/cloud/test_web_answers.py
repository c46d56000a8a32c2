"""HTTP answers of errors, and the Host header check."""

from dataclasses import replace

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from cloud import errors
from cloud.settings import Settings
from cloud.web.app import create_app
from cloud.web.errors import STATUS, add_error_answers, status_of
from cloud.web.hosts import name_in
from tests.unit.cloud.fakes import with_ports


def client_of(app, **options):
    return TestClient(create_app(app, lambda _: None), base_url="http://localhost:8000", **options)


KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_status(kind):
    assert 400 <= status_of(kind("text")) < 600
    assert status_of(kind("text")) >= 500 or issubclass(kind, errors.RefusedError)


def failing(error):
    web = FastAPI()
    add_error_answers(web)

    @web.get("/")
    def fail():
        raise error

    return TestClient(web, raise_server_exceptions=False)


@pytest.mark.parametrize(("kind", "status"), STATUS.items())
def test_an_error_is_answered_in_one_form(kind, status):
    answer = failing(kind("expected this, got that")).get("/")
    assert answer.status_code == status
    assert answer.json().keys() == {"error", "message", "detail"}
    if status != 500:  # which is ours to know
        assert answer.json() == {"error": kind.__name__, "message": "expected this, got that", "detail": None}


def test_who_should_come_again_is_told_when():
    assert failing(errors.RetryLaterError("busy")).get("/").headers["retry-after"].isdigit()
    assert "retry-after" not in failing(errors.RefusedError("no")).get("/").headers


@pytest.mark.parametrize("kind", [ValueError, errors.PillarboxError, errors.ConfigurationError])
def test_a_fault_of_ours_tells_nothing_of_others_data(kind):
    answer = failing(kind("the secret of somebody")).get("/")
    assert answer.status_code == 500
    assert answer.json()["error"] == "InternalError"
    assert "secret" not in answer.text


def test_a_wrong_query_is_named_field_by_field(app):
    answer = client_of(app).put("/uploads/x?expires=soon", content=b"")
    assert answer.status_code == 422
    assert answer.json()["error"] == "ValidationError"
    assert {one["field"] for one in answer.json()["detail"]} == {"query.expires", "query.signature"}


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/uploads/x", 405), ("PUT", "/uploads/a/b", 404)])
def test_what_is_not_there_is_answered_in_one_form(app, method, path, status):
    answer = client_of(app).request(method, path)
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "detail"}


def test_the_server_lives(app):
    assert client_of(app).get("/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_the_names_of_this_machine_are_known(app, host):
    assert client_of(app).get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "", "192.168.1.5:8000", "[::2]", "127.0.0.1x"],
)
def test_a_foreign_name_is_refused(app, host):
    answer = client_of(app).get("/healthz", headers={"Host": host})
    assert answer.status_code == 400
    assert answer.json()["error"] == "UnknownHostError"
    assert answer.json()["message"].startswith("expected a name of this server in the Host header, got")


def test_the_name_in_the_public_address_is_known(app):
    named = with_ports(app, public_url="https://box.example.org:8443")
    assert client_of(named).get("/healthz", headers={"Host": "box.example.org"}).status_code == 200


def test_a_server_on_the_local_network_is_called_by_its_addresses_but_not_by_foreign_names(app, tmp_path):
    open_to_all = Settings(_env_file=None, data=tmp_path, host="0.0.0.0")  # noqa: S104 - nothing listens
    client = client_of(replace(app, settings=open_to_all))
    assert client.get("/healthz", headers={"Host": "192.168.1.5:8000"}).status_code == 200
    assert client.get("/healthz", headers={"Host": "rebound.example"}).status_code == 400


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("A", "a"), ("[::1]:80", "::1"), ("[::1", "::1"), (":80", ""), ("", ""), ("::1", "")],
)
def test_the_name_in_a_host_header(header, name):
    assert name_in(header) == name
