"""The headers of every page, and the checks that a request comes from our own pages."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlsplit

from fastapi import Request, Response
from fastapi.routing import APIRoute

# Everything comes from this server, nothing is written into the page itself (CSP level 3).
CONTENT_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
    "frame-src 'self'; connect-src 'self'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    # Other sites learn nothing; "no-referrer" would also blank the Origin of our own forms, which we check below.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Letters are private: no shared cache keeps a page, and "back" after logging out shows nothing.
    "Cache-Control": "private, no-store",
}

Answer = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route whose answers carry ``HEADERS``; an answer's own value wins."""

    def get_route_handler(self) -> Answer:
        """Return the handler, which adds the headers to what the route answers."""
        answer = super().get_route_handler()

        async def secured(request: Request) -> Response:
            return with_headers(await answer(request))

        return secured


def with_headers(response: Response) -> Response:
    """Return the response with every header of ``HEADERS`` that it has no value of its own for."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def is_own_request(request: Request) -> bool:
    """Return whether a POST comes from our own pages, or from a program that is no browser.

    Browsers say where a POST comes from in Sec-Fetch-Site, older ones in Origin; what says neither has no cookie of
    ours to misuse. The session cookie is SameSite=Lax besides.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def is_unchanged(request: Request, etag: str) -> bool:
    """Return whether the caller has this version already (RFC 9110 section 13.1.2, weak comparison)."""
    known = request.headers.get("if-none-match", "")
    return etag in {one.strip().removeprefix("W/") for one in known.split(",")}
