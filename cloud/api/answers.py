"""Answers of the API: their errors, their times, and ETags that save sending what the caller has."""

import hashlib
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.datastructures import Headers
from starlette.routing import Match
from starlette.types import Scope

from cloud.queries import KnownNamesRoute

# Ids are 64-bit integers in both databases.
LARGEST_ID = 2**63 - 1
# Asked for again every time, so that nothing is shown after logging out; unchanged costs a few bytes.
CACHING = "private, no-cache"

NumberPath = Annotated[int, Path(ge=1, le=LARGEST_ID)]
NumberQuery = Annotated[int, Query(ge=1, le=LARGEST_ID)]
Number = Annotated[int, Field(ge=1, le=LARGEST_ID)]
# Of devices and what they bring; times of keys, invitations and the audit log are Unix milliseconds.
IsoTime = Annotated[str, Field(description="ISO 8601 in UTC")]
IsoTimeOrNone = Annotated[str | None, Field(description="ISO 8601 in UTC; null for never")]
Answer = Callable[[Request], Coroutine[Any, Any, Response]]


TOO_OFTEN = {
    "description": "Too many requests; the headers RateLimit-Policy, RateLimit and X-RateLimit-* tell of the quota",
    "headers": {
        "Retry-After": {"description": "seconds until the next try", "required": True, "schema": {"type": "string"}}
    },
}
# Of every route whose answers carry an ETag.
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "unchanged since the version of If-None-Match"}}


class Fault(BaseModel):
    """One wrong field of a request."""

    field: str
    message: str


class ErrorAnswer(BaseModel):
    """Every error."""

    error: str = Field(description="name of the error, for programs")
    message: str = Field(description="what was expected and what came, for people")
    detail: list[Fault] | None = Field(description="the wrong fields of a request, one by one")


class Made(BaseModel):
    """What was made, changed or deleted."""

    model_config = ConfigDict(frozen=True)

    id: int


class Done(BaseModel):
    """That it was done."""

    status: str


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error answers that a route lists, those of every route of the API included."""
    answers: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorAnswer} for status in sorted({401, 403, 422, 429, 503, *statuses})
    }
    answers[429] |= TOO_OFTEN
    return answers


class TaggedRoute(KnownNamesRoute):
    """A route whose GET answers carry an ETag, and are 304 without content for who has them already."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if "GET" in (options.get("methods") or ("GET",)):
            options["responses"] = UNCHANGED | (options.get("responses") or {})
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Answer:
        """Return the handler, which tags what the route answers."""
        answer = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await answer(request)
            is_tagged = request.method == "GET" and response.status_code == 200 and "etag" not in response.headers
            return with_etag(request, response) if is_tagged else response

        return tagged


class ProgramRoute(TaggedRoute):
    """A route for programs at an address where people find a page: who asks for HTML is passed on to the page."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Return that the route matches, unless a browser asks."""
        headers = Headers(scope=scope)
        if scope["type"] == "http" and ("text/html" in headers.get("accept", "") or "x-fragment" in headers):
            return Match.NONE, {}
        return super().matches(scope)


def with_etag(request: Request, response: Response) -> Response:
    """Return the response with the hash of its content as its ETag, or 304 when the caller has this content."""
    etag = _etag(bytes(response.body))
    headers = {"ETag": etag, "Cache-Control": CACHING}
    if is_known(request, etag):
        kept = {name: response.headers[name] for name in ("link", "x-next-cursor") if name in response.headers}
        return Response(status_code=304, headers=headers | kept)
    response.headers.update(headers)
    return response


def whole(answer: BaseModel) -> Response:
    """Return an answer as it is sent, whose version is ``version_of`` it."""
    return Response(answer.model_dump_json(), media_type="application/json")


def version_of(answer: BaseModel) -> str:
    """Return the ETag that an answer has when it is sent by ``whole``."""
    return _etag(answer.model_dump_json().encode())


def is_known(request: Request, etag: str) -> bool:
    """Return whether the caller has this version already (RFC 9110 section 13.1.2, weak comparison)."""
    known = request.headers.get("if-none-match", "")
    return known.strip() == "*" or etag in {one.strip().removeprefix("W/") for one in known.split(",")}


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache(8192)
def iso(milliseconds: int) -> str:
    """Return Unix milliseconds as ISO 8601 in UTC; remembered, for the same lists are asked for again and again."""
    moment = datetime.fromtimestamp(milliseconds / 1000, tz=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_or_none(milliseconds: int | None) -> str | None:
    """Return Unix milliseconds as ISO 8601 in UTC, None for none."""
    return None if milliseconds is None else iso(milliseconds)
