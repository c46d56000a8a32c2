"""Pages of a list, newest first, by the key of the last row seen: as fast at the end of a long list as at its start."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response

from cloud.accounts.id_pages import DEFAULT_LENGTH, Limit, tell_cursor
from cloud.api.answers import LARGEST_ID
from cloud.queries import Since, Until, unix_ms

FIRST_MS, LAST_MS = 0, LARGEST_ID

CursorText = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,15}\.[0-9]{1,18}$", description="X-Next-Cursor of the page before"),
]


@dataclass(frozen=True, slots=True)
class Page:
    """Which rows; times in Unix ms. ``until`` and ``before``, (time, id) of the last row seen, are not in the page."""

    limit: int = DEFAULT_LENGTH
    since: int = FIRST_MS
    until: int = LAST_MS
    before: tuple[int, int] = (LAST_MS, LARGEST_ID)


async def asked_page(
    limit: Limit = DEFAULT_LENGTH, since: Since = None, until: Until = None, cursor: CursorText = None
) -> Page:
    """Return the page that a request asks for (a dependency; async, since FastAPI gives others a thread each)."""
    at, _, number = (cursor or "").partition(".")
    return Page(
        limit,
        unix_ms(since) if since else FIRST_MS,
        unix_ms(until) if until else LAST_MS,
        (int(at), int(number)) if cursor else (LAST_MS, LARGEST_ID),
    )


async def asked_part(limit: Limit = DEFAULT_LENGTH, cursor: CursorText = None) -> Page:
    """Return the page that a request asks for of a list that knows no times."""
    return await asked_page(limit, cursor=cursor)


def tell_next(request: Request, response: Response, page: Page, rows: int, last: tuple[int, int] | None) -> None:
    """Say how to get the next page (RFC 8288), if this one is full."""
    if last is not None and rows >= page.limit:
        tell_cursor(request, response, f"{last[0]}.{last[1]}")
