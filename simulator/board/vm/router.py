"""The home's router, as far as a board asks it: whether its address is still its own (DHCP), and for those of names.

No packet leaves the machine: who listens at the port of DHCP clients, which only root could, listens somewhere on
loopback, and what it sends to the port of DHCP servers is answered there at once. So is what is asked at the port of
name servers, with what this machine knows of the name.
"""

import random
import socket

SERVER_PORT = 67
CLIENT_PORT = 68
NAMES_PORT = 53
# What it knows by itself: the time comes from the simulated chip's own ``ntptime``.
TIME_SERVER = b"pool.ntp.org"
DAY_S = 86400
ACK, NAK = 5, 6
_PORTS = (32768, 60999)
_OPTIONS_AT = 240


class Router:
    """What the router does: lease for so many seconds, refuse, or say nothing to a question."""

    def __init__(self) -> None:
        self.lease_s = DAY_S
        self.refuses = False
        self.is_silent = False

    def answer(self, question: bytes) -> bytes | None:
        """Return the answer to a DHCPREQUEST."""
        if self.is_silent:
            return None
        kind = NAK if self.refuses else ACK
        requested = _option(question, 50)
        address = bytes(4) if self.refuses else requested
        head = b"\x02" + question[1:16] + address + question[20:_OPTIONS_AT]
        options = bytes([53, 1, kind, 54, 4]) + requested[:3] + b"\x01"
        if not self.refuses:
            options += b"\x33\x04" + self.lease_s.to_bytes(4, "big")
        return head + options + b"\xff"


ROUTER = Router()


def listen(to: object, address: object) -> object:
    """Bind the socket ``to``; return the address of a DHCP client, else ``address``."""
    if _port(address) != CLIENT_PORT:
        to.bind(address)
        return address
    return _listen_on_loopback(to)


def send(by: object, data: bytes, address: object, own: object) -> int:
    """Send ``data`` by a socket, whose own address is where a DHCP server's answer goes."""
    if _port(address) != SERVER_PORT:
        return by.sendto(data, address)
    answer = ROUTER.answer(data)
    if answer is not None:
        by.sendto(answer, own)
    return len(data)


def meet(to: object, address: object) -> bool:
    """Connect the socket ``to``; return whether to a name server, which is itself: what it sends has to be ``told``."""
    if _port(address) != NAMES_PORT:
        to.connect(address)
        return False
    to.connect(_listen_on_loopback(to))
    return True


def told(question: bytes) -> bytes:
    """Return what a name server answers (RFC 1035 section 4.1)."""
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]])
        at += 1 + question[at]
    name = b".".join(labels)
    try:
        found = _loopback(0) if name == TIME_SERVER else _datagrams(name.decode(), NAMES_PORT)
    except OSError:
        return question[:2] + b"\x81\x83" + question[4:]  # no such name
    record = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + _octets(found)
    return question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] + record


def _listen_on_loopback(to: object) -> object:
    """Bind the socket ``to`` to a free port; return its address."""
    while True:
        found = _loopback(random.randrange(*_PORTS))  # noqa: S311 - no secret
        try:
            to.bind(found)
        except OSError:
            continue  # somebody else is there
        return found


def _loopback(port: int) -> object:
    return _datagrams("127.0.0.1", port)


def _datagrams(host: str, port: int) -> object:
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]


def _port(address: object) -> int:
    """Return the port of a socket's address, which MicroPython's unix port has as the bytes of C."""
    return address[1] if isinstance(address, tuple) else int.from_bytes(address[2:4], "big")


def _octets(address: object) -> bytes:
    return bytes(map(int, address[0].split("."))) if isinstance(address, tuple) else address[4:8]


def _option(message: bytes, code: int) -> bytes:
    at = _OPTIONS_AT
    while message[at] != code:
        at += 2 + message[at + 1]
    return message[at + 2 : at + 2 + message[at + 1]]
