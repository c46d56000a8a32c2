"""Ask the DHCP server whether a remembered address is this board's, and for how long: in one or two round trips.

A board whose lease runs is in the state RENEWING of RFC 2131, one whose lease is over in INIT-REBOOT (section 4.4), and
where the server does not know that one, in INIT. Of the network stack it could have the last of them only, which draws
as much again as joining, and not how long a lease is.
"""

import errno
import select
import socket

from firmware.clock import DRIFT

ANSWER_MS = 200
# A server that does not know a question is not asked it again before.
MUTE_MS = 86400000
BROADCAST = "255.255.255.255"
SERVER_PORT = 67
PORT = 68
# What can be asked: to prolong a lease that runs, for one that has run out, and, by all of DHCP, for a new one.
RENEW, RESTART, DISCOVER = 0, 1, 2
# Other boards' answers may come in between.
_MOST_PACKETS = 4
_MOST_BYTES = 576
_LEAST_BYTES = 300  # of BOOTP, which relays may insist on (RFC 1542 section 2.1)
_OPTIONS_AT = 240
_COOKIE = b"\x63\x82\x53\x63"
# Options (RFC 2132), and the types of a message.
_ADDRESS, _LEASE, _TYPE, _SERVER, _WANTED, _RENEWAL, _CLIENT, _END = 50, 51, 53, 54, 55, 58, 61, 255
_DISCOVER, _OFFER, _REQUEST, _ACK, _NAK = b"\x01", b"\x02", b"\x03", b"\x05", b"\x06"
_MASK, _ROUTER, _NAMES = 1, 3, 6


def prolonged(board, rtc, address, now):
    """Return ``rtc["lease"]`` of ``address`` anew: since when to renew it and when it ends, in ms as ``now``.

    It is over at once when the server refuses; where it is silent too, once it was over anyway. ``rtc["mute"]`` says
    until when this server is not asked the short way for a lease that has run out.
    """
    end = rtc.get("lease", (0, 0))[1]
    # One that runs may be asked for at another wake, too.
    questions = (RENEW,) if now < end else (DISCOVER if now < rtc.get("mute", 0) else RESTART, DISCOVER)
    try:
        question, renewal_s, lease_s = board.renew(address, questions, ANSWER_MS)
    except OSError as error:
        board.log("lease not renewed: %r" % error)
        # As often as RFC 2131 asks again before the end (section 4.4.5).
        return [now + ((end - now) // 2 if now < end else MUTE_MS), end]
    if question != questions[0]:
        rtc["mute"] = now + MUTE_MS
    # The clock that counts it is not the server's.
    end = now + lease_s * 1000 * (DRIFT - 1) // DRIFT
    return [min(now + renewal_s * 1000, end), end]


class Client:
    """A DHCP client with an address configured, which sends from it.

    ``hardware`` is the station's own six bytes; ``has_id`` whether the network stack made a client identifier of them
    too; ``number`` four random bytes, which answers must bear.
    """

    def __init__(self, hardware, has_id, number, at=(BROADCAST, SERVER_PORT, PORT)):
        self._hardware = hardware
        self._id = _option(_CLIENT, b"\x01" + hardware) if has_id else b""
        self._number = number
        self._at = at
        self._asking = None
        self._waiting = select.poll()

    def renew(self, address, questions, timeout_ms):
        """Return which question was answered, and seconds until the lease should be renewed and until it ends.

        Both are 0 when the server refuses. Raises OSError when none grants or refuses this address: each of the
        questions, asked in turn, is given ``timeout_ms``.
        """
        self._asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            self._asking.bind(_place("0.0.0.0", self._at[2]))  # noqa: S104 - whatever address the answer comes to
            self._waiting.register(self._asking, select.POLLIN)
            for question in questions:
                terms = self._terms(_octets(address), question, timeout_ms)
                if terms is not None:
                    return question, terms[0], terms[1]
        finally:
            self._asking.close()
        raise OSError(errno.ETIMEDOUT)

    def _terms(self, address, question, timeout_ms):
        """Return the seconds that the answer to one question grants, None of no answer."""
        about = b"" if question == RENEW else _option(_ADDRESS, address)
        if question == DISCOVER:
            found = self._asked(address, _DISCOVER, about, timeout_ms)
            if found is None or found[_TYPE] != _OFFER:
                return found and _granted(found)
            about += _option(_SERVER, found.get(_SERVER, b""))
        found = self._asked(address, _REQUEST, about, timeout_ms)
        return found and _granted(found)

    def _asked(self, address, kind, about, timeout_ms):
        """Return the options of the answer, None when none came; an offer is one to who discovers only."""
        # Only whose lease runs names its address in the header (RFC 2131 section 4.3.2).
        head = self._number + bytes(4) + (bytes(4) if about else address) + bytes(12) + self._hardware
        wishes = _option(_WANTED, bytes([_MASK, _ROUTER, _NAMES, _LEASE, _RENEWAL]))
        # Request, Ethernet, six bytes of address; no flag: the answer may come to the address, which is configured.
        message = b"\x01\x01\x06\0" + head + bytes(202) + _COOKIE + _option(_TYPE, kind) + about + wishes + self._id
        message += bytes([_END])
        self._asking.sendto(message + bytes(max(0, _LEAST_BYTES - len(message))), _place(self._at[0], self._at[1]))
        for _ in range(_MOST_PACKETS):
            if not self._waiting.poll(timeout_ms):
                break
            options = _options(self._asking.recv(_MOST_BYTES), self._number, address)
            if options is not None and (kind == _DISCOVER or options[_TYPE] != _OFFER):
                return options
        return None


def _place(host, port):
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]


def _option(code, content):
    return bytes([code, len(content)]) + content


def _octets(address):
    return bytes([int(part) for part in address.split(".")])


def _granted(options):
    """Return what a server's last word grants: seconds until the lease should be renewed, and until it ends."""
    lease_s = int.from_bytes(options.get(_LEASE, b""), "big")
    # T1 is half of the lease where the server says nothing else (RFC 2131 section 4.4.5).
    return min(int.from_bytes(options.get(_RENEWAL, b""), "big") or lease_s // 2, lease_s), lease_s


def _options(answer, number, address):
    """Return the options of an answer, None of one to somebody else or of none that can be used."""
    if answer[:1] != b"\x02" or answer[4:8] != number or answer[_OPTIONS_AT - 4 : _OPTIONS_AT] != _COOKIE:
        return None
    options = {}
    at = _OPTIONS_AT
    while at + 1 < len(answer) and answer[at] != _END:
        if answer[at]:
            end = at + 2 + answer[at + 1]
            options[answer[at]] = answer[at + 2 : end]
            at = end
        else:
            at += 1  # padding
    kind = options.get(_TYPE)
    if kind == _NAK:
        return {_TYPE: _NAK}
    is_ours = answer[16:20] == address and int.from_bytes(options.get(_LEASE, b""), "big")
    return options if kind in (_OFFER, _ACK) and is_ours else None
