"""CPython's ``socket``, by which DHCP reaches the home's router and never the network that this machine is in."""

import socket as host
from socket import AF_INET, SO_BROADCAST, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, getaddrinfo  # noqa: F401 - as socket has

import router


class socket(host.socket):  # noqa: N801 - the board's name for it
    """A socket of the host."""

    def bind(self, address: object) -> None:
        """Listen at an address; at the port of DHCP clients, to the home's router."""
        self._address = router.listen(super(), address)

    def sendto(self, data: bytes, address: object) -> int:
        """Send one datagram; to a DHCP server, by way of the home's router."""
        return router.send(super(), data, address, self._address)
