"""Every place of the API where a caller may write something, as docs/openapi.json tells of it."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.unit.cloud.api.routes import FORM, ROWS, Row, filled
from tests.unit.cloud.messages import jpeg
from tools.check import openapi

WHOLE = json.loads(openapi.SNAPSHOT.read_text(encoding="utf-8"))
JSON, MULTIPART = "application/json", "multipart/form-data"
# What routes without credentials ask for, whichever of it.
OPEN = Row("", json=FORM | {"refresh_token": "x" * 43})


@dataclass(frozen=True, slots=True)
class Place:
    """A parameter, or a field of a body; ``allowed`` are its words where it has a list of them."""

    method: str
    path: str
    where: str
    name: str
    allowed: tuple[str, ...] = ()
    is_list: bool = False

    def __str__(self):
        return f"{self.method} {self.path} {self.where} {self.name}"


def places():
    """Return the places of every route."""
    found = []
    for path, routes in WHOLE["paths"].items():
        for method, route in routes.items():
            found += [
                _place(method, path, one["in"], one["name"], one["schema"]) for one in route.get("parameters", [])
            ]
            for kind, content in route.get("requestBody", {}).get("content", {}).items():
                fields = _resolved(content["schema"]).get("properties", {})
                found += [_place(method, path, kind, name, schema) for name, schema in fields.items()]
    return found


def ask(stage, place, value, headers):
    """Send the request of the route, as its household would, with something else in one place."""
    row = ROWS.get((place.method, place.path), OPEN)
    path, query, ids = place.path, filled(stage, row.query), stage.ids | {"upload_id": "x", "sha256": "x"}
    content: dict[str, Any] = {}
    written = [value] if place.is_list else value
    if row.json is not None:
        content["json"] = filled(stage, row.json)
    if row.form is not None:
        content["data"] = {name: str(one) for name, one in filled(stage, row.form).items()}
        content["files"] = {"file": ("letter.jpg", jpeg(), "image/jpeg")}
    if place.where == "path":
        ids[place.name] = value
    elif place.where == "query":
        query[place.name] = written
    elif place.where == "header":
        headers = headers | {place.name: value.encode()}
    elif place.where == JSON:
        content["json"] = content.get("json", {}) | {place.name: written}
    elif place.name == "file":
        content["files"] = {"file": (value, jpeg(), "image/jpeg")}
    else:
        content["data"][place.name] = value
    path = path.format(**{name: _escaped(one) for name, one in ids.items()})
    return stage.client.request(place.method, path, params=query, headers=headers, **content)


def _place(method, path, where, name, schema):
    schema = _resolved(schema)
    is_list = schema.get("type") == "array"
    one = _resolved(schema["items"]) if is_list else schema
    return Place(method, path, where, name, tuple(one.get("enum", ())), is_list)


def _resolved(schema):
    """Return what a schema says, through a reference and beside null."""
    for one in schema.get("anyOf", ()):
        if one.get("type") != "null":
            return _resolved(one)
    name = schema.get("$ref", "").rpartition("/")[2]
    return WHOLE["components"]["schemas"][name] if name else schema


def _escaped(value):
    return quote(str(value), safe="")
