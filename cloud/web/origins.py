"""Web apps of other addresses, such as one that logs in by Clerk: their scripts may use the API with a token (CORS).

Never with the pages' cookie: a browser sends it to nobody but our own pages, whatever is allowed here.
"""

from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from cloud.accounts.identity import API_KEY, HOUSEHOLD_HEADER
from cloud.repeats.idempotency import KEY_HEADER

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
SENT = (
    *(
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "if-range",
        "last-event-id",
        "range",
        "x-request-id",
    ),
    *(API_KEY.model.name, HOUSEHOLD_HEADER, KEY_HEADER),
)
# What a script could not read of an answer otherwise (Fetch standard, section 3.3.5).
READ = (
    *("accept-ranges", "content-range", "etag", "link", "x-next-cursor", "x-request-id"),
    *("retry-after", "ratelimit", "ratelimit-policy"),
)


def allow(web: FastAPI, origins: Sequence[str]) -> None:
    """Let scripts of these origins use the API; none is the default, and costs nothing."""
    if origins:
        web.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=METHODS,
            allow_headers=SENT,
            expose_headers=READ,
        )
