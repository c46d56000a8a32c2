"""Request bodies no larger than their route takes, refused before they are read into memory."""

import re

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.web.errors import answer

# The largest JSON that any route asks for is a few kilobytes.
MOST_BYTES = 256 * 1024
# What multipart adds around a file: its boundaries, headers and other fields.
AROUND_A_FILE = 64 * 1024
TOO_LARGE = 413
_UPLOADS = re.compile(r"/uploads/[^/]+|/mailbox/images")


class BodyLimit:
    """Middleware: answers 413 to a body that says it is too long, and to one that turns out to be."""

    def __init__(self, app: ASGIApp, image_bytes: int) -> None:
        self._app = app
        self._image_bytes = image_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its body may be read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._image_bytes + AROUND_A_FILE if _UPLOADS.fullmatch(scope["path"]) else MOST_BYTES
        if _stated_length(scope) > limit:
            await _refuse(limit, scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit), send)


def _counted(receive: Receive, limit: int) -> Receive:
    """Return what receives a body up to the limit; beyond it raises an HTTPException, which every route answers."""
    left = limit

    async def counted() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(TOO_LARGE, _told(limit))
        return message

    return counted


def _stated_length(scope: Scope) -> int:
    stated = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(stated) if stated.isdigit() else 0


async def _refuse(limit: int, scope: Scope, receive: Receive, send: Send) -> None:
    refusal = answer(TOO_LARGE, "TooLargeError", _told(limit))
    refusal.headers["Connection"] = "close"
    await refusal(scope, receive, send)


def _told(limit: int) -> str:
    return f"expected a body of at most {limit:,} bytes, got more"
