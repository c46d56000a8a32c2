"""CPython's ``socket``, by which DHCP and questions for names reach the home's router, not this machine's network."""

import socket as host
from socket import AF_INET, SO_BROADCAST, SOCK_DGRAM, SOCK_STREAM, SOL_SOCKET, getaddrinfo  # noqa: F401 - as socket has

import router


class socket(host.socket):  # noqa: N801 - the board's name for it
    """A socket of the host."""

    _at_home: object = None

    def bind(self, address: object) -> None:
        """Listen at an address; at the port of DHCP clients, to the home's router."""
        self._at_home = router.listen(super(), address)

    def sendto(self, data: bytes, address: object) -> int:
        """Send one datagram; what is for DHCP servers or about names, to the home's router."""
        if self._at_home is None:
            self._at_home = router.meet(super(), address)
        return router.send(super(), data, address, self._at_home)
