"""MQTT 3.1.1 over verified TLS: umqtt.simple with a deadline on every wait and one socket write per packet.

umqtt's own ``wait_msg`` makes the socket blocking after its first byte, which on an ESP32 takes the time limit off:
a lost PUBACK then hangs until the battery is flat. Here nothing that waits is left to it: ``firmware.stream`` does.
"""

import errno
import struct

import tls
from umqtt.simple import MQTTClient, MQTTException

from firmware.errors import ProtocolError, RefusedError, UnreachableError, UntrustedError, UplinkError
from firmware.stream import Stream

KEEPALIVE_S = 60
ANSWER_MS = 5000
HANDSHAKES = 2  # a TLS handshake is two answers, and a board's own arithmetic of more than a second
MOST_BYTES = 16384  # of one incoming packet: the heap of a board has room for no more
_CONNACK = 0x20
_PUBLISH = 0x30
_PUBACK = 0x40
_SUBACK = 0x90
_PINGRESP = 0xD0
# mbedTLS reports its own errors as negative errno (x509.h).
_CERT_VERIFY_FAILED = -0x2700


def trust(ca, certificate, key):
    """Return a TLS context that accepts only servers of ``ca`` and shows ``certificate`` (all DER)."""
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_REQUIRED  # the module's default is CERT_NONE
    context.load_verify_locations(ca)
    context.load_cert_chain(certificate, key)
    return context


class Uplink(MQTTClient):
    """A connection to the broker of ``config`` (thing, host, port, server_name), made but not opened.

    ``now_ms`` is a millisecond counter; ``answer_ms`` the longest wait for any one answer. There is no last will:
    a sleeping board's absence is judged by ``next_s``.
    """

    def __init__(self, config, context, now_ms, answer_ms=ANSWER_MS):
        super().__init__(config["thing"], config["host"], config["port"], keepalive=KEEPALIVE_S)
        self._server_name = config["server_name"]
        self.context = context
        self._now_ms = now_ms
        self._answer_ms = answer_ms
        self._handshake_ms = HANDSHAKES * answer_ms
        self._stream = Stream(now_ms)
        self._acknowledged = 0

    def connect(self, clean_session=True):  # noqa: FBT002 - umqtt's signature
        """Open TCP and TLS and log in; raises UplinkError."""
        self._guard(self._connect, clean_session)

    def subscribe(self, topic, qos=0):
        """Ask for ``topic`` without waiting: SUBACK is read with whatever comes next, in order with what follows."""
        self._guard(self._subscribe, topic, qos)

    def publish(self, topic, msg, retain=False, qos=0):  # noqa: FBT002 - umqtt's signature
        """Send one message in one write; with ``qos`` 1 return once it is acknowledged."""
        self._guard(self._publish, topic, msg, retain, qos)

    def listen(self, for_ms, is_enough):
        """Hand incoming messages to the callback until ``is_enough()`` or ``for_ms`` have passed."""
        self._guard(self._listen, for_ms, is_enough)

    def disconnect(self):
        """Say goodbye where possible and close; never fails."""
        self._stream.close(b"\xe0\0")

    def _guard(self, operation, *args):
        """Run ``operation`` under a fresh deadline, its many kinds of failure made the typed ones above."""
        self._stream.deadline = self._now_ms() + self._answer_ms
        try:
            operation(*args)
        except UplinkError:
            raise
        except MQTTException as error:
            raise RefusedError("expected to be let in, got return code %s" % error)
        except OSError as error:
            raise _named(error)
        except ValueError as error:
            # MicroPython raises ValueError with mbedTLS's words for a certificate that does not verify.
            raise UntrustedError("expected the broker's certificate to verify, got: %s" % error)
        except IndexError:
            raise ProtocolError("expected a whole packet, got a shorter one")

    def _connect(self, clean_session):
        self._stream.open(self.server, self.port, self._answer_ms)
        try:
            code = self._log_in(clean_session)
        except (OSError, IndexError) as error:
            raise _before_connack(error)
        if code:
            raise MQTTException(code)

    def _log_in(self, clean_session):
        """Return CONNACK's code."""
        self._stream.deadline = self._now_ms() + self._handshake_ms
        self._stream.secure(self.context, self._server_name, self._hello(clean_session))
        self._stream.deadline = self._now_ms() + self._answer_ms
        first = self._first_byte()
        if first is None:
            raise OSError(errno.ETIMEDOUT)
        body = self._body()
        if first != _CONNACK:
            raise ProtocolError("expected CONNACK, got a packet of type 0x%02x" % first)
        return body[1]

    def _hello(self, clean_session):
        thing = _bytes(self.client_id)
        variable = b"\0\x04MQTT\x04" + struct.pack("!BH", bool(clean_session) << 1, self.keepalive)
        return _framed(0x10, variable, _text(thing))

    def _subscribe(self, topic, qos):
        self.pid = self.pid % 65535 + 1
        self._stream.send(_framed(0x82, struct.pack("!H", self.pid), _text(_bytes(topic)), bytes([qos])))

    def _publish(self, topic, msg, retain, qos):
        header = _text(_bytes(topic))
        if qos:
            self.pid = self.pid % 65535 + 1
            header += struct.pack("!H", self.pid)
        self._stream.send(_framed(_PUBLISH | qos << 1 | bool(retain), header, _bytes(msg)))
        while qos and self._acknowledged != self.pid:
            self._receive()

    def _listen(self, for_ms, is_enough):
        end = self._now_ms() + for_ms
        while not is_enough():
            self._stream.deadline = end
            first = self._first_byte()
            if first is None:
                return
            # A packet that has begun to arrive gets the time of any other answer.
            self._stream.deadline = self._now_ms() + self._answer_ms
            self._handle(first, self._body())

    def _receive(self):
        first = self._first_byte()
        if first is None:
            raise OSError(errno.ETIMEDOUT)
        self._handle(first, self._body())

    def _handle(self, first, body):
        kind = first & 0xF0
        if kind == _PUBLISH:
            self._deliver(first, body)
        elif kind == _PUBACK:
            self._acknowledged = body[0] << 8 | body[1]
        elif kind == _SUBACK:
            if body[2] == 0x80:
                raise RefusedError("expected to be subscribed, got a SUBACK that refuses")
        elif kind != _PINGRESP:
            raise ProtocolError("expected an answer or a message, got a packet of type 0x%02x" % first)

    def _deliver(self, first, body):
        end = 2 + (body[0] << 8 | body[1])
        start = end + 2 if first & 6 else end
        if first & 6:
            self._stream.send(b"\x40\x02" + body[end:start])
        if self.cb is not None:
            self.cb(body[2:end], body[start:])

    def _body(self):
        size = shift = 0
        while shift <= 21:  # MQTT 3.1.1 section 2.2.3: at most four bytes of length
            byte = self._stream.read(1)[0]
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if byte & 0x80 or size > MOST_BYTES:
            raise ProtocolError("expected a packet of at most %d bytes, got a longer one" % MOST_BYTES)
        return self._stream.read(size)

    def _first_byte(self):
        """Return the next packet's first byte, None when the deadline passes before it comes."""
        byte = self._stream.read_some(1)
        if byte == b"":
            raise OSError(errno.ECONNRESET)
        return byte if byte is None else byte[0]


def _framed(first, *parts):
    size = sum([len(part) for part in parts])
    header = bytearray([first])
    while size > 0x7F:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    return b"".join((header,) + parts)  # noqa: RUF005 - MicroPython's way to one allocation


def _text(content):
    return struct.pack("!H", len(content)) + content


def _bytes(text):
    return text.encode() if isinstance(text, str) else text


def _before_connack(error):
    # AWS IoT and mosquitto answer a revoked or unknown thing by hanging up, at whatever point the news reaches us.
    if isinstance(error, OSError) and error.errno in (errno.ETIMEDOUT, -errno.ETIMEDOUT, _CERT_VERIFY_FAILED):
        return _named(error)
    return RefusedError("expected CONNACK, got a closed connection (%r)" % error)


def _named(error):
    if error.errno == _CERT_VERIFY_FAILED:
        return UntrustedError("expected the broker's certificate to verify, got TLS error %d" % error.errno)
    return UnreachableError("expected an answer from the broker, got %r" % error)
