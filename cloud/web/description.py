"""What docs/openapi.json says of headers, and of answers that are the same for many routes: added in this one place.

FastAPI describes what an endpoint declares. What answers around it, in a route's class, in middleware or in who is
asked who it is, is told from what the endpoint declares: a route with credentials takes a household, and so on.
"""

import re
from typing import Any

from cloud.accounts.identity import HOUSEHOLD_HEADER

Operation = dict[str, Any]

ABOUT = """\
The devices of a household's mailbox, and what they saw: openings, images, notifications.

**Logging in.** `POST /auth/login` gives an access token for `Authorization: Bearer`, and a refresh token for the next
(`POST /auth/refresh`). Programs send a key of `POST /api-keys` as `x-api-key`. Each route says which scope it needs
(`x-scope`); one with `x-person` takes no key.

**Households.** Everybody sees only what is their household's; the rest is 404. Who is in several names one in
`x-household`, else it is the one joined first.

**Pages.** Lists take `limit`, and `since` and `until` where they know times. `X-Next-Cursor`, and `Link` with
`rel="next"`, lead to the next page; without them it is the last. `ETag` with `If-None-Match` saves what you have.

**Changes.** `If-Match` with the `ETag` of a device or its settings changes what you have seen, or nothing (412).

**Errors** are `{error, message, detail}`: a name for programs, what was expected and what came for people, and the
wrong fields one by one. A query with a name that a route does not take is one of them (422). 429 and 503 tell in
`Retry-After` when to come again. `X-Request-ID` finds a request in the server's log.

**Once.** A POST that may be sent again carries an `Idempotency-Key`, the same for each try: it is done once,
and answered each time.
"""
_TEXT = {"type": "string"}
ETAG = {"description": "names this version of the content (RFC 9110 section 8.8.3)", "required": True, "schema": _TEXT}
PAGES = {
    "Link": {"description": 'the next page, rel="next" (RFC 8288); none after the last', "schema": _TEXT},
    "X-Next-Cursor": {"description": "`cursor` of the next page; none after the last", "schema": _TEXT},
}
RANGES = {"description": "bytes", "required": True, "schema": _TEXT}
PART = {"description": "which bytes these are, of how many (RFC 9110 section 14.4)", "required": True, "schema": _TEXT}
HOUSEHOLD = "one of several households of yours (GET /households), else the one joined first; a key has only its own"
IF_NONE_MATCH = "ETag of what you have; 304 while it is that (RFC 9110 section 13.1.2)"
RANGE = "one part, bytes=first-last (RFC 9110 section 14.2); what is no single part asks for the whole"
# RFC 9110's names: FastAPI writes those that Python's http has, which are older before Python 3.13.
NAMES = {"413": "Content Too Large", "422": "Unprocessable Content"}
IF_RANGE = "ETag of the file that the part is of; the whole once it is another (RFC 9110 section 13.1.5)"


def complete(whole: dict[str, Any]) -> None:
    """Add to a description what endpoints do not declare themselves."""
    for operations in whole["paths"].values():
        for operation in operations.values():
            _add_summary(operation)
            _add_household(operation)
            _add_too_large(operation)
            _add_versions(operation)
            _add_parts(operation)
            _add_pages(operation)
            _name_refusals(operation)


def _add_summary(operation: Operation) -> None:
    """Put the beginning of its description in place of a summary that FastAPI made of a function's name."""
    name = operation["summary"].lower().replace(" ", "_")
    if operation["summary"] == name.replace("_", " ").title() and operation["operationId"].startswith(name):
        operation["summary"] = re.split(r"[;:,.](?:\s|$)", operation["description"], maxsplit=1)[0]


def _add_household(operation: Operation) -> None:
    if "security" in operation:
        _take(operation, HOUSEHOLD_HEADER, HOUSEHOLD)
        _refuse(operation, "404", "No such thing in this household, or no such household of yours")


def _add_too_large(operation: Operation) -> None:
    if "requestBody" in operation:
        _refuse(operation, "413", NAMES["413"])


def _add_versions(operation: Operation) -> None:
    if "304" in operation["responses"]:
        _take(operation, "if-none-match", IF_NONE_MATCH)
        _tell(operation, {"ETag": ETAG}, "200", "206", "304", "416")


def _add_parts(operation: Operation) -> None:
    if "206" in operation["responses"]:
        _take(operation, "range", RANGE)
        _take(operation, "if-range", IF_RANGE)
        _tell(operation, {"Accept-Ranges": RANGES}, "200", "206", "304", "416")
        _tell(operation, {"Content-Range": PART}, "206", "416")


def _add_pages(operation: Operation) -> None:
    if any(one["name"] == "cursor" for one in operation.get("parameters", ())):
        _tell(operation, PAGES, "200", "304")


def _name_refusals(operation: Operation) -> None:
    for status in operation["responses"].keys() & NAMES.keys():
        operation["responses"][status]["description"] = NAMES[status]


def _take(operation: Operation, header: str, description: str) -> None:
    parameter = {"name": header, "in": "header", "required": False, "description": description, "schema": _TEXT}
    operation.setdefault("parameters", []).append(parameter)


def _tell(operation: Operation, headers: dict[str, Any], *statuses: str) -> None:
    for status in operation["responses"].keys() & set(statuses):
        operation["responses"][status].setdefault("headers", {}).update(headers)


def _refuse(operation: Operation, status: str, description: str) -> None:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
    operation["responses"].setdefault(status, {"description": description, "content": content})
