"""HTTP of the live feed: a stream of server-sent events, and the same by asking again and again.

Server-sent events: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from cloud.accounts.identity import Identity
from cloud.accounts.model import READ, Admission
from cloud.api.answers import LARGEST_ID, refusals
from cloud.errors import RetryLaterError
from cloud.live.model import NOWHERE, Update
from cloud.live.schemas import LiveAnswer, live_answer
from cloud.live.service import Follower, LiveFeed
from cloud.queries import KnownNamesRoute

log = logging.getLogger(__name__)

STREAM = "text/event-stream"
# How long a browser waits before it comes again.
RETRY_MS = 1000
HEADERS = {"Cache-Control": "private, no-store", "X-Accel-Buffering": "no"}
_POSITION = re.compile(r"[0-9]{1,18}")

SinceQuery = Annotated[int | None, Query(ge=0, le=LARGEST_ID, description="`next` of the answer before")]
LastIdHeader = Annotated[
    str | None, Header(description="of a stream: the `id` of the last message; one that is no number reloads")
]
_ANSWERS = refusals() | {
    200: {"model": LiveAnswer, "content": {STREAM: {"schema": {"type": "string"}}}},
}


def build_router(feed: LiveFeed, identity: Identity) -> APIRouter:
    """Return the route of the live feed."""
    router = APIRouter(tags=["live"], route_class=KnownNamesRoute)

    @router.get("/live", summary="Follow what changes", responses=_ANSWERS)
    async def follow(
        request: Request,
        admission: Annotated[Admission, Depends(identity.admit(READ))],
        since: SinceQuery = None,
        last_event_id: LastIdHeader = None,
    ) -> Response:
        """Return what changed in the household after `since`, without it where the feed is now.

        With `Accept: text/event-stream` the answer is a stream of messages, each of them such an answer; it goes on
        after `Last-Event-ID`, and ends with the login, the key or the membership that it was asked for with.
        """
        if STREAM in request.headers.get("accept", ""):
            return EventStream(feed, feed.follow(admission), _position(last_event_id, since))
        update = await run_in_threadpool(feed.missed, admission.household_id, since)
        return Response(live_answer(update).model_dump_json(), media_type="application/json", headers=HEADERS)

    return router


class EventStream(StreamingResponse):
    """What a follower is told, until either side ends it; a client who takes nothing is left."""

    media_type = STREAM

    def __init__(self, feed: LiveFeed, follower: Follower, after: int | None) -> None:
        super().__init__(_messages(feed, follower, after), headers=HEADERS)
        self._feed, self._follower = feed, follower

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""

        async def send_soon(message: Message) -> None:
            async with asyncio.timeout(self._feed.pace.send):
                await send(message)

        try:
            await super().__call__(scope, receive, send_soon)
        except TimeoutError:
            log.info("a stream is left: its client takes nothing")
        finally:
            self._feed.leave(self._follower)


async def _messages(feed: LiveFeed, follower: Follower, after: int | None) -> AsyncIterator[str]:
    yield f"retry: {RETRY_MS}\n\n"
    try:
        async for update in feed.updates(follower, after):
            yield _message(update) if update else ": alive\n\n"
    except RetryLaterError as error:
        log.warning("a stream ends, its client comes again: %s", error)


def _message(update: Update) -> str:
    return f"id: {update.position}\ndata: {live_answer(update).model_dump_json()}\n\n"


def _position(last_event_id: str | None, since: int | None) -> int | None:
    """Return where to go on; who comes with a mark that is not ours cannot mend it, so they load everything anew."""
    if last_event_id is None:
        return since
    return int(last_event_id) if _POSITION.fullmatch(last_event_id) else NOWHERE
