"""HEAD: the answer to a GET without its content (RFC 9110 section 9.3.2), as monitors and download managers ask."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadRequests:
    """Middleware: asks the routes as for GET, and sends only what comes before the content."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; a stream ends where its content would begin."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        has_ended = False

        async def without_content(message: Message) -> None:
            nonlocal has_ended
            if message["type"] == "http.response.start":
                await send(message)
            elif not has_ended:
                has_ended = True
                await send({"type": "http.response.body"})

        asked = dict(scope) | {"method": "GET"}
        try:
            await self._app(asked, receive, without_content)
        finally:
            scope["route"] = asked.get("route")
