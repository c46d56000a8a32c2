"""Messages of devices read by the wire contract; what comes in numbers in a quarter of the codec's time."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import CoreSchema, SchemaValidator, ValidationError, core_schema

from firmware.wire import codec, messages, topics


def read(kind: str, payload: bytes) -> dict[str, Any]:
    """Return a message as ``codec.decode`` does; raises WireError when it breaks the contract.

    What a reader does not take is the codec's: to say what is wrong, or to take it all the same (a field that is null).
    """
    reader = _READERS.get(kind)
    if reader is None or len(payload) > topics.MAX_PAYLOAD_BYTES:
        return codec.decode(messages.BY_KIND[kind], payload)
    try:
        message: dict[str, Any] = reader.validate_json(payload)
    except ValidationError:
        return codec.decode(messages.BY_KIND[kind], payload)
    return message


def _reader(fields: tuple[Any, ...]) -> SchemaValidator:
    """Return what reads a message of these fields and the version; it takes nothing that the codec refuses."""
    version = ("v", True, ("int", codec.VERSION, codec.VERSION))
    return SchemaValidator(_object((*fields, version)))


def _object(fields: tuple[Any, ...]) -> CoreSchema:
    known = {name: core_schema.typed_dict_field(_value(check), required=required) for name, required, check in fields}
    return core_schema.typed_dict_schema(known, extra_behavior="ignore")


def _value(check: tuple[Any, ...]) -> CoreSchema:
    kind, *limits = check
    return _VALUES[kind](*limits)


def _number(lowest: int, highest: int) -> CoreSchema:
    parts = core_schema.float_schema(strict=True, ge=lowest, le=highest, allow_inf_nan=False)
    return core_schema.union_schema([core_schema.int_schema(strict=True, ge=lowest, le=highest), parts])


# The checks of the field tables (firmware.wire.codec), but for those that nothing that comes in numbers needs.
_VALUES: Mapping[str, Callable[..., CoreSchema]] = {
    "int": lambda lowest, highest: core_schema.int_schema(strict=True, ge=lowest, le=highest),
    "number": _number,
    "text": lambda least, most: core_schema.str_schema(strict=True, min_length=least, max_length=most),
    "hex": lambda length: core_schema.str_schema(strict=True, pattern=f"^[0-9a-f]{{{length}}}$"),
    "id": lambda most: core_schema.str_schema(strict=True, pattern=f"^[A-Za-z0-9_.-]{{1,{most}}}$"),
    "one of": lambda names: core_schema.literal_schema(list(names)),
    "list": lambda item, least, most: core_schema.list_schema(_value(item), min_length=least, max_length=most),
    "object": _object,
}
_READERS = {topics.EVENTS: _reader(messages.EVENTS)}
