"""What every route of docs/openapi.json has in common: its description, and the bodies that it does not take."""

import json
from pathlib import Path

import pytest

from tests.unit.cloud.api.conftest import post_event, post_image, post_notification
from tools.check import openapi

SCOPED = [
    (method, path, route["x-scope"])
    for path, routes in json.loads(openapi.SNAPSHOT.read_text())["paths"].items()
    for method, route in routes.items()
    if "x-scope" in route
]


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
