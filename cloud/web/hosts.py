"""The Host header check: a foreign name that points here (DNS rebinding) gets no page of this household."""

import ipaddress
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from cloud.web.errors import answer


class KnownHosts:
    """Lets requests through that name this server as ``hosts`` do; addresses only where ``addresses`` says so.

    An address in place of a name cannot be rebound, so a server on the local network may be called by any of its own.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str], *, addresses: bool) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._addresses = addresses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if self._is_known(name_in(host)):
            await self._app(scope, receive, send)
            return
        message = (
            f"expected a name of this server in the Host header, got {host[:80]!r}; PILLARBOX_PUBLIC_URL adds a name"
        )
        await answer(400, "UnknownHostError", message)(scope, receive, send)

    def _is_known(self, name: str) -> bool:
        return name in self._hosts or (self._addresses and _is_address(name))


def name_in(host: str) -> str:
    """Return the name or address in a Host header, without port and brackets, in lower case."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
