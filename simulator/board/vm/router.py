"""The home's router, as far as a board asks it: whether an address is its own (DHCP), and for those of names.

No packet leaves the machine: who listens at the port of DHCP clients, which only root could, listens somewhere on
loopback, and what it sends to the port of DHCP servers is answered there at once. So is what is asked at the port of
name servers, with what this machine knows of the name, and at that of multicast DNS: ``NAME.local`` is its ``NAME``.
"""

import random
import socket

SERVER_PORT = 67
CLIENT_PORT = 68
NAMES_PORT = 53
HOME_NAMES_PORT = 5353
# What it knows by itself: the time comes from the simulated chip's own ``ntptime``.
TIME_SERVER = b"pool.ntp.org"
DAY_S = 86400
DISCOVER, OFFER, ACK, NAK = 1, 2, 5, 6
_NOWHERE = bytes(4)
_PORTS = (32768, 60999)
_OPTIONS_AT = 240
_END = 255


class Router:
    """What the router does: lease for so many seconds, refuse, or say nothing, to everybody or to who starts again."""

    def __init__(self) -> None:
        self.lease_s = DAY_S
        self.refuses = False
        self.is_silent = False
        self.knows_restarts = True

    def answer(self, question: bytes) -> bytes | None:
        """Return the answer to a DHCPDISCOVER or DHCPREQUEST."""
        options = _options(question)
        is_discovery = options[53][0] == DISCOVER
        # Who neither has an address nor was offered one starts again (RFC 2131 section 4.3.2, INIT-REBOOT).
        is_restart = question[12:16] == _NOWHERE and not is_discovery and 54 not in options
        if self.is_silent or (is_restart and not self.knows_restarts):
            return None
        wanted = options.get(50, question[12:16])
        refuses = self.refuses and not is_discovery
        head = b"\x02" + question[1:16] + (_NOWHERE if refuses else wanted) + question[20:_OPTIONS_AT]
        told = bytes([53, 1, NAK if refuses else OFFER if is_discovery else ACK, 54, 4]) + wanted[:3] + b"\x01"
        if not refuses:
            told += b"\x33\x04" + self.lease_s.to_bytes(4, "big")
        return head + told + b"\xff"


ROUTER = Router()


def listen(to: object, address: object) -> object:
    """Bind the socket ``to``; return its address at home when it is a DHCP client's, else False."""
    if _port(address) != CLIENT_PORT:
        to.bind(address)
        return False
    return _listen_on_loopback(to)


def meet(to: object, address: object) -> object:
    """Return the address at home that the socket ``to`` gets when it asks for names, else False."""
    return _port(address) in (NAMES_PORT, HOME_NAMES_PORT) and _listen_on_loopback(to)


def is_dhcp(address: object) -> bool:
    """Return whether it is DHCP servers' address."""
    return _port(address) == SERVER_PORT


def send(by: object, data: bytes, address: object, at_home: object) -> int:
    """Send ``data`` by a socket, whose address at home is where the router's answer goes."""
    if not at_home:
        return by.sendto(data, address)
    answer = ROUTER.answer(data) if is_dhcp(address) else _told(data, _port(address) == HOME_NAMES_PORT)
    if answer is not None:
        by.sendto(answer, at_home)
    return len(data)


def _told(question: bytes, is_of_home: bool) -> bytes | None:  # noqa: FBT001 - as its caller knows it
    """Return what a name server answers (RFC 1035 section 4.1), or whom of the home it is about (RFC 6762 section 6.7).

    What this machine has no name for nobody at home has, who then says nothing.
    """
    labels, at = [], 12
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]])
        at += 1 + question[at]
    if is_of_home:
        del labels[-1]
    name = b".".join(labels)
    try:
        found = _loopback(0) if name == TIME_SERVER else _datagrams(name.decode(), NAMES_PORT)
    except OSError:
        return None if is_of_home else question[:2] + b"\x81\x83" + question[4:]  # no such name
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


def _options(message: bytes) -> dict:
    options = {}
    at = _OPTIONS_AT
    while message[at] != _END:
        options[message[at]] = message[at + 2 : at + 2 + message[at + 1]]
        at += 2 + message[at + 1]
    return options
