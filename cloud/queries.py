"""Queries of requests: the names that a route takes, and times as people write them."""

import re
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import Query, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BeforeValidator
from starlette.types import Receive, Scope, Send

# The seed's clients say with every request whose device it is; here the credentials do.
SEEDS = frozenset({"clerk_id"})
# Of names that are not taken: how many are told, and how much of each.
MOST_TOLD, LONGEST_NAME = 10, 40

# In a query "+" means a space, which who writes one by hand does not know: 2026-11-19T10:00:00+02:00.
_ZONE = re.compile(r"(T[\d:.]+) (\d\d:?\d\d)")


def _with_zone(text: object) -> object:
    return _ZONE.sub(r"\1+\2", text, count=1) if isinstance(text, str) else text


_WRITTEN = "ISO 8601; without a zone it is UTC"
Moment = Annotated[datetime, BeforeValidator(_with_zone)]
Since = Annotated[Moment | None, Query(description=f"only what happened at this time or later, {_WRITTEN}")]
Until = Annotated[Moment | None, Query(description=f"only what happened before this time, {_WRITTEN}")]


class KnownNamesRoute(APIRoute):
    """A route that refuses a query with names that it does not take: a filter that is misspelt filters nothing."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        declared = get_flat_params(self.dependant)
        self._taken = frozenset(one.alias for one in declared if isinstance(one.field_info, params.Query))

    def handle(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Answer a request; raises RequestValidationError naming what it does not take and what it does."""
        if scope["query_string"] and scope["method"] in (self.methods or ()):
            _check_names(scope["query_string"], self._taken)
        return super().handle(scope, receive, send)


def unix_ms(moment: datetime) -> int:
    """Return a time as Unix milliseconds; one without a zone is UTC, as the seed's are."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(aware.timestamp() * 1000)


def _check_names(query: bytes, taken: frozenset[str]) -> None:
    given = {name for name, _ in parse_qsl(query.decode("ascii", "backslashreplace"), keep_blank_values=True)}
    unknown = sorted(given - taken - SEEDS)
    if unknown:
        allowed = ", ".join(sorted(taken)) or "none"
        raise RequestValidationError([_unknown(name, allowed) for name in unknown[:MOST_TOLD]])


def _unknown(name: str, allowed: str) -> dict[str, object]:
    shown = ascii(name[:LONGEST_NAME])
    message = f"expected no query but of the names that this address takes: {allowed}; got {shown}"
    return {"type": "unknown_name", "loc": ("query", shown[1:-1]), "msg": message}
