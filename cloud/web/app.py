"""The web application: API, pages and health, over one ``Application``."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from urllib.parse import urlsplit

from fastapi import FastAPI

import cloud.accounts.endpoints
import cloud.images.endpoints
from cloud import pipeline
from cloud.accounts.identity import SessionCookie, build_identity
from cloud.bootstrap import Application
from cloud.images.endpoints import UploadOutlets
from cloud.ports.device_hub import Downlink
from cloud.settings import LOOPBACK
from cloud.web.account_mail import build_post
from cloud.web.errors import add_error_answers
from cloud.web.hosts import KnownHosts
from cloud.web.pages.headers import is_own_request
from cloud.web.pages.mount import add_pages
from cloud.web.pages.site import SESSION_COOKIE

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(app: Application, publish: Callable[[Downlink], None], lifespan: Lifespan | None = None) -> FastAPI:
    """Return the web application; ``publish`` sends messages to devices."""
    web = FastAPI(title="Pillarbox", version="1", lifespan=lifespan)
    hosts = {*LOOPBACK, app.settings.host, urlsplit(app.ports.public_url).hostname or "localhost"}
    web.add_middleware(KnownHosts, hosts=hosts, addresses=app.settings.host not in LOOPBACK)
    add_error_answers(web)
    outlets = UploadOutlets(
        put=lambda unit_of_work, events: pipeline.put_all(app.queue, unit_of_work, events),
        park=app.queue.park,
        publish=publish,
    )
    identity = build_identity(app.ports, SessionCookie(SESSION_COOKIE, is_own_request))
    web.include_router(cloud.accounts.endpoints.build_router(app.ports, identity, build_post(app)))
    web.include_router(cloud.images.endpoints.build_router(app.ports, outlets))
    add_pages(web, app)

    @web.get("/healthz", tags=["health"])
    def healthz() -> dict[str, str]:
        """Answer while the process lives."""
        return {"status": "ok"}

    return web
