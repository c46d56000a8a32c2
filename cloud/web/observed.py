"""Every request: counted, timed, and given the id under which what follows from it is found in the log."""

import logging
import time
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud import correlation
from cloud.accounts import rechecking
from cloud.ports.metrics import HTTP_REQUESTS, HTTP_SECONDS, Metrics
from cloud.web.refused import Refusals

log = logging.getLogger(__name__)

REQUEST_ID = "x-request-id"
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
# What matches no route: files of the pages, and whatever strangers try. Their paths are theirs to choose.
OTHER = "other"


class Observed:
    """Middleware around all others, Starlette's own included, so that a fault of ours is answered with its id too.

    A caller's own X-Request-ID is taken when it is well-formed.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._refusals = Refusals(time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and tell of it once it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Not taken back at the end: the server logs a fault of ours in the same task after we have returned.
        correlation.begin(correlation.well_formed(Headers(scope=scope).get(REQUEST_ID, "")))
        rechecking.begin()
        begin, status = time.perf_counter(), 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (REQUEST_ID.encode(), correlation.current().encode())]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            self._tell(scope, status, time.perf_counter() - begin)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else OTHER
        route = _route(scope)
        self._metrics.count(HTTP_REQUESTS, method=method, route=route, status=str(status))
        self._metrics.observe(HTTP_SECONDS, seconds, method=method, route=route)
        if status >= 500:
            log.error("%s %s was answered %d after %.0f ms", method, route, status, seconds * 1000)
        elif status >= 400:
            self._refusals.tell(method, route, status)


def _route(scope: Scope) -> str:
    """Return the template of the route that answered, which names nothing and nobody."""
    route: Any = scope.get("route")
    return str(getattr(route, "path", OTHER))
