"""Putting the pages and their files into the web application."""

from http import HTTPStatus
from importlib.resources import files
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from cloud.accounts.passwords import PasswordTurns
from cloud.bootstrap import Application
from cloud.errors import PillarboxError, RetryLaterError
from cloud.images.previews import Previews
from cloud.ports.outlets import Outlets
from cloud.web.account_mail import build_post
from cloud.web.pages import deliveries, device, devices, household, images, letters, login, outbox, passwords, problems
from cloud.web.pages.api_docs import add_api_docs
from cloud.web.pages.headers import with_headers
from cloud.web.pages.site import PageError, build_site, not_found, not_now

# The address of a file carries its version, so a browser need never ask again.
FILE_CACHING = "public, max-age=31536000, immutable"


class PageFiles(StaticFiles):
    """The style sheet, the script and the icon."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with the headers of pages, cacheable."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FILE_CACHING
        return with_headers(response)


def add_pages(web: FastAPI, app: Application, outlets: Outlets, previews: Previews, turns: PasswordTurns) -> None:
    """Add every page, and the page that a person sees when something is not there; programs still get JSON.

    ``outlets`` take what follows from a change; pages that hash a password take their ``turns``, as the API does.
    """
    site = build_site(app)
    for part in (login, deliveries, letters, outbox, devices):
        web.include_router(part.build_router(site))
    web.include_router(images.build_router(site, previews))
    web.include_router(device.build_router(site, outlets))
    web.include_router(problems.build_router(site, app, outlets.publish))
    post = build_post(app)
    web.include_router(passwords.build_router(site, post, turns))
    web.include_router(household.build_router(site, post, turns))
    add_api_docs(web, site)
    web.mount("/static", PageFiles(directory=str(files("cloud.web") / "static")), name="static")

    answer_fault = web.exception_handlers[PillarboxError]

    async def answer_later(request: Request, error: Exception) -> Response:
        answered = cast("Response", answer_fault(request, error))
        if "text/html" not in request.headers.get("accept", ""):
            return answered
        page = await refuse(request, not_now())
        page.headers["Retry-After"] = answered.headers["Retry-After"]
        return page

    async def refuse(request: Request, error: Exception) -> Response:
        return with_headers(await run_in_threadpool(site.error_page, request, cast("PageError", error)))

    answer_programs = web.exception_handlers[HTTPException]

    async def answer(request: Request, error: Exception) -> Response:
        is_missing = isinstance(error, HTTPException) and error.status_code == HTTPStatus.NOT_FOUND
        if is_missing and "text/html" in request.headers.get("accept", ""):
            return await refuse(request, not_found("page"))
        return cast("Response", answer_programs(request, error))

    web.add_exception_handler(PageError, refuse)
    web.add_exception_handler(RetryLaterError, answer_later)
    web.add_exception_handler(HTTPException, answer)
