"""HTTP of updates: the images that boards fetch."""

import re
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from cloud.api.answers import UNCHANGED, ErrorAnswer
from cloud.api.ranges import file_answer
from cloud.devices.updates.repository import UpdateRepository
from cloud.errors import NotFoundError
from cloud.ports.database import Database

# Whatever has this name has this content, for ever (RFC 8246).
CACHING = "public, max-age=31536000, immutable"
CONTENT_TYPE = "application/octet-stream"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"content": {CONTENT_TYPE: {}}, "description": "the image"},
    206: {"content": {CONTENT_TYPE: {}}, "description": "the part asked for by Range"},
    416: {"description": "a part beyond the end"},
    **UNCHANGED,
    **{status: {"model": ErrorAnswer} for status in (404, 422, 503)},
}


def build_router(database: Database) -> APIRouter:
    """Return the route of firmware images, for everybody: boards have no token, and what they install is signed."""
    router = APIRouter(tags=["firmware"])

    @router.get("/firmware/{sha256}", response_class=Response, responses=_ANSWERS)
    def show_firmware(sha256: str, request: Request) -> Response:
        """Return a firmware image that boards are offered, or the part of its bytes that a board still lacks."""
        content = _content(database, sha256) if _SHA256.fullmatch(sha256) else None
        if content is None:
            raise NotFoundError("sha256: expected the name of a firmware that boards are offered, found none")
        return file_answer(request, content, CONTENT_TYPE, f'"{sha256[:32]}"', CACHING)

    return router


def _content(database: Database, sha256: str) -> bytes | None:
    with database.read() as unit_of_work:
        return UpdateRepository(unit_of_work).image(sha256)
