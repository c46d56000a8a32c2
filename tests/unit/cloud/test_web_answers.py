"""HTTP answers of errors, and the Host header check."""

import re
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import pytest
from fastapi import FastAPI
from pydantic import AfterValidator, BaseModel, Field
from starlette.testclient import TestClient

from cloud import errors
from cloud.settings import Settings
from cloud.web.app import create_app
from cloud.web.errors import STATUS, add_error_answers, status_of
from cloud.web.hosts import name_in
from cloud.web.wording import told
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


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/mailbox/events", {"GET", "HEAD", "POST"}),
        ("PATCH", "/devices/1", {"GET", "HEAD", "PUT", "DELETE"}),
        ("HEAD", "/auth/login", {"POST"}),
        ("POST", "/static/pillarbox.css", {"GET", "HEAD"}),
        ("GET", "/uploads/x", {"PUT"}),
    ],
)
def test_a_wrong_method_is_answered_with_the_right_ones(app, method, path, allowed):
    answer = client_of(app).request(method, path, headers={"accept": "application/json"})
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed


@pytest.mark.parametrize("path", ["/healthz", "/login", "/static/pillarbox.css", "/openapi.json", "/nowhere", "/live"])
def test_who_asks_for_the_head_gets_what_get_tells_before_its_content(app, path):
    got, head = (client_of(app).request(method, path) for method in ("GET", "HEAD"))
    assert (head.status_code, head.content) == (got.status_code, b"")
    told = [{**one.headers} | {"x-request-id": "its own"} for one in (got, head)]
    assert told[0] == told[1]


def test_a_head_is_counted_with_the_route_that_answered(app):
    client_of(app).head("/healthz")
    assert 'method="HEAD",route="/healthz",status="200"' in app.metrics.exposed(list).decode()


@pytest.mark.parametrize(
    ("kind", "content", "message"),
    [
        ("application/json", b'{"name":', "body: expected JSON, got something else from character 8 on"),
        ("text/plain", b"{}", "body: expected JSON, with Content-Type: application/json; got text/plain"),
        ("application/json", b"\x80a", "body: expected JSON in UTF-8, got something else from byte 0 on"),
        ("application/json", b'{"name": "\xff"}', "body: expected JSON in UTF-8, got something else from byte 10 on"),
        ("application/json", b"[" * 100_000, "body: expected JSON with few levels in each other, got too many"),
    ],
)
def test_a_body_that_is_no_json_is_told_what_it_should_be(app, kind, content, message):
    answer = client_of(app).post("/auth/login", content=content, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["message"]) == (422, message)
    assert [f"{one['field']}: {one['message']}" for one in answer.json()["detail"]] == [message]


def test_an_address_or_a_method_that_is_none_is_told_with_those_that_there_are(app):
    client, headers = client_of(app), {"accept": "application/json"}
    message = client.get("/nowhere\u202eat all" + "x" * 100, headers=headers).json()["message"]
    assert message.startswith("expected an address of this server, such as /devices, found none called ")
    assert '"/nowhere\\u202eat allx' in message
    assert len(message) < 200
    answer = client.patch("/mailbox/events", headers=headers)
    expected, _, came = answer.json()["message"].removeprefix("expected ").partition(" at this address, ")
    assert (set(expected.split(", ")), came) == ({"GET", "HEAD", "POST"}, 'got "PATCH"')


def even(number):
    if number % 2:
        raise ValueError(f"expected an even number, got {number}")
    return number


class Asked(BaseModel):
    """One field for each way to be wrong."""

    kind: Literal["board", "gateway"] = "board"
    minutes: Annotated[int, Field(ge=1, le=60)] = 1
    degrees: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    name: Annotated[str, Field(min_length=2, max_length=4)] = "box"
    is_on: bool = True
    at: datetime | None = None
    event_id: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    other: Annotated[str, Field(pattern="^[a-z]+$")] = "a"
    scopes: Annotated[list[int], Field(min_length=1, max_length=2)] = [1]
    password: Literal["right"] | None = None
    number: Annotated[int, AfterValidator(even)] = 2


WRONG = [
    ({"kind": "toaster"}, "expected 'board' or 'gateway', got \"toaster\""),
    ({"kind": "x" * 1000}, f"expected 'board' or 'gateway', got \"{'x' * 40}...\""),
    ({"kind": "a\n\u202e\u0000"}, "expected 'board' or 'gateway', got \"a\\n\\u202e\\u0000\""),
    ({"kind": ["board"]}, "expected 'board' or 'gateway', got a list"),
    ({"minutes": 61}, "expected at most 60, got 61"),
    ({"minutes": 0}, "expected at least 1, got 0"),
    ({"minutes": 10**30}, "expected at most 60, got a number of many digits"),
    ({"minutes": "soon"}, 'expected a whole number, got "soon"'),
    ({"minutes": 1.5}, "expected a whole number, got 1.5"),
    ({"minutes": None}, "expected a whole number, got null"),
    ({"degrees": "warm"}, 'expected a number, got "warm"'),
    ({"name": "x"}, "expected text of at least 2 characters, got 1"),
    ({"name": "x" * 1000}, "expected text of at most 4 characters, got 1000"),
    ({"name": 5}, "expected text, got 5"),
    ({"is_on": "maybe"}, 'expected true or false, got "maybe"'),
    ({"at": "soon"}, 'expected a time in ISO 8601, such as 2026-03-01T10:00:00Z, got "soon"'),
    ({"event_id": "a b"}, "expected 1 to 59 letters, digits, '.', '_' or '-', got \"a b\""),
    ({"other": "A"}, 'expected ^[a-z]+$, got "A"'),
    ({"scopes": []}, "expected at least 1 of them, got 0"),
    ({"scopes": [1, 2, 3]}, "expected at most 2 of them, got 3"),
    ({"scopes": {"a": 1}}, "expected a list, got an object"),
    ({"password": "a secret"}, "expected 'right', got something else"),
    ({"number": 3}, "expected an even number, got 3"),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_a_wrong_value_is_told_with_what_was_expected_and_what_came(body, message):
    web = FastAPI()
    add_error_answers(web)

    @web.post("/")
    def take(asked: Asked):
        del asked

    answer = TestClient(web).post("/", json=body)
    (field,) = body
    assert answer.json() == {
        "error": "ValidationError",
        "message": f"body.{field}: {message}",
        "detail": [{"field": f"body.{field}", "message": message}],
    }


def test_what_is_missing_is_expected_and_what_we_have_no_words_for_is_told_in_others():
    assert told({"type": "missing", "loc": ("body", "name"), "msg": "", "input": {}}) == "expected a value, got none"
    fault = {"type": "url_type", "loc": ("body", "at"), "msg": "URL input should be text", "input": 1}
    assert told(fault) == "URL input should be text"


def test_an_error_of_ours_that_names_its_field_tells_it_in_its_detail():
    answer = failing(errors.RefusedError("code: expected 16 letters, got 3", field="body.code")).get("/").json()
    assert answer["message"] == "code: expected 16 letters, got 3"
    assert answer["detail"] == [{"field": "body.code", "message": "expected 16 letters, got 3"}]
    answer = failing(errors.RefusedError("expected: one of two", field="query.name")).get("/").json()
    assert answer["detail"] == [{"field": "query.name", "message": "expected: one of two"}]


def test_a_number_that_nobody_can_read_is_refused(app):
    answer = client_of(app).post("/auth/login", content=b"1" * 5000, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["message"].startswith("body: expected JSON, got what cannot be read: Exceeds the limit (4300")


def test_a_request_whose_end_is_told_in_two_ways_is_refused_and_its_connection_closed(app):
    headers = {"content-length": "5", "transfer-encoding": "chunked", "content-type": "application/json"}
    answer = client_of(app).post("/auth/login", content=b"0\r\n\r\n", headers=headers)
    assert (answer.status_code, answer.headers["connection"]) == (400, "close")
    assert "got both" in answer.json()["message"]


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
def test_the_description_of_the_api_is_made_of_our_own_files_only(app, page):
    client = client_of(app)
    shown = client.get(page)
    named = re.findall(r'(?:src|href)="([^"]+)"', shown.text)
    assert {client.get(path).status_code for path in named} == {200}
    assert all(path.startswith("/") for path in named)
    assert "script-src 'self';" in shown.headers["content-security-policy"]


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
