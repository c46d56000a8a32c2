"""Pages of a list in the order of ids, and how an answer tells where the next page is, of whichever list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

DEFAULT_LENGTH, MOST_ROWS = 100, 500

Limit = Annotated[int, Query(ge=1, le=MOST_ROWS, description="most rows of a page")]
IdCursor = Annotated[str | None, Query(pattern=r"^[0-9a-f-]{36}$", description="X-Next-Cursor of the page before")]


@dataclass(frozen=True, slots=True)
class IdPage:
    """Which rows, in the order of the list: those ``after`` the id of the last one seen."""

    limit: int = DEFAULT_LENGTH
    after: str = ""


async def asked_id_page(limit: Limit = DEFAULT_LENGTH, cursor: IdCursor = None) -> IdPage:
    """Return the page that a request asks for (a dependency; async, since FastAPI gives others a thread each)."""
    return IdPage(limit, cursor or "")


def tell_next_id(request: Request, response: Response, page: IdPage, ids: Sequence[str]) -> None:
    """Say how to get the page after these rows, if there are as many as were asked for."""
    if len(ids) >= page.limit:
        tell_cursor(request, response, ids[-1])


def tell_cursor(request: Request, response: Response, cursor: str) -> None:
    """Say how to get the next page (RFC 8288)."""
    query = urlencode([*((name, one) for name, one in request.query_params.multi_items() if name != "cursor")])
    response.headers["Link"] = f'<{request.url.path}?{query}&cursor={cursor}>; rel="next"'
    response.headers["X-Next-Cursor"] = cursor
