"""MicroPython's ``tls`` by CPython's ``ssl``: contexts fed with DER, streams that answer None instead of raising."""

import os
import select
import socket
import ssl
import tempfile

PROTOCOL_TLS_CLIENT = 0
CERT_NONE = ssl.CERT_NONE
CERT_REQUIRED = ssl.CERT_REQUIRED
_READ_BYTES = 16384


class SSLContext:
    """A TLS client's settings; like MicroPython's it verifies nothing until ``verify_mode`` says so."""

    def __init__(self, protocol: int) -> None:
        if protocol != PROTOCOL_TLS_CLIENT:
            raise ValueError(f"expected PROTOCOL_TLS_CLIENT, got {protocol}")
        self.verify_mode = CERT_NONE
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    def load_verify_locations(self, cadata: bytes) -> None:
        """Trust this authority (DER)."""
        self._context.load_verify_locations(cadata=cadata)

    def load_cert_chain(self, cert: bytes, key: bytes) -> None:
        """Show this certificate (DER); OpenSSL reads it from files only."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "pair.pem")
            with open(path, "w") as file:
                file.write(ssl.DER_cert_to_PEM_cert(cert))
                file.write(ssl.DER_cert_to_PEM_cert(key).replace("CERTIFICATE", "EC PRIVATE KEY"))
            self._context.load_cert_chain(path)

    def wrap_socket(
        self, sock: socket.socket, *, server_hostname: str | None = None, do_handshake_on_connect: bool = True
    ) -> "Stream":
        """Return the TLS stream over ``sock``; a certificate that does not verify is a ValueError, as on the board."""
        self._context.check_hostname = self.verify_mode == CERT_REQUIRED
        self._context.verify_mode = self.verify_mode
        stream = Stream(sock, self._context, server_hostname)
        if do_handshake_on_connect:
            while not stream.shake_hands():
                select.select([sock], [], [])
        return stream


class Stream:
    """A TLS stream beside its socket, which stays the caller's to poll, as MicroPython leaves it."""

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, server_hostname: str | None) -> None:
        self._sock = sock
        self._received = ssl.MemoryBIO()
        self._to_send = ssl.MemoryBIO()
        self._is_ready = False
        self._tls = context.wrap_bio(self._received, self._to_send, server_hostname=server_hostname)

    def shake_hands(self) -> bool:
        """Go on with TLS's handshake as far as what has come allows; return whether it is over."""
        while not self._is_ready:
            try:
                self._tls.do_handshake()
                self._is_ready = True
            except ssl.SSLCertVerificationError as error:
                raise ValueError(str(error)) from error
            except ssl.SSLWantReadError:
                self._flush()
                if not self._receive():
                    return False
        self._flush()
        return True

    def read(self, count: int) -> bytes | None:
        """Return up to ``count`` bytes, b"" at the end, None when there are none yet."""
        while True:
            try:
                return self._tls.read(count)
            except ssl.SSLWantReadError:
                if not self._receive():
                    return None
            except ssl.SSLZeroReturnError:
                return b""

    def write(self, data: bytes) -> int | None:
        """Send everything, waiting where the network is slow; None, having sent nothing, during the handshake."""
        if not self.shake_hands():
            return None
        taken = self._tls.write(data)
        self._flush()
        return taken

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def _receive(self) -> bool:
        """Take in what came; return whether anything did."""
        try:
            data = self._sock.recv(_READ_BYTES)
        except BlockingIOError:
            return False
        if data:
            self._received.write(data)
        else:
            self._received.write_eof()
        return True

    def _flush(self) -> None:
        waiting = memoryview(self._to_send.read())
        while waiting:
            try:
                waiting = waiting[self._sock.send(waiting) :]
            except BlockingIOError:
                select.select([], [self._sock], [])
