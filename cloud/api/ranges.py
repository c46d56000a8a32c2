"""Part of a file (RFC 9110 section 14): one range of bytes, so that a broken download goes on where it ended."""

import re

from fastapi import Request, Response

from cloud.api.answers import CACHING, is_known

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def file_answer(request: Request, content: bytes, media_type: str, etag: str, caching: str = CACHING) -> Response:
    """Return the file, the part of it that is asked for, 304 for who has it, or 416 for a part beyond its end."""
    headers = {"ETag": etag, "Cache-Control": caching, "Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    if is_known(request, etag):
        return Response(status_code=304, headers=headers)
    asked = _asked(request, etag)
    if asked is None:
        return Response(content, media_type=media_type, headers=headers)
    start, end = _within(asked, len(content))
    if start >= end:
        headers["Content-Range"] = f"bytes */{len(content)}"
        return Response(status_code=416, headers=headers)
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(content)}"
    return Response(content[start:end], status_code=206, media_type=media_type, headers=headers)


def _asked(request: Request, etag: str) -> tuple[str, str] | None:
    """Return first and last byte as written; what is no single range asks for the whole, and so does an old ETag."""
    match = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    is_backwards = bool(first and last) and int(last) < int(first)
    if is_backwards or request.headers.get("if-range", etag) != etag:
        return None
    return first, last


def _within(asked: tuple[str, str], size: int) -> tuple[int, int]:
    first, last = asked
    if not first:  # the last so many bytes
        return max(size - int(last), 0), size
    return int(first), min(int(last) + 1, size) if last else size
