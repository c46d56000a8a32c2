"""Ports for servers that come and go: nobody else is given them meanwhile."""

import weakref

from cloud.adapters.local.listening import bound

HOST = "127.0.0.1"


class KeptPort:
    """A TCP port that is kept by a socket which does not listen.

    The kernel gives such a port to nobody who asks for any, and takes no connection for it. A server that names it,
    and sets SO_REUSEADDR as ours do, may listen there (socket(7)).
    """

    def __init__(self, number: int = 0) -> None:
        held = bound(HOST, number)
        self.number = int(held.getsockname()[1])
        self.close = weakref.finalize(self, held.close)
