"""Sockets that listen, and ports that are free."""

import errno
import socket


def free_port(host: str) -> int:
    """Return a TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def bound(host: str, port: int) -> socket.socket:
    """Return a socket at an address, 0 for any port, whose connections send at once; raises OSError when it is taken.

    asyncio turns Nagle's algorithm (RFC 896) off only where a socket names TCP as its protocol. With it, the body of
    an answer waits until the client has acknowledged the head: 40 ms on Linux, for it delays that (RFC 1122, 4.2.3.2).
    """
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def why_not(host: str, port: int, error: OSError) -> str:
    """Return what was expected of an address that cannot be bound, and what to do about it."""
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        expected = f"expected --host to be an address of this machine, got {host}: {error.strerror}"
        return f"{expected}. Choose another, or 0.0.0.0 for all."
    return f"expected port {port} on {host} to be free: {error.strerror}. Choose another with --port, or 0 for any."
