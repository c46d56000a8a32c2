"""Ask the DHCP server whether a remembered address is still this board's, and for how long: one round trip.

A board that wakes is in the state INIT-REBOOT of RFC 2131: it leaves DISCOVER and OFFER out (section 3.2). Of the
network stack it could only have the whole of DHCP, which draws as much again as joining, and not how long a lease is.
"""

import errno
import select
import socket

from firmware.clock import DRIFT

ANSWER_MS = 200
# A server that does not know the short question is not asked it again before.
MUTE_MS = 86400000
BROADCAST = "255.255.255.255"
SERVER_PORT = 67
PORT = 68
TRIES = 2
# Other boards' answers may come in between.
_MOST_PACKETS = 4
_MOST_BYTES = 576
_LEAST_BYTES = 300  # of BOOTP, which relays may insist on (RFC 1542 section 2.1)
_OPTIONS_AT = 240
_COOKIE = b"\x63\x82\x53\x63"
# Options (RFC 2132), and the types of a message.
_ADDRESS, _LEASE, _TYPE, _WANTED, _RENEWAL, _CLIENT, _END = 50, 51, 53, 55, 58, 61, 255
_REQUEST, _ACK, _NAK = b"\x03", b"\x05", b"\x06"
_MASK, _ROUTER, _NAMES = 1, 3, 6


def prolonged(board, address, now, end):
    """Return since when the lease of ``address`` should be renewed and when it ends, in ms as ``now`` and ``end``.

    It is over at once when the server refuses; where it is silent too, once it was over anyway.
    """
    try:
        renewal_s, lease_s = board.renew(address, ANSWER_MS)
    except OSError as error:
        board.log("lease not renewed: %r" % error)
        # As often as RFC 2131 asks again before the end (section 4.4.5).
        return [now + ((end - now) // 2 if now < end else MUTE_MS), end]
    # The clock that counts it is not the server's.
    end = now + lease_s * 1000 * (DRIFT - 1) // DRIFT
    return [min(now + renewal_s * 1000, end), end]


def renew(address, hardware, has_id, number, timeout_ms, at=(BROADCAST, SERVER_PORT, PORT)):
    """Return seconds, ``(until the lease should be renewed, until it ends)``; both are 0 when the server refuses.

    ``hardware`` is the station's own six bytes; ``has_id`` whether the network stack made a client identifier of them
    too; ``number`` four random bytes. Raises OSError when no server answers: each of two questions is given
    ``timeout_ms``.
    """
    question = _question(address, hardware, has_id, number)
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.bind(_place("0.0.0.0", at[2]))  # noqa: S104 - the network's answer comes to whatever address it gives
        waiting = select.poll()
        waiting.register(asking, select.POLLIN)
        for _ in range(TRIES):
            asking.sendto(question, _place(at[0], at[1]))
            for _ in range(_MOST_PACKETS):
                if not waiting.poll(timeout_ms):
                    break
                terms = _terms(asking.recv(_MOST_BYTES), number, address)
                if terms is not None:
                    return terms
    finally:
        asking.close()
    raise OSError(errno.ETIMEDOUT)


def _place(host, port):
    return socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]


def _question(address, hardware, has_id, number):
    # Request, Ethernet, six bytes of address; no flag: the answer may come to the address, which is configured.
    head = b"\x01\x01\x06\0" + number + bytes(20) + hardware + bytes(202) + _COOKIE
    options = _option(_TYPE, _REQUEST) + _option(_ADDRESS, _octets(address))
    options += _option(_WANTED, bytes([_MASK, _ROUTER, _NAMES, _LEASE, _RENEWAL]))
    if has_id:
        options += _option(_CLIENT, b"\x01" + hardware)
    message = head + options + bytes([_END])
    return message + bytes(max(0, _LEAST_BYTES - len(message)))


def _option(code, content):
    return bytes([code, len(content)]) + content


def _octets(address):
    return bytes([int(part) for part in address.split(".")])


def _terms(answer, number, address):
    """Return what ``renew`` does, None of an answer to somebody else or of none that can be used."""
    if answer[:1] != b"\x02" or answer[4:8] != number or answer[_OPTIONS_AT - 4 : _OPTIONS_AT] != _COOKIE:
        return None
    options = _options(answer)
    if options.get(_TYPE) == _NAK:
        return 0, 0
    lease_s = int.from_bytes(options.get(_LEASE, b""), "big")
    if options.get(_TYPE) != _ACK or answer[16:20] != _octets(address) or not lease_s:
        return None
    # T1 is half of the lease where the server says nothing else (RFC 2131 section 4.4.5).
    return min(int.from_bytes(options.get(_RENEWAL, b""), "big") or lease_s // 2, lease_s), lease_s


def _options(answer):
    options = {}
    at = _OPTIONS_AT
    while at + 1 < len(answer) and answer[at] != _END:
        if answer[at]:
            end = at + 2 + answer[at + 1]
            options[answer[at]] = answer[at + 2 : end]
            at = end
        else:
            at += 1  # padding
    return options
