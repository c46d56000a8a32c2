"""CPython's ``socket``, by which DHCP and questions for names reach the home's router, not this machine's network."""

import socket as host
from socket import AF_INET, SO_BROADCAST, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, getaddrinfo  # noqa: F401 - as socket has

import router


class socket(host.socket):  # noqa: N801 - the board's name for it
    """A socket of the host."""

    _asks_names = False

    def connect(self, address: object) -> None:
        """Connect; to a name server, to the home's router."""
        self._asks_names = router.meet(super(), address)

    def send(self, data: bytes, *flags: int) -> int:
        """Send one datagram, or what fits of a stream."""
        return super().send(router.told(data) if self._asks_names else data, *flags)

    def bind(self, address: object) -> None:
        """Listen at an address; at the port of DHCP clients, to the home's router."""
        self._address = router.listen(super(), address)

    def sendto(self, data: bytes, address: object) -> int:
        """Send one datagram; to a DHCP server, by way of the home's router."""
        return router.send(super(), data, address, self._address)
