"""A route that reads requests itself answers as FastAPI would."""

from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse
from fastapi.testclient import TestClient

from cloud.accounts.identity import Guard
from cloud.accounts.model import OWNER, WRITE, Member, User
from cloud.api.answers import TaggedRoute
from cloud.api.quick import quick_post
from cloud.errors import UnauthorizedError
from cloud.mailbox_events.schemas import NewEvent
from cloud.repeats.idempotency import KeyHeader
from cloud.web.errors import add_error_answers

GOOD = b'{"device_id": 7, "event_type": "open"}'
JSON = {"content-type": "application/json"}


async def member_by_token(request, token, api_key):
    del request, api_key
    if token is None:
        raise UnauthorizedError("expected a token")
    return Member(User(token, "owner@example.org", "Owner"), "home", "Home", OWNER)


@pytest.fixture
def client():
    guard = Guard(member_by_token, WRITE, person=False)
    router = APIRouter(route_class=TaggedRoute)

    async def take(
        event: NewEvent,
        caller: Annotated[Member, Depends(guard)],
        request: Request,
        idempotency_key: KeyHeader = None,
    ) -> dict[str, object]:
        del request
        return {"event": event.model_dump(mode="json"), "who": caller.user.id, "key": idempotency_key}

    async def take_quickly(event, caller, request, key):
        del request
        answered = {"event": event.model_dump(mode="json"), "who": caller.user.id, "key": key}
        return JSONResponse(answered)

    router.add_api_route("/asked", take, methods=["POST"])
    router.add_api_route("/quick", take_quickly, methods=["POST"], route_class_override=quick_post(NewEvent, guard))
    web = FastAPI()
    web.include_router(router)
    add_error_answers(web)
    return TestClient(web)


def both(client, content, headers):
    return [client.post(path, content=content, headers=headers) for path in ("/asked", "/quick")]


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (GOOD, {}),
        (GOOD, {"idempotency-key": "once"}),
        (GOOD, {"content-type": "application/merge+json; charset=utf-8"}),
        (b'{"device_id": "7", "event_type": "close", "timestamp": "2026-11-21T08:00:00Z", "event_id": "a"}', {}),
        (b'{"device_id": 7, "event_type": "ajar"}', {}),
        (b'{"device_id": -1, "event_type": "open", "event_id": "a b"}', {}),
        (b"{}", {}),
        (GOOD, {"idempotency-key": ""}),
        (GOOD, {"idempotency-key": "k" * 256}),
    ],
)
def test_it_answers_as_any_other_route_does(client, content, more):
    asked, quick = both(client, content, JSON | {"authorization": "Bearer owner"} | more)
    assert (quick.status_code, quick.json()) == (asked.status_code, asked.json())


@pytest.mark.parametrize(
    ("content", "content_type", "told"),
    [
        (b'{"device_id": 7,', "application/json", "Invalid JSON"),
        (b"", "application/json", "Invalid JSON"),
        (b'{"device_id": "\xff"}', "application/json", "Invalid JSON"),
        (b"[]", "application/json", "expected an object, got a list"),
        (b"null", "application/json", "expected an object, got null"),
        (GOOD, "text/plain", "expected JSON, with Content-Type: application/json; got text/plain"),
        (GOOD, "", "got no Content-Type"),
    ],
)
def test_what_is_no_json_is_refused_and_told_why(client, content, content_type, told):
    answer = client.post(
        "/quick", content=content, headers={"content-type": content_type, "authorization": "Bearer me"}
    )
    assert answer.status_code == 422
    assert told in answer.json()["message"]
    assert [fault["field"] for fault in answer.json()["detail"]] == ["body"]


def test_a_stranger_is_refused_whatever_they_send(client):
    assert [one.status_code for one in both(client, GOOD, JSON)] == [401, 401]
    assert client.post("/quick", content=b"no JSON").status_code == 401
