"""Whether an update comes from who may make updates: RSA with SHA-256, the quickest that MicroPython can verify."""

import binascii
import hashlib

EXPONENT = 65537
# DER of "a SHA-256 digest follows" (RFC 8017 section 9.2, note 1).
_DIGEST_INFO = binascii.unhexlify("3031300d060960864801650304020105000420")


def signed_text(version: str, sha256: str) -> bytes:
    """Return what is signed of an update: its address is not, so that any mirror may serve it."""
    return ("pillarbox firmware %s %s" % (version, sha256)).encode()


def is_genuine(text: bytes, signature: str, modulus: str) -> bool:
    """Return whether ``signature`` (base64) of ``text`` was made with the key of ``modulus`` (hexadecimal).

    RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2.2): the expected block is built whole and compared whole.
    """
    try:
        number = int.from_bytes(binascii.a2b_base64(signature), "big")
    except ValueError:
        return False
    size = len(modulus) // 2
    digest = _DIGEST_INFO + hashlib.sha256(text).digest()
    expected = b"\0\1" + b"\xff" * (size - 3 - len(digest)) + b"\0" + digest
    return pow(number, EXPONENT, int(modulus, 16)).to_bytes(size, "big") == expected
