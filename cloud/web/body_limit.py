"""Request bodies no larger than their route takes, refused before they are read into memory."""

import re
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cloud.web.errors import answer

# The largest JSON that any route asks for is a few kilobytes.
MOST_BYTES = 256 * 1024
# What multipart adds around a file: its boundaries, headers and other fields.
AROUND_A_FILE = 64 * 1024
BAD_REQUEST, TOO_LARGE = 400, 413
# One who sends both may have told a proxy of another end than us, and hidden a request behind it (RFC 9112, 11.2).
LENGTHS = frozenset((b"content-length", b"transfer-encoding"))
TWO_LENGTHS = "expected either Content-Length or Transfer-Encoding, got both"
_UPLOADS = re.compile(r"/uploads/[^/]+|/mailbox/images")


class BodyLimit:
    """Middleware: answers 413 to a body that says it is too long or turns out to be, 400 to one with two lengths."""

    def __init__(self, app: ASGIApp, image_bytes: int) -> None:
        self._app = app
        self._image_bytes = image_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on if its body may be read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._image_bytes + AROUND_A_FILE if _UPLOADS.fullmatch(scope["path"]) else MOST_BYTES
        lengths = {name: value for name, value in scope["headers"] if name in LENGTHS}
        if len(lengths) > 1:
            await _close(answer(BAD_REQUEST, "HTTPError", TWO_LENGTHS), scope, receive, send)
            return
        if _stated(lengths) > limit:
            await _close(answer(TOO_LARGE, "TooLargeError", _told(limit)), scope, receive, send)
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


def _stated(lengths: Mapping[bytes, bytes]) -> int:
    stated = lengths.get(b"content-length", b"")
    return int(stated) if stated.isdigit() else 0


async def _close(refusal: Response, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer, and end the connection: where the next request on it would begin is not known."""
    refusal.headers["Connection"] = "close"
    await refusal(scope, receive, send)


def _told(limit: int) -> str:
    return f"expected a body of at most {limit:,} bytes, got more"
