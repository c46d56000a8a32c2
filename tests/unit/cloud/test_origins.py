"""Scripts of other web apps: let in by name only, and never with the pages' cookie."""

import dataclasses

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient

from cloud.settings import Settings
from cloud.web.app import create_app
from tests.databases import SQLITE, Dialect

APP, OTHER = "https://app.example", "https://evil.example"
PREFLIGHT = {"access-control-request-method": "PUT", "access-control-request-headers": "authorization,idempotency-key"}

pytestmark = pytest.mark.parametrize("dialect", [Dialect(SQLITE)], ids=[SQLITE])


def client_of(app, listed):
    settings = app.settings.model_copy(update={"allowed_origins": listed})
    web = create_app(dataclasses.replace(app, settings=settings), lambda _: None)
    return TestClient(web, base_url="http://localhost:8000")


@pytest.mark.parametrize(("origin", "allowed"), [(APP, APP), ("http://localhost:3000", "http://localhost:3000")])
def test_a_listed_app_may_ask_with_a_token_and_read_where_the_next_page_is(app, origin, allowed):
    client = client_of(app, f"{APP}, http://localhost:3000")
    asked = client.options("/devices/1/settings", headers=PREFLIGHT | {"origin": origin})
    assert (asked.status_code, asked.headers["access-control-allow-origin"]) == (200, allowed)
    assert "access-control-allow-credentials" not in asked.headers
    answer = client.get("/devices", headers={"origin": origin})
    assert answer.headers["access-control-allow-origin"] == allowed
    assert {"etag", "link", "x-next-cursor", "retry-after"} <= set(exposed(answer))


def exposed(answer):
    return answer.headers["access-control-expose-headers"].lower().replace(" ", "").split(",")


@pytest.mark.parametrize(("listed", "origin"), [(APP, OTHER), (APP, f"{APP}.evil.example"), ("", APP)])
def test_others_may_not(app, listed, origin):
    client = client_of(app, listed)
    assert client.options("/devices", headers=PREFLIGHT | {"origin": origin}).status_code in {400, 405}
    assert "access-control-allow-origin" not in client.get("/devices", headers={"origin": origin}).headers


def test_the_pages_cookie_opens_nothing_to_a_listed_app(app, home):
    assert home
    client = client_of(app, APP)
    client.post("/register", data={"name": "Ann", "email": "ann@example.org", "password": "correct horse"})
    assert client.get("/devices", headers={"accept": "*/*"}).status_code == 200
    forged = {"origin": APP, "sec-fetch-site": "cross-site"}
    assert client.post("/devices", json={"name": "Drive"}, headers=forged).status_code == 403


@pytest.mark.parametrize("listed", ["*", "https://app.example/", "app.example", "https://*.example", "null"])
def test_what_is_no_origin_is_refused_at_the_start(dialect, listed):
    assert dialect
    with pytest.raises(ValidationError, match=r"expected origins such as https://app\.example"):
        Settings(allowed_origins=listed)
