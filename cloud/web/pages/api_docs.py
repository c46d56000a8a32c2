"""The pages that describe the HTTP interface, made of this server's own files: nothing is fetched from elsewhere.

They share their origin with the letters, so a script of another server would be one that may read them.
"""

from importlib.resources import files

import fastapi_offline
from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from cloud.web.pages.headers import CONTENT_POLICY, PageRoute
from cloud.web.pages.site import Site

FILES = "/docs/files"
# Both write styles and small images into the page, ReDoc starts its search as a worker; no script but ours may run.
POLICY = (
    f"{CONTENT_POLICY}; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src blob:"
)


def add_api_docs(web: FastAPI, site: Site) -> None:
    """Add ``/docs`` (Swagger UI) and ``/redoc``, with their files."""
    web.mount(FILES, StaticFiles(directory=str(files(fastapi_offline) / "static")), name="docs")
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get("/docs")
    def show_swagger() -> Response:
        """Show every route, to be tried out."""
        return _page(site, "swagger.html")

    @router.get("/redoc")
    def show_redoc() -> Response:
        """Show every route, to be read."""
        return _page(site, "redoc.html")

    web.include_router(router)


def _page(site: Site, template: str) -> Response:
    content = site.templates.get_template(template).render(files=FILES)
    return HTMLResponse(content, headers={"Content-Security-Policy": POLICY})
