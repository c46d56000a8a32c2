"""Wrong values of requests in our words: what was expected and what came; pydantic tells one of them or neither."""

import json
from collections.abc import Callable, Mapping
from typing import Any

Fault = Mapping[str, Any]
"""One of pydantic's: type, loc, msg, and where it has them input and ctx."""

# What comes is told in one line, and never so much that an answer grows with it.
MOST_SHOWN, LARGE = 40, 10**20
# Of these nothing is told: they may be right for something else.
SECRET = frozenset({"password", "token", "refresh_token", "code", "signature", "idempotency-key"})
# What a pattern means, by the name of what it is of.
PATTERNS = {
    "cursor": "the X-Next-Cursor of the page before",
    "event_id": "1 to 59 letters, digits, '.', '_' or '-'",
}
_TIME = "a time in ISO 8601, such as 2026-03-01T10:00:00Z"
_WHOLE, _NUMBER, _YES = "a whole number", "a number", "true or false"
_EXPECTED: Mapping[str, Callable[[dict[str, Any]], str]] = {
    "missing": lambda _: "a value",
    "enum": lambda limits: str(limits["expected"]),
    "literal_error": lambda limits: str(limits["expected"]),
    "int_type": lambda _: _WHOLE,
    "int_parsing": lambda _: _WHOLE,
    "int_from_float": lambda _: _WHOLE,
    "int_parsing_size": lambda _: f"{_WHOLE} of at most 64 bits",
    "float_type": lambda _: _NUMBER,
    "float_parsing": lambda _: _NUMBER,
    "finite_number": lambda _: f"{_NUMBER} that is finite",
    "bool_type": lambda _: _YES,
    "bool_parsing": lambda _: _YES,
    "string_type": lambda _: "text",
    "string_unicode": lambda _: "text in Unicode",
    "string_too_short": lambda limits: f"text of at least {limits['min_length']} characters",
    "string_too_long": lambda limits: f"text of at most {limits['max_length']} characters",
    "greater_than_equal": lambda limits: f"at least {limits['ge']}",
    "less_than_equal": lambda limits: f"at most {limits['le']}",
    "list_type": lambda _: "a list",
    "too_short": lambda limits: f"at least {limits['min_length']} of them",
    "too_long": lambda limits: f"at most {limits['max_length']} of them",
    "model_type": lambda _: "an object",
    "model_attributes_type": lambda _: "an object",
    "dict_type": lambda _: "an object",
    "datetime_type": lambda _: _TIME,
    "datetime_parsing": lambda _: _TIME,
    "datetime_object_invalid": lambda _: _TIME,
    "datetime_from_date_parsing": lambda _: _TIME,
}


def told(fault: Fault) -> str:
    """Return what was expected and what came; a fault that says so itself is told in its own words."""
    kind, limits = fault["type"], fault.get("ctx", {})
    if kind == "value_error":
        return str(limits["error"])
    if kind == "string_pattern_mismatch":
        return f"expected {PATTERNS.get(_name(fault), limits['pattern'])}, got {_came(fault)}"
    if kind not in _EXPECTED:
        return str(fault["msg"])
    return f"expected {_EXPECTED[kind](limits)}, got {_count(fault) or _came(fault)}"


def shown(text: str) -> str:
    """Return the beginning of what somebody sent, in one line of printable characters and in quotes."""
    return json.dumps(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}...")


def _name(fault: Fault) -> str:
    return str(fault["loc"][-1]) if fault["loc"] else ""


def _count(fault: Fault) -> str:
    """Return how much came of what there is too much or too little of, or none of; "" for all else."""
    if fault["type"] == "missing":
        return "none"
    if fault["type"] in {"string_too_short", "string_too_long"}:
        return str(len(fault["input"]))
    return str(fault.get("ctx", {}).get("actual_length", ""))


def _came(fault: Fault) -> str:
    """Return what came, of a secret or of something large only what it is."""
    value = fault.get("input")
    if _name(fault) in SECRET:
        return "something else"
    if isinstance(value, str):
        return shown(value)
    if value is None or isinstance(value, bool | float):
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < LARGE else "a number of many digits"
    return "a list" if isinstance(value, list) else "an object" if isinstance(value, dict) else "something else"
