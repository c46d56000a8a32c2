# mypy: allow-any-generics
"""Encode, decode and validate messages against the field tables of ``firmware.wire.messages``.

A bare ``dict`` or ``tuple`` holds anything: a board has no ``typing`` to say so.
"""

import json
import sys

from firmware.wire.topics import MAX_PAYLOAD_BYTES

VERSION = 1
# Of the numbers in a map: what a double holds exactly, which leaves out NaN and the infinities as well.
MAX_NUMBER = 9007199254740991
MAX_MAP_NAME = 40
MAX_MAP_TEXT = 500
MAX_MAP_LIST = 16

_HEX = "0123456789abcdef"
_ID = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
# In UTF-8 because MicroPython reads the escapes of one emoji as two halves; itself it writes nothing else.
_written = json.dumps if sys.implementation.name == "micropython" else json.JSONEncoder(ensure_ascii=False).encode


class WireError(ValueError):
    """A message that breaks the contract; the text says which field, what was expected and what came."""


def encode(fields: tuple, message: dict) -> bytes:
    """Return the payload of the contract's fields in ``message``, version added; raises WireError when it breaks it."""
    complete = {"v": VERSION}
    complete.update(message)
    payload = _written(validate(fields, complete)).encode()
    _check_size(payload)
    return payload


def decode(fields: tuple, payload: bytes) -> dict:
    """Return the message in ``payload`` with unknown fields dropped; raises WireError when it breaks the contract."""
    _check_size(payload)
    try:
        message = json.loads(payload.decode())
    except (ValueError, RuntimeError, MemoryError):  # the last two: nested too deep for CPython, for MicroPython
        raise WireError("expected JSON in UTF-8, got something else")
    return validate(fields, message)


def validate(fields: tuple, message: object) -> dict:
    """Return ``message`` with the contract's fields only; raises WireError at the first field that is wrong."""
    if not isinstance(message, dict):
        raise WireError("expected an object, got %s" % _shown(message))
    version = message.get("v")
    if not _is_whole(version, VERSION, VERSION):
        raise WireError("v: expected %d, got %s" % (VERSION, _shown(version)))
    known = _object(fields, message, "")
    known["v"] = VERSION
    return known


def expected(check: tuple) -> str:
    """Return in words what ``check`` lets pass, as in "a whole number from 1 to 9"."""
    kind = check[0]
    if kind in ("int", "number"):
        return "%s from %d to %d" % ("a whole number" if kind == "int" else "a number", check[1], check[2])
    if kind == "text":
        return "text of %d to %d characters" % (check[1], check[2])
    if kind == "hex":
        return "%d lower-case hexadecimal digits" % check[1]
    if kind == "id":
        return "1 to %d letters, digits, - _ ." % check[1]
    if kind == "list":
        return "a list of %d to %d" % (check[2], check[3])
    if kind == "one of":
        return "one of " + ", ".join(check[1])
    if kind == "map":
        return "at most %d named texts, numbers, booleans or lists of whole numbers" % check[1]
    return {"bool": "true or false", "object": "an object"}[kind]


def _check_size(payload: bytes) -> None:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("expected at most %d bytes, got %d" % (MAX_PAYLOAD_BYTES, len(payload)))


def _object(fields: tuple, value: object, path: str) -> dict:
    if not isinstance(value, dict):
        raise WireError("%s: expected an object, got %s" % (path, _shown(value)))
    known = {}
    for name, required, check in fields:
        found = value.get(name)
        if found is not None:
            known[name] = _checked(check, found, path + "." + name if path else name)
        elif required:
            field = path + "." + name if path else name
            raise WireError("%s: expected %s, got nothing" % (field, expected(check)))
    return known


def _checked(check: tuple, value: object, path: str) -> object:
    kind = check[0]
    if kind == "int" and type(value) is int and check[1] <= value <= check[2]:
        return value  # most of what comes
    if kind == "object":
        return _object(check[1], value, path)
    if kind == "list":
        return _list(check, value, path)
    if not _is_good(check, value):
        raise WireError("%s: expected %s, got %s" % (path, expected(check), _shown(value)))
    return value


def _is_good(check: tuple, value: object) -> bool:
    kind = check[0]
    if kind == "int":
        return _is_whole(value, check[1], check[2])
    if kind == "number":
        return _is_number(value, check[1], check[2])
    if kind == "bool":
        return isinstance(value, bool)
    if kind == "map":
        return isinstance(value, dict) and len(value) <= check[1] and _is_flat(value)
    if not isinstance(value, str):
        return False
    if kind == "text":
        return check[1] <= len(value) <= check[2] and _is_text(value)
    if kind == "hex":
        return len(value) == check[1] and _is_made_of(value, _HEX)
    if kind == "id":
        return 1 <= len(value) <= check[1] and _is_made_of(value, _ID)
    return value in check[1]  # "one of"


def _list(check: tuple, value: object, path: str) -> list:
    if not isinstance(value, list) or not check[2] <= len(value) <= check[3]:
        raise WireError("%s: expected %s, got %s" % (path, expected(check), _shown(value)))
    return [_checked(check[1], item, "%s[%d]" % (path, index)) for index, item in enumerate(value)]


# True and False are whole numbers to CPython but not to MicroPython, so booleans are always asked for by name.
def _is_whole(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _is_number(value: object, lowest: int, highest: int) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and lowest <= value <= highest


def _is_made_of(text: str, alphabet: str) -> bool:
    # What is left after stripping both ends begins with a foreign character; a loop here costs the server ten times.
    return not text.strip(alphabet)


def _is_text(value: str) -> bool:
    # Half a surrogate pair can be written in JSON, but neither in UTF-8 nor in a database.
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in value)


def _is_flat(value: dict) -> bool:
    for name, item in value.items():
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_MAP_NAME or not _is_text(name):
            return False
        if isinstance(item, str):
            good = len(item) <= MAX_MAP_TEXT and _is_text(item)
        elif isinstance(item, list):
            good = len(item) <= MAX_MAP_LIST and all(_is_whole(part, -MAX_NUMBER, MAX_NUMBER) for part in item)
        else:
            good = isinstance(item, bool) or _is_number(item, -MAX_NUMBER, MAX_NUMBER)
        if not good:
            return False
    return True


def _shown(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list of %d" % len(value)
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
