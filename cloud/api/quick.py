"""Routes for what is asked thousands of times a second: read in fewer steps, described and answered like any other.

FastAPI works out anew for each request what its endpoint depends on; that costs more than the report of a door.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, TypeAdapter, ValidationError

from cloud.accounts.callers import Caller
from cloud.accounts.identity import PresumingGuard
from cloud.api.answers import Answer, TaggedRoute
from cloud.repeats.idempotency import KEY_HEADER, KeyHeader

Body = TypeVar("Body", bound=BaseModel)
Endpoint = Callable[[Any, Caller, Request, str | None], Awaitable[Response]]
_KEY: TypeAdapter[str | None] = TypeAdapter(KeyHeader)


def quick_post(body: type[BaseModel], guard: PresumingGuard) -> type[TaggedRoute]:
    """Return the class of a POST route whose endpoint takes a JSON body, its caller, the request and Idempotency-Key.

    In this order, and declared as for FastAPI, which describes them; ``guard`` is the one that the endpoint declares.
    """

    class QuickPost(TaggedRoute):
        def get_route_handler(self) -> Answer:
            endpoint: Endpoint = self.endpoint

            async def answered(request: Request) -> Response:
                caller = await guard(request)
                given = read_json(body, request.headers.get("content-type", ""), await request.body())
                return await endpoint(given, caller, request, _key(request))

            return answered

    return QuickPost


def read_json(body: type[Body], content_type: str, content: bytes) -> Body:
    """Return a request's body; raises RequestValidationError naming the fields that are wrong.

    Only JSON that says so is read: a page of another website can send everything else without asking (CORS).
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        message = f"expected JSON, with Content-Type: application/json; got {kind[:80] or 'no Content-Type'}"
        raise RequestValidationError([{"type": "content_type", "loc": ("body",), "msg": message}])
    try:
        return body.model_validate_json(content)
    except ValidationError as error:
        raise _refused(error, "body") from None


def _key(request: Request) -> str | None:
    given = request.headers.get(KEY_HEADER)
    if given is None:
        return None
    try:
        return _KEY.validate_python(given)
    except ValidationError as error:
        raise _refused(error, "header", KEY_HEADER) from None


def _refused(error: ValidationError, *where: str) -> RequestValidationError:
    faults = error.errors(include_url=False)
    return RequestValidationError([fault | {"loc": (*where, *fault["loc"])} for fault in faults])
