"""Ask a name server for an address, with a deadline: ``getaddrinfo`` waits seven seconds for each (lwIP's dns.c).

A datagram may be lost, so it is asked again when half of the time is over.
"""

import errno
import select
import socket
import struct

PORT = 53
# Everybody at home, of whom the owner of "NAME.local" answers to the port that the question came from (RFC 6762 6.7).
EVERYBODY = ("224.0.0.251", 5353)
TRIES = 2
_ADDRESS_TYPE = 1
_HEADER_BYTES = 12
# Of an answer's header: the bit that says it is one, and the code that says how it went (RFC 1035 section 4.1.1).
_IS_ANSWER = 0x8000
_CODE = 0x000F


def lookup(host, server, number, timeout_ms, port=PORT):
    """Return the IPv4 address of ``host`` as text; raises OSError when ``server`` does not tell it in time.

    Without a server its owner is asked. ``number`` is drawn anew for each question, and the answer must bear it.
    """
    if server is None:
        server, port = EVERYBODY
    # Not connected, for it is not everybody's address that an owner's answer comes from.
    asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        there = socket.getaddrinfo(server, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]
        waiting = select.poll()
        waiting.register(asking, select.POLLIN)
        for _ in range(TRIES):
            asking.sendto(_question(host, number), there)
            if waiting.poll(timeout_ms // TRIES):
                return _address(asking.recv(512), number)
        raise OSError(errno.ETIMEDOUT)
    finally:
        asking.close()


def _question(host, number):
    labels = b"".join([bytes([len(label)]) + label.encode() for label in host.split(".")])
    recursive = 0x0100
    return struct.pack("!HHHHHH", number, recursive, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", _ADDRESS_TYPE, 1)


def _address(answer, number):
    """Return the first address of an answer; aliases before it are passed over."""
    flags = _number(answer, 2)
    if _number(answer, 0) == number and flags & _IS_ANSWER and not flags & _CODE:
        try:
            return _first_address(answer, _number(answer, 6))
        except IndexError:
            pass  # it ends too early: it is none
    raise OSError(errno.ENOENT)


def _first_address(answer, records):
    at = _after_name(answer, _HEADER_BYTES) + 4
    for _ in range(records):
        at = _after_name(answer, at)
        if _number(answer, at) == _ADDRESS_TYPE:
            return "%d.%d.%d.%d" % (answer[at + 10], answer[at + 11], answer[at + 12], answer[at + 13])
        at += 10 + _number(answer, at + 8)
    raise IndexError


def _number(answer, at):
    return int.from_bytes(answer[at : at + 2], "big")


def _after_name(answer, at):
    while answer[at]:
        if answer[at] & 0xC0:  # a pointer to a name written earlier (RFC 1035 section 4.1.4)
            return at + 2
        at += answer[at] + 1
    return at + 1
