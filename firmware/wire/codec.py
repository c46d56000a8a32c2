"""Encode, decode and validate messages against the field tables of ``firmware.wire.messages``."""

import json

from firmware.wire.topics import MAX_PAYLOAD_BYTES

VERSION = 1


class WireError(ValueError):
    """A message that breaks the contract; the text says which field, what was expected and what came."""


def encode(fields, message):
    """Return the payload bytes of ``message``, version added; raises WireError when it breaks the contract."""
    complete = {"v": VERSION}
    complete.update(message)
    validate(fields, complete)
    payload = json.dumps(complete).encode()
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("expected at most %d bytes, got %d" % (MAX_PAYLOAD_BYTES, len(payload)))
    return payload


def decode(fields, payload):
    """Return the message in ``payload`` with unknown fields dropped; raises WireError when it breaks the contract."""
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise WireError("expected at most %d bytes, got %d" % (MAX_PAYLOAD_BYTES, len(payload)))
    try:
        message = json.loads(payload)
    except (ValueError, RuntimeError):  # RuntimeError: nesting deeper than the interpreter's stack
        raise WireError("expected JSON in UTF-8, got something else")
    return validate(fields, message)


def validate(fields, message):
    """Return ``message`` with the contract's fields only; raises WireError at the first field that is wrong."""
    if not isinstance(message, dict):
        raise WireError("expected an object, got %s" % _name(message))
    version = message.get("v")
    if version != VERSION or isinstance(version, bool):
        raise WireError("v: expected %d, got %s" % (VERSION, _shown(version)))
    known = _object(fields, message, "")
    known["v"] = VERSION
    return known


def _object(fields, value, path):
    if not isinstance(value, dict):
        raise WireError("%s: expected an object, got %s" % (path, _name(value)))
    known = {}
    for name, required, check in fields:
        field = path + "." + name if path else name
        found = value.get(name)
        if found is None:
            if required:
                raise WireError("%s: expected %s, got nothing" % (field, _expected(check)))
        else:
            known[name] = _checked(check, found, field)
    return known


def _checked(check, value, path):
    kind = check[0]
    if kind == "object":
        return _object(check[1], value, path)
    if kind == "list":
        return _list(check, value, path)
    if kind == "int":
        good = isinstance(value, int) and not isinstance(value, bool) and check[1] <= value <= check[2]
    elif kind == "number":
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and check[1] <= value <= check[2]
    elif kind == "text":
        good = isinstance(value, str) and check[1] <= len(value) <= check[2]
    elif kind == "hex":
        good = isinstance(value, str) and len(value) == check[1] and _is_hex(value)
    elif kind == "id":
        good = isinstance(value, str) and 1 <= len(value) <= check[1] and _is_id(value)
    elif kind == "bool":
        good = isinstance(value, bool)
    elif kind == "one of":
        good = isinstance(value, str) and value in check[1]
    else:  # "map": a flat object of short names to texts, numbers and booleans
        good = isinstance(value, dict) and len(value) <= check[1] and _is_flat(value)
    if not good:
        raise WireError("%s: expected %s, got %s" % (path, _expected(check), _shown(value)))
    return value


def _list(check, value, path):
    if not isinstance(value, list) or not check[2] <= len(value) <= check[3]:
        raise WireError("%s: expected %s, got %s" % (path, _expected(check), _shown(value)))
    return [_checked(check[1], item, "%s[%d]" % (path, index)) for index, item in enumerate(value)]


def _is_hex(text):
    for character in text:
        if character not in "0123456789abcdef":
            return False
    return True


def _is_id(text):
    for character in text:
        if character not in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.":
            return False
    return True


def _is_flat(value):
    for name, item in value.items():
        if not isinstance(name, str) or not 1 <= len(name) <= 40:
            return False
        if isinstance(item, str):
            if len(item) > 500:
                return False
        elif isinstance(item, list):
            if len(item) > 16 or not all(isinstance(part, int) for part in item):
                return False
        elif not isinstance(item, (int, float)):
            return False
    return True


def _expected(check):
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


def _name(value):
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list of %d" % len(value)
    return repr(value)


def _shown(value):
    text = _name(value)
    return text if len(text) <= 60 else text[:60] + "..."
