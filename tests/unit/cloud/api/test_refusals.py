"""What every route of docs/openapi.json has in common: its description, and the bodies that it does not take."""

import json
import re
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

BODIES = {
    (method, path): route.get("requestBody", {}).get("content", {})
    for path, routes in json.loads(openapi.SNAPSHOT.read_text())["paths"].items()
    for method, route in routes.items()
}
WITH_BODY = [route for route in BODIES if route[0] in {"post", "put", "patch"}]
# The rest of what they take is told from an image by its bytes.
OF_IMAGES = ("/mailbox/images", "/uploads/{upload_id}")


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


def filled(path, ids):
    """Return a path with the household's ids; what else it names is none of the household's."""
    return re.sub(r"\{(\w+)\}", lambda found: str(ids.get(found[1], "1")), path)


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
        (done,) = responses.keys() & {"200", "201", "202", "204"}
        assert ("content" in responses[done]) == (done != "204"), path
        assert {"401", "403", "422"} <= set(responses), path
        assert responses["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer"), path


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b", "text/plain"])
def test_ten_megabytes_are_refused_by_every_route_that_takes_a_body(owner, nobody, ids, kind):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        + b"x" * 10_000_000
        + b"\r\n--b--\r\n"
    )
    for method, path in WITH_BODY:
        for client in (owner, nobody):
            answer = client.request(method, filled(path, ids), content=body, headers={"Content-Type": kind})
            assert set(answer.json()) == {"error", "message", "detail"}, path
            allowed = {413} if path not in OF_IMAGES else {401, 415, 422}
            assert answer.status_code in allowed, (path, answer.text)


BROKEN = {
    "application/json": (b"\x80a", b'{"name": "\xff\xfe"}', b"[" * 100_000, b"1" * 5000, b"{", b"\x00\x00\xfe\xff\x80"),
    "multipart/form-data": (b"\x80a", b""),
    "multipart/form-data; boundary=b": (b"\x80a", b"--b\r\n\x80: \xff\r\n\r\n", b"--b\r\n\r\n\x80\r\n--b--\r\n"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_body_that_cannot_be_read_is_refused_as_one_with_wrong_fields(owner, ids, kind):
    for method, path in (route for route, taken in BODIES.items() if kind.partition(";")[0] in taken):
        for content in BROKEN[kind]:
            answer = owner.request(method, filled(path, ids), content=content, headers={"Content-Type": kind})
            assert (answer.status_code, answer.json()["error"]) == (422, "ValidationError"), (path, content[:20])
            assert answer.json()["detail"][0]["field"].startswith("body"), (path, content[:20])
            assert "expected" in answer.json()["message"] or "required" in answer.json()["message"], path


def test_a_body_larger_than_any_image_is_refused_before_it_is_read(owner, ids):
    headers = {"Content-Type": "image/jpeg", "Content-Length": "40000000"}
    for path in OF_IMAGES:
        method = "PUT" if "upload" in path else "POST"
        assert owner.request(method, filled(path, ids), headers=headers, content=iter(())).status_code == 413


def test_a_body_that_does_not_say_its_length_is_counted(owner, ids):
    def chunks():
        yield b'{"name": "'
        for _ in range(100):
            yield b"x" * 10_000

    reading = [route for route in WITH_BODY if route[1] not in OF_IMAGES and "json" in str(BODIES[route])]
    assert len(reading) > 15
    for method, path in reading:
        headers = {"Content-Type": "application/json"}
        answer = owner.request(method, filled(path, ids), content=chunks(), headers=headers)
        assert (answer.status_code, set(answer.json())) == (413, {"error", "message", "detail"}), path
        assert answer.json()["error"] == "TooLargeError", path


def test_the_server_says_that_it_is_well(nobody):
    assert nobody.get("/health").json() == {"status": "ok", "service": "pillarbox", "environment": "local"}
