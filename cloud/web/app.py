"""The web application: API, pages and health, over one ``Application``."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.types import ASGIApp

import cloud.accounts.endpoints
import cloud.devices.endpoints
import cloud.devices.ownership.endpoints
import cloud.devices.updates.endpoints
import cloud.images.endpoints
import cloud.images.gallery_endpoints
import cloud.live.endpoints
import cloud.mailbox_events.endpoints
import cloud.mailbox_events.episode_endpoints
import cloud.notifications.endpoints
import cloud.web.dashboard
import cloud.web.health
from cloud import pipeline
from cloud.accounts.allowances import Allowances
from cloud.accounts.identity import Identity, SessionCookie, build_identity, describe_guards
from cloud.accounts.limits import api_limit
from cloud.accounts.mails import Post
from cloud.accounts.passwords import PasswordTurns
from cloud.accounts.rechecking import RecheckingDatabase, RecheckingWriter
from cloud.api.answers import refusals
from cloud.bootstrap import Application
from cloud.images.previews import Previews
from cloud.live.service import LiveFeed
from cloud.ports.device_hub import Downlink
from cloud.ports.metrics import Metrics
from cloud.ports.outlets import Outlets
from cloud.ports.ports import Ports
from cloud.settings import LOOPBACK
from cloud.web import description, origins
from cloud.web.account_mail import build_post
from cloud.web.body_limit import BodyLimit
from cloud.web.errors import add_error_answers
from cloud.web.head import HeadRequests
from cloud.web.health import WITHOUT_PARTS, Vitals
from cloud.web.hosts import KnownHosts
from cloud.web.observed import Observed
from cloud.web.pages.headers import is_own_request
from cloud.web.pages.mount import add_pages
from cloud.web.pages.site import SESSION_COOKIE
from firmware.version import VERSION

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    app: Application,
    publish: Callable[[Downlink], None],
    lifespan: Lifespan | None = None,
    vitals: Vitals = WITHOUT_PARTS,
) -> FastAPI:
    """Return the web application; ``publish`` sends messages to devices, ``vitals`` tells how the other parts are.

    ``state.live`` is to be closed at the end.
    """
    web = _Api(app.metrics, lifespan)
    hosts = {*LOOPBACK, app.settings.host, urlsplit(app.ports.public_url).hostname or "localhost"}
    web.add_middleware(HeadRequests)
    web.add_middleware(BodyLimit, image_bytes=app.settings.max_image_bytes)
    web.add_middleware(KnownHosts, hosts=hosts, addresses=app.settings.host not in LOOPBACK)
    origins.allow(web, app.settings.origins)
    add_error_answers(web)
    outlets = Outlets(
        put=lambda unit_of_work, events: pipeline.put_all(app.queue, unit_of_work, events),
        park=app.queue.park,
        publish=publish,
    )
    allowances = Allowances(app.database, api_limit(app.settings.api_per_minute, app.settings.api_burst))
    identity = build_identity(app.ports, SessionCookie(SESSION_COOKIE, is_own_request), allowances)
    app = _rechecking(app)
    # Routes are tried in their order, so those that are asked for most come first.
    post, previews = build_post(app), Previews(app.ports.image_store)
    _add_mailbox_api(web, app.ports, outlets, identity, post)
    web.include_router(cloud.images.gallery_endpoints.build_router(app.ports, outlets, previews, identity))
    web.include_router(cloud.notifications.endpoints.build_router(app.ports, outlets.put, identity))
    uploads = cloud.images.endpoints.build_router(app.ports, outlets)
    web.include_router(uploads, responses=refusals(404, 409, 413, 415))
    web.include_router(cloud.devices.updates.endpoints.build_router(app.database))
    web.state.live = LiveFeed(app.database)
    web.include_router(cloud.live.endpoints.build_router(web.state.live, identity))
    web.state.password_turns = PasswordTurns()
    accounts = cloud.accounts.endpoints.build_router(app.ports, identity, post, web.state.password_turns)
    web.include_router(accounts, responses=refusals(404, 409))
    add_pages(web, app, outlets, previews, web.state.password_turns)
    web.include_router(cloud.web.health.build_router(app, vitals))
    return web


def _rechecking(app: Application) -> Application:
    """Return the application as routes see it: what they write is written for a caller who is still let in."""
    database = RecheckingDatabase(app.database)
    ports = replace(app.ports, database=database, writer=RecheckingWriter(app.ports.writer))
    return replace(app, database=database, ports=ports)


class _Api(FastAPI):
    """FastAPI, which describes API keys and headers too, and is observed."""

    def __init__(self, metrics: Metrics, lifespan: Lifespan | None) -> None:
        super().__init__(
            title="Pillarbox",
            version=VERSION,
            description=description.ABOUT,
            lifespan=lifespan,
            docs_url=None,
            redoc_url=None,
        )
        self._metrics = metrics

    def build_middleware_stack(self) -> ASGIApp:
        """Return what a request passes through; Starlette puts its answer to faults around what it is given."""
        return Observed(super().build_middleware_stack(), self._metrics)

    def openapi(self) -> dict[str, Any]:
        """Return the description, made at the first call."""
        if self.openapi_schema is None:
            describe_guards(super().openapi())
            description.complete(super().openapi())
        return super().openapi()


def _add_mailbox_api(web: FastAPI, ports: Ports, outlets: Outlets, identity: Identity, post: Post) -> None:
    # Its own routes, not a router to be searched: they are asked for most.
    web.router.routes.extend(cloud.mailbox_events.endpoints.build_router(ports, outlets, identity).routes)
    web.include_router(cloud.mailbox_events.episode_endpoints.build_router(ports.database, identity))
    web.include_router(cloud.devices.endpoints.build_router(ports, outlets, identity, post))
    web.include_router(cloud.devices.ownership.endpoints.build_router(ports, outlets, identity))
    web.include_router(cloud.web.dashboard.build_router(ports, identity))
