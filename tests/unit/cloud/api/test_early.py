"""Who may not upload is told so before any of their bytes is taken, and who may is asked for once."""

import asyncio
from dataclasses import replace

import pytest

from cloud.web.app import create_app
from tests.unit.cloud.api.conftest import owner_of_a_household, post_image, with_role

CHUNK = b"\0" * 65_536


def sent(web, headers):
    """Send a form in parts; return the status, and how many bytes were taken before it came."""
    taken, answers = [], []
    head = b'--XX\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    parts = [head, *[CHUNK] * 20, b"\r\n--XX--\r\n"]

    async def receive():
        taken.append(parts[len(taken)])
        return {"type": "http.request", "body": taken[-1], "more_body": len(taken) < len(parts)}

    async def send(message):
        if message["type"] == "http.response.start":
            answers.append((message["status"], sum(map(len, taken))))

    given = {"host": "localhost", "content-type": "multipart/form-data; boundary=XX"} | headers
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/mailbox/images",
        "raw_path": b"/mailbox/images",
        "root_path": "",
        "query_string": b"device_id=1",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
    }
    asyncio.run(web(scope, receive, send))
    (answer,) = answers
    return answer


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer nonsense"}, {"x-api-key": "nonsense"}, {"cookie": "pillarbox_session=nonsense"}],
)
def test_a_stranger_is_refused_before_their_body_is_taken(web, headers):
    assert sent(web, headers) == (401, 0)


def test_a_viewer_is_refused_before_their_body_is_taken(app, web, owner):
    viewer = with_role(app, web, "viewer")
    (cookie,) = viewer.cookies.jar
    assert sent(web, {"cookie": f"{cookie.name}={cookie.value}"}) == (403, 0)
    (cookie,) = owner.cookies.jar
    assert sent(web, {"cookie": f"{cookie.name}={cookie.value}"})[1] > 20 * len(CHUNK)


def test_an_upload_counts_once_against_the_limit_of_requests(app):
    settings = app.settings.model_copy(update={"api_per_minute": 1, "api_burst": 4})
    web = create_app(replace(app, settings=settings), lambda _: None)
    owner = owner_of_a_household(app, web, "owner@example.org")
    device = owner.post("/devices", json={"name": "Drive"}).json()["id"]
    assert [post_image(owner, device).status_code for _ in range(4)] == [200, 200, 200, 429]
