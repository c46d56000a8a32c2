"""Bodies of which fields may be left out: what is null is left out too, as in the seed."""

from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

# What says something of a field, not of the values that it takes.
_AROUND = ("title", "description", "default")


class NullIsLeftOut(BaseModel):
    """A body whose fields that are null count as left out; its description says that they may be null."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, given: object) -> object:
        """Return what was given without the fields that are null; what is no object is refused later."""
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None}

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the description, in which every field that may be left out may be null."""
        described = handler.resolve_ref_schema(handler(core_schema))
        optional = described.get("properties", {}).keys() - set(described.get("required", ()))
        described["properties"] |= {name: _or_null(described["properties"][name]) for name in optional}
        return described


class PartialUpdate(NullIsLeftOut):
    """A body that changes what it names; what is left out stays as it is, so no field is said to have a default."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Return the description, which gives nobody a value to put in for what they leave out."""
        described = handler.resolve_ref_schema(super().__get_pydantic_json_schema__(core_schema, handler))
        for told in described["properties"].values():
            told.pop("default", None)
        return described


def _or_null(told: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a value, or of null."""
    if "anyOf" in told:
        return told
    around = {name: told[name] for name in _AROUND if name in told}
    value = {name: one for name, one in told.items() if name not in _AROUND}
    return {"anyOf": [value, {"type": "null"}], **around}
