"""Logging in by a one-time link, and out again.

Mail programs and virus scanners open links to look at them, so opening one uses nothing up: it shows a button,
and only the button's POST logs in.
"""

import secrets

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from cloud.accounts.model import SESSION_MS
from cloud.accounts.service import log_in_by_link, log_out
from cloud.errors import SignatureError
from cloud.web.pages.headers import PageRoute, is_own_request
from cloud.web.pages.site import SESSION_COOKIE, PageError, Site, View

SESSION_TOKEN_BYTES = 32


def build_router(site: Site) -> APIRouter:
    """Return the routes of logging in and out."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/login/{token}")
    def show(token: str, request: Request) -> Response:
        """Show the button that logs in."""
        return site.answer(request, View("login.html", "Log in", {"token": token}))

    @router.post("/login/{token}")
    def log_in(token: str, request: Request) -> Response:
        """Use up the link and begin a session."""
        require_own(request)
        session = secrets.token_urlsafe(SESSION_TOKEN_BYTES)
        try:
            with site.ports.database.write() as unit_of_work:
                log_in_by_link(unit_of_work, token, session)
        except SignatureError:
            raise PageError(
                403,
                "This link no longer works",
                "It has expired or was used before: each link logs in once, within a day. Ask for a new one.",
            ) from None
        return with_session(RedirectResponse("/", 303), site, session)

    @router.post("/logout")
    def leave(request: Request) -> Response:
        """End the session."""
        require_own(request)
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            with site.ports.database.write() as unit_of_work:
                log_out(unit_of_work, token)
        response = site.answer(request, View("logged_out.html", "Logged out", {}))
        response.delete_cookie(SESSION_COOKIE)
        return response

    return router


def require_own(request: Request) -> None:
    """Raise PageError 403 for a POST that another website sent."""
    if not is_own_request(request):
        raise PageError(403, "Not from here", "This was sent from another website, so nothing was done.")


def with_session(response: Response, site: Site, token: str) -> Response:
    """Return the response with the cookie of a new session, which scripts and other websites never see."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=SESSION_MS // 1000,
        httponly=True,
        samesite="lax",
        secure=site.ports.public_url.startswith("https://"),
    )
    return response
