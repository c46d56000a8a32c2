"""Every route of docs/openapi.json, tried by strangers: a matrix made from the description itself."""

import json
from pathlib import Path

import pytest

from tests.unit.cloud.api.conftest import client_of, post_event, post_image, post_notification, with_role
from tests.unit.cloud.messages import rows
from tools.check import openapi

SCOPED = [
    (method, path, route["x-scope"])
    for path, routes in json.loads(openapi.SNAPSHOT.read_text())["paths"].items()
    for method, route in routes.items()
    if "x-scope" in route
]
SCOPE_OF = {"viewer": {"read"}, "member": {"read", "write"}, "owner": {"read", "write", "manage"}}
BODIES = {
    ("post", "/devices/claim"): {"code": "0000-0000-0000-0000"},
    ("post", "/devices/{device_id}/move"): {"household_id": "01900000-0000-7000-8000-000000000000"},
    ("post", "/devices"): {"name": "New"},
    ("put", "/devices/{device_id}"): {"name": "New"},
    ("patch", "/devices/{device_id}/status"): {"is_active": False},
    ("put", "/devices/{device_id}/settings"): {"check_interval": 1},
    ("post", "/devices/{device_id}/health"): {"battery_level": 1},
}
OF_NOBODY = {"/devices", "/dashboard/{clerk_id}", "/live"}  # no id of the household in the request
TABLES = ("devices", "device_settings", "device_health", "mailbox_events", "images", "notifications", "mail_outbox")


@pytest.fixture
def ids(owner, device):
    """Return what the household's things are called."""
    return {
        "device_id": device,
        "event_id": post_event(owner, device).json()["id"],
        "image_id": post_image(owner, device).json()["id"],
        "notification_id": post_notification(owner, device).json()["id"],
        "clerk_id": owner.get(f"/devices/{device}").json()["clerk_id"],
    }


def ask(client, method, path, ids):
    """Send a request that the owner could send."""
    query = {"device_id": ids["device_id"]} if path.startswith("/mailbox/") and "{" not in path else {}
    if path == "/iot/report":
        query = {"d": ids["device_id"], "e": "o"}
    if path == "/device/lookup":
        query = {"serial_id": "Drive"}
    options = {"params": query}
    if (method, path) == ("post", "/mailbox/images"):
        options["files"] = {"file": ("a.jpg", b"\xff\xd8\xff", "image/jpeg")}
    elif (method, path) == ("post", "/mailbox/events"):
        options["json"] = {"device_id": ids["device_id"], "event_type": "open"}
    elif (method, path) == ("post", "/mailbox/notifications"):
        options["json"] = {"device_id": ids["device_id"], "notification_type": "open"}
    elif (method, path) in BODIES:
        options["json"] = BODIES[method, path]
    return client.request(method, path.format(**ids), **options)


def everything(app):
    return [rows(app, f"SELECT * FROM {table}") for table in TABLES]  # noqa: S608


@pytest.mark.parametrize("route", SCOPED, ids=" ".join)
def test_without_credentials_every_route_is_refused(app, web, nobody, ids, route):
    method, path, _ = route
    before = everything(app)
    assert ask(nobody, method, path, ids).status_code == 401
    assert ask(client_of(web, "made up"), method, path, ids).status_code == 401
    assert everything(app) == before


@pytest.mark.parametrize("route", SCOPED, ids=" ".join)
def test_the_ids_of_another_household_are_not_found(app, stranger, ids, route):
    method, path, _ = route
    before = everything(app)
    answer = ask(stranger, method, path, ids)
    if path in OF_NOBODY:
        assert answer.status_code == 200
        assert str(ids["clerk_id"]) not in answer.text
    elif (method, path) == ("post", "/mailbox/images"):
        assert answer.status_code in {404, 422}
    else:
        assert answer.status_code == 404
        assert everything(app) == before


@pytest.mark.parametrize("role", ["viewer", "member"])
@pytest.mark.parametrize("route", SCOPED, ids=" ".join)
def test_a_role_may_do_what_its_scope_says(app, web, ids, route, role):
    method, path, scope = route
    before, client = everything(app), with_role(app, web, role)
    answer = ask(client, method, path, ids)
    if scope in SCOPE_OF[role]:
        assert answer.status_code not in {401, 403, 404, 500}
    else:
        assert answer.status_code == 403
        assert everything(app) == before


def test_the_matrix_has_every_route_of_the_mailbox():
    described = {(method, path) for method, path, _ in SCOPED}
    assert len(described) >= 24
    assert {path for _, path in described} >= {"/devices", "/mailbox/events", "/mailbox/images", "/iot/report"}


def test_a_token_opens_its_household_until_it_is_logged_out(nobody, device):
    body = {"name": "Someone", "email": "new@example.org", "password": "correct horse"}
    token = nobody.post("/auth/register", json=body).json()["token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert nobody.get("/devices", headers=headers).json() == []
    assert nobody.get(f"/devices/{device}", headers=headers).status_code == 404
    assert nobody.post("/auth/logout", headers=headers).status_code == 200
    assert nobody.get("/devices", headers=headers).status_code == 401


def test_the_description_is_the_one_in_the_repository():
    assert Path(openapi.SNAPSHOT).read_text(encoding="utf-8") == openapi.described()


def test_every_route_describes_its_answer_and_its_errors():
    whole = json.loads(openapi.SNAPSHOT.read_text())
    for method, path, _ in SCOPED:
        responses = whole["paths"][path][method]["responses"]
        assert responses["200"]["content"], path
        assert {"401", "403", "422"} <= set(responses), path
        assert responses["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer"), path


@pytest.mark.parametrize("route", [one for one in SCOPED if one[0] in {"post", "put", "patch"}], ids=" ".join)
def test_a_body_of_ten_megabytes_is_refused(owner, ids, route):
    method, path, _ = route
    body = b'{"name": "' + b"x" * 10_000_000 + b'"}'
    if path != "/mailbox/images":
        headers = {"Content-Type": "application/json"}
        assert owner.request(method, path.format(**ids), content=body, headers=headers).status_code == 413


def test_a_body_that_does_not_say_its_length_is_counted(owner):
    def chunks():
        for _ in range(100):
            yield b"x" * 10_000

    answer = owner.post("/devices", content=chunks(), headers={"Content-Type": "application/json"})
    assert (answer.status_code, set(answer.json())) == (413, {"error", "message", "detail"})


def test_the_server_says_that_it_is_well(nobody):
    assert nobody.get("/health").json() == {"status": "ok", "service": "pillarbox", "environment": "local"}
