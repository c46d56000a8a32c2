"""HTTP of health: whether the process lives, whether it can do its work, and its figures for Prometheus."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from cloud.api.answers import ErrorAnswer
from cloud.bootstrap import Application
from cloud.errors import NotFoundError, UnauthorizedError
from cloud.operations.figures import gauges_now
from cloud.operations.readiness import database_fault
from cloud.settings import LOOPBACK

# By one of them a proxy on this machine says for whom it asks.
FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip")


class Health(BaseModel):
    """How the server is."""

    status: str
    service: str
    environment: str


class Readiness(BaseModel):
    """Whether the server can do its work, and what is wrong with each part that cannot."""

    status: str
    not_ready: dict[str, str]


Fault = Callable[[], str]
"""Returns what is wrong with a part, "" for nothing."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The parts beside the database that a server needs; a Lambda function has none of them."""

    faults: dict[str, Fault] = field(default_factory=dict)


WITHOUT_PARTS = Vitals()


def build_router(app: Application, vitals: Vitals) -> APIRouter:
    """Return the routes of health."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz")
    def healthz() -> dict[str, str]:
        """Answer while the process lives."""
        return {"status": "ok"}

    @router.get(
        "/readyz", summary="Say whether all parts work", response_model=Readiness, responses={503: {"model": Readiness}}
    )
    def readyz() -> Response:
        """Answer 200 when database, tables, broker and workers are ready, else 503 with what is not."""
        faults = {"database": database_fault(app.database)}
        faults |= {name: fault() for name, fault in vitals.faults.items()}
        found = Readiness(status="ok", not_ready={name: told for name, told in faults.items() if told})
        if not found.not_ready:
            return JSONResponse(found.model_dump())
        return JSONResponse(found.model_copy(update={"status": "not ready"}).model_dump(), status_code=503)

    @router.get("/health", responses={503: {"model": ErrorAnswer}})
    def health() -> Health:
        """Answer while the process lives and its database answers."""
        with app.database.read():
            return Health(status="ok", service="pillarbox", environment="local")

    @router.get("/metrics", include_in_schema=False)
    def metrics(request: Request) -> Response:
        """Return the figures in Prometheus' text format, to who runs the server only; with the database down too."""
        _check_allowed(request, app.settings.metrics_token.get_secret_value(), behind_proxy=app.settings.behind_proxy)
        exposed = app.metrics.exposed(lambda: gauges_now(app.database, app.queue))
        return Response(exposed, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    return router


def _check_allowed(request: Request, token: str, *, behind_proxy: bool) -> None:
    """Raise unless the caller has the token or, where none is set, asks from this machine and for nobody else."""
    if token:
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {token}".encode()):
            raise UnauthorizedError("expected the token of PILLARBOX_METRICS_TOKEN")
        return
    is_here = request.client is not None and request.client.host in LOOPBACK
    if behind_proxy or not is_here or any(name in request.headers for name in FORWARDED):
        raise NotFoundError("expected a request from this machine, or PILLARBOX_METRICS_TOKEN to be set")
