"""The upload route, within this process: what it answers, and what it leaves behind."""

from urllib.parse import urlsplit

import pytest
from starlette.testclient import TestClient

from cloud.errors import RetryLaterError
from cloud.web.app import create_app
from firmware.wire import topics
from tests.unit.cloud.fakes import with_ports
from tests.unit.cloud.messages import announcement, dlq, photo, rows, say
from tests.unit.cloud.test_images import ask


@pytest.fixture
def told():
    """What the gateway is told."""
    return []


@pytest.fixture
def client(app, told):
    return TestClient(create_app(app, told.append), base_url="http://localhost:8000")


def put(client, grant, content, content_type="image/jpeg"):
    url = urlsplit(grant["url"])
    return client.put(f"{url.path}?{url.query}", content=content, headers={"Content-Type": content_type})


def test_a_granted_image_is_kept_and_waits_for_its_announcement(app, home, client, told):
    grant = ask(app, home.gateway, photo())
    assert put(client, grant, photo().content).status_code == 201
    assert app.ports.image_store.read(home.household_id, photo().sha256) == photo().content
    assert rows(app, "SELECT state, width, height FROM images") == [("waiting", 64, 48)]
    assert told == []


def test_the_upload_of_an_announced_image_tells_the_gateway_and_starts_the_reading(app, home, client, told):
    grant = ask(app, home.gateway, photo())
    say(app, home.gateway, topics.IMAGES, announcement(photo()))
    put(client, grant, photo().content)
    assert [(link.thing, dict(link.message)) for link in told] == [
        (home.gateway.thing, {"image_id": "photo-1", "stored": True})
    ]
    assert rows(app, "SELECT count(*) FROM jobs WHERE stage = 'read_image'") == [(1,)]


def test_content_types_are_compared_without_case_and_parameters(app, home, client):
    grant = ask(app, home.gateway, photo())
    assert put(client, grant, photo().content, "Image/JPEG; charset=binary").status_code == 201


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (photo().content[:-1], "image/jpeg", 422),
        (photo().content + b"x", "image/jpeg", 413),
        (photo().content, "image/png", 415),
        (photo().content, "", 415),
        (bytes(len(photo().content)), "image/jpeg", 422),
    ],
)
def test_what_was_not_granted_is_refused_once_and_for_all(app, home, client, content, content_type, status):
    grant = ask(app, home.gateway, photo())
    answer = put(client, grant, content, content_type)
    assert answer.status_code == status
    assert dlq(app) == [("uploads", answer.json()["message"])]
    assert rows(app, "SELECT state, reason FROM images") == [("failed", answer.json()["message"])]
    assert put(client, grant, photo().content).json()["message"] == answer.json()["message"]
    assert len(dlq(app)) == 1


class FullStore:
    """An image store whose disk is full."""

    def __init__(self, store):
        self.grant, self.check = store.grant, store.check

    def put(self, *_):
        raise RetryLaterError("expected to write x.jpg, the disk said: No space left on device")


def test_a_full_disk_asks_the_gateway_to_come_again(app, home, told):
    full = with_ports(app, image_store=FullStore(app.ports.image_store))
    grant = ask(app, home.gateway, photo())
    answer = put(TestClient(create_app(full, told.append), base_url="http://localhost:8000"), grant, photo().content)
    assert (answer.status_code, answer.json()["error"]) == (503, "RetryLaterError")
    assert answer.headers["retry-after"]
    assert rows(app, "SELECT state FROM images") == [("waiting",)]
    assert dlq(app) == []
