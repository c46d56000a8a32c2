"""Routes whose answers nobody keeps: they carry tokens, keys and people's addresses (RFC 6749 section 5.1)."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response

from cloud.queries import KnownNamesRoute

UNSTORED = "no-store"


class UnstoredRoute(KnownNamesRoute):
    """A route whose answers no cache keeps, neither a browser's nor one on the way."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler, which says so to whoever would keep the answer."""
        answer = super().get_route_handler()

        async def unstored(request: Request) -> Response:
            response = await answer(request)
            response.headers["Cache-Control"] = UNSTORED
            return response

        return unstored
