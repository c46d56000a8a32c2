"""Errors as HTTP answers: ``{error, message, detail}`` with the status from one table."""

import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import IntegrityError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount

from cloud import correlation
from cloud.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    OutdatedError,
    PillarboxError,
    RateLimitedError,
    RefusedError,
    RetryLaterError,
    SignatureError,
    TooLargeError,
    UnauthorizedError,
    UnsupportedTypeError,
)
from cloud.ports.overtaken import is_overtaken
from cloud.web import wording

log = logging.getLogger(__name__)

STATUS: dict[type[PillarboxError], int] = {
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    SignatureError: 403,
    ConflictError: 409,
    OutdatedError: 412,
    TooLargeError: 413,
    UnsupportedTypeError: 415,
    RateLimitedError: 429,
    RefusedError: 422,
    RetryLaterError: 503,
    PillarboxError: 500,
}
RETRY_AFTER_S = 2
METHOD_NOT_ALLOWED = 405
# What FastAPI and Starlette answer to a body that cannot be parsed; nothing of ours raises it.
UNREADABLE = 400
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
HEADERS = {
    STATUS[RetryLaterError]: {"Retry-After": str(RETRY_AFTER_S)},
    STATUS[UnauthorizedError]: {"WWW-Authenticate": "Bearer"},  # RFC 9110 section 11.6.1
}


def add_error_answers(app: FastAPI) -> None:
    """Answer every error of the project, of validation and of routing in one form."""
    app.add_exception_handler(PillarboxError, _pillarbox)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IntegrityError, _overtaken)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(Exception, _fault)


def status_of(error: PillarboxError) -> int:
    """Return the HTTP status of an error: that of its nearest listed class."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def answer(status: int, name: str, message: str, detail: object = None) -> JSONResponse:
    """Return an error in the one form; a passing fault says when to come again, a 401 what to come with."""
    headers = HEADERS.get(status)
    return JSONResponse({"error": name, "message": message, "detail": detail}, status_code=status, headers=headers)


def _pillarbox(_request: Request, error: Exception) -> Response:
    status = status_of(error) if isinstance(error, PillarboxError) else 500
    if status == 500:
        raise error  # to be answered, and logged, as any fault of ours
    answered = answer(status, type(error).__name__, str(error), _fields(error))
    if isinstance(error, RateLimitedError):
        answered.headers.update(_come_again(error))
    return answered


def _fields(error: Exception) -> list[dict[str, str]] | None:
    """Return the field of a request that an error of ours names, in the form of all wrong fields."""
    if not isinstance(error, RefusedError) or error.field is None:
        return None
    name, _, message = str(error).partition(": ")
    is_named = name.lower() == error.field.rpartition(".")[2]
    return [{"field": error.field, "message": message if is_named else str(error)}]


def _validation(request: Request, error: Exception) -> Response:
    faults = error.errors() if isinstance(error, RequestValidationError) else []
    detail = [_told(fault, request.headers.get("content-type", "")) for fault in faults]
    message = "; ".join(f"{fault['field']}: {fault['message']}" for fault in detail)
    return answer(422, "ValidationError", message, detail)


def _unreadable(error: HTTPException) -> Response:
    """Answer a body that is broken before it has fields as one whose fields are wrong."""
    fault = {"field": "body", "message": _expected(error, error.__cause__)}
    return answer(422, "ValidationError", f"body: {fault['message']}", [fault])


def _expected(error: HTTPException, cause: BaseException | None) -> str:
    if cause is None:
        return f"expected a form, multipart/form-data from its first boundary to its last; got {error.detail}"
    if isinstance(cause, UnicodeDecodeError):
        return f"expected JSON in UTF-8, got something else from byte {cause.start} on"
    if isinstance(cause, RecursionError):
        return "expected JSON with few levels in each other, got too many"
    return f"expected JSON, got what cannot be read: {cause}"


def _told(fault: Mapping[str, Any], content_type: str) -> dict[str, str]:
    """Return which field is wrong and why; of a body that is no JSON FastAPI itself tells less."""
    where, message = fault["loc"], wording.told(fault)
    if fault["type"] == "json_invalid":
        found = f" from character {where[1]} on" if len(where) > 1 else f": {fault['msg']}"
        where, message = where[:1], f"expected JSON, got something else{found}"
    elif fault["type"] == "model_attributes_type" and where == ("body",) and "json" not in content_type:
        message = f"expected JSON, with Content-Type: application/json; got {content_type[:80] or 'no Content-Type'}"
    return {"field": ".".join(str(part) for part in where), "message": message}


def _http(request: Request, error: Exception) -> Response:
    if isinstance(error.__cause__, ClientDisconnect):
        return _gone(request, error.__cause__)
    if isinstance(error, HTTPException) and error.status_code == UNREADABLE:
        return _unreadable(error)
    status = error.status_code if isinstance(error, HTTPException) else 500
    message = _told_of_route(request, status) or str(getattr(error, "detail", "internal error"))
    # A body that turns out too long is refused by the same name as one that says so.
    name = TooLargeError.__name__ if status == STATUS[TooLargeError] else "HTTPError"
    answered = answer(status, name, message)
    if status == METHOD_NOT_ALLOWED:
        answered.headers["Allow"] = ", ".join(_allowed(request))
    return answered


def _told_of_route(request: Request, status: int) -> str:
    """Return what was expected of an address that is none, or takes another method; "" for any other status."""
    method, path = wording.shown(request.method), wording.shown(request.url.path)
    if status == METHOD_NOT_ALLOWED:
        return f"expected {', '.join(_allowed(request))} at this address, got {method}"
    if status == STATUS[NotFoundError]:
        return f"expected an address of this server, such as /devices, found none called {path}; /docs lists them"
    return ""


def _allowed(request: Request) -> list[str]:
    """Return the methods that this address takes (RFC 9110 section 15.5.6), of all routes that are there."""
    routes = [one for one in request.app.router.routes if not isinstance(one, Mount)]
    asked = ({**request.scope, "method": method} for method in METHODS)
    taken = [scope["method"] for scope in asked if any(one.matches(scope)[0] is Match.FULL for one in routes)]
    taken = taken or ["GET"]  # the address of a file
    return [*taken, "HEAD"] if "GET" in taken else taken


def _overtaken(_request: Request, error: Exception) -> Response:
    """Answer whom another server's transaction overtook between its look and its write; of its own nothing is left.

    Any other value that the database refuses is a fault of ours, and answered as one.
    """
    if not (isinstance(error, IntegrityError) and is_overtaken(error)):
        raise error
    log.warning("a request was overtaken by another: %s", error)
    message = "expected to be the only one who does this at this instant, another was faster; look, and ask again"
    return answer(STATUS[ConflictError], ConflictError.__name__, message)


def _gone(_request: Request, _error: Exception) -> Response:
    """Answer nobody: who asked has gone away, or was cut off, in the middle of the body."""
    return answer(400, "ClientDisconnect", "expected a whole body, the connection ended before")


def _fault(_request: Request, _error: Exception) -> Response:
    """Answer a fault of ours; what it was is in the log, for it may tell of others' data."""
    return answer(500, "InternalError", f"a fault of ours; the server's log says more at {correlation.current()}")


def _come_again(error: RateLimitedError) -> dict[str, str]:
    """Return when to come again, and what was used up, in the names of the IETF's draft and in those known before it.

    draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4: q requests in w seconds, of which r are left for t more.
    """
    headers = {"Retry-After": str(error.retry_after_s)}
    if (quota := error.quota) is not None:
        headers["RateLimit-Policy"] = f'"{quota.name}";q={quota.requests};w={quota.window_s}'
        headers["RateLimit"] = f'"{quota.name}";r=0;t={error.retry_after_s}'
        headers["X-RateLimit-Limit"] = str(quota.requests)
        headers["X-RateLimit-Remaining"] = "0"
        headers["X-RateLimit-Reset"] = str(error.retry_after_s)
    return headers
