"""Generate docs/wire.md and docs/wire.schema.json from the field tables of ``firmware.wire.messages``."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from string import Template
from typing import Any

from firmware.wire import codec, messages, topics
from tools.check.wire_descriptions import FIELDS, KINDS, OBJECTS

PAGE = Path("docs/wire.md")
SCHEMA = Path("docs/wire.schema.json")
EXAMPLES = Path("tests/contract/wire/examples")

Check = tuple[Any, ...]
Field = tuple[str, bool, Check]

_NAMES = {id(check): name for name, (check, _) in OBJECTS.items()}


class UndescribedError(Exception):
    """A field without a description, or a description without a field."""


def main(arguments: list[str] | None = None) -> int:
    """Write both files, or with ``--check`` return 1 when one of them is not what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is stale")
    only_check = parser.parse_args(arguments).check
    stale = [path for path, text in generated().items() if not path.is_file() or path.read_text() != text]
    for path in stale:
        if not only_check:
            path.write_text(generated()[path])
        print(f"{path} {'is stale; run: python -m tools.check.wire_docs' if only_check else 'written'}")
    return 1 if only_check and stale else 0


def generated() -> dict[Path, str]:
    """Return the text of both files; raises UndescribedError when descriptions and fields do not match."""
    check_descriptions(set(field_names()))
    return {PAGE: page(), SCHEMA: json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"}


def field_names() -> Iterator[str]:
    """Yield the name of every field, led by its message kind or object."""
    for owner, fields in _owners().items():
        for name, _, _ in fields:
            yield f"{owner}.{name}"


def check_descriptions(fields: set[str], described: Mapping[str, str] = FIELDS) -> None:
    """Raise UndescribedError unless exactly ``fields`` are described."""
    if missing := sorted(fields - described.keys()):
        raise UndescribedError(f"expected a description in wire_descriptions.FIELDS, got none for {', '.join(missing)}")
    if stale := sorted(described.keys() - fields):
        raise UndescribedError(f"expected a field for each description, got none for {', '.join(stale)}")


def schema() -> dict[str, Any]:
    """Return a JSON Schema (2020-12) with one definition per message kind and object."""
    definitions = {name: _object_schema(name, check[1], about) for name, (check, about) in OBJECTS.items()}
    for kind, fields in messages.BY_KIND.items():
        definitions[definition_name(kind)] = _object_schema(kind, fields, KINDS[kind].purpose, versioned=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Pillarbox wire contract",
        "description": "Validate a payload against the definition of its message kind, the end of its topic.",
        "$defs": definitions,
    }


def definition_name(kind: str) -> str:
    """Return the name of a message kind's definition in the schema."""
    return kind.replace("/", "_") + "_message"


def page() -> str:
    """Return docs/wire.md."""
    template = Template(Path(__file__).with_name("wire.md.template").read_text())
    return template.substitute(
        prefix=topics.PREFIX,
        version=codec.VERSION,
        slashes=topics.topic("t", topics.UPLOAD_GRANT).count("/"),
        thing_bytes=topics.MAX_THING_BYTES,
        topic_bytes=topics.MAX_TOPIC_BYTES,
        payload_bytes=f"{topics.MAX_PAYLOAD_BYTES:,}",
        map_name=codec.MAX_MAP_NAME,
        map_text=codec.MAX_MAP_TEXT,
        map_list=codec.MAX_MAP_LIST,
        topics=_topic_table(),
        messages="".join(_message_section(kind, fields) for kind, fields in messages.BY_KIND.items()),
        objects="".join(
            f"### {name}\n\n{about}\n\n{_field_table(name, check[1])}\n" for name, (check, about) in OBJECTS.items()
        ),
    )


def _owners() -> dict[str, tuple[Field, ...]]:
    return {**messages.BY_KIND, **{name: check[1] for name, (check, _) in OBJECTS.items()}}


def _topic_table() -> str:
    rows = ["| kind | from | retained | content |", "|---|---|---|---|"]
    for kind, about in KINDS.items():
        receiver = "cloud" if kind in topics.UP else "device"
        rows.append(
            f"| `{kind}` | {about.sender} to {receiver} | {'yes' if about.retained else 'no'} | {about.purpose} |"
        )
    return "\n".join(rows)


def _message_section(kind: str, fields: tuple[Field, ...]) -> str:
    example = json.dumps(_example(kind), indent=2, ensure_ascii=False)
    return f"### {kind}\n\n{KINDS[kind].purpose}\n\n{_field_table(kind, fields)}\n```json\n{example}\n```\n\n"


def _field_table(owner: str, fields: tuple[Field, ...]) -> str:
    rows = ["| field | required | value | meaning |", "|---|---|---|---|"]
    for name, required, check in fields:
        must = "yes" if required else "no"
        rows.append(f"| `{name}` | {must} | {_in_words(check)} | {FIELDS[f'{owner}.{name}']} |")
    return "\n".join(rows) + "\n"


def _in_words(check: Check) -> str:
    if check[0] == "object":
        return f"[{_NAMES[id(check)]}](#{_NAMES[id(check)]})"
    if check[0] == "list":
        return f"{codec.expected(check)}, each {_in_words(check[1])}"
    return codec.expected(check)


def _example(kind: str) -> Any:
    examples = json.loads((EXAMPLES / f"{kind.replace('/', '-')}.json").read_text())
    return next(example["payload"] for example in examples if example["outcome"] == "accepted")


def _object_schema(owner: str, fields: tuple[Field, ...], about: str, *, versioned: bool = False) -> dict[str, Any]:
    properties = {name: {**_check_schema(check), "description": FIELDS[f"{owner}.{name}"]} for name, _, check in fields}
    required = [name for name, must, _ in fields if must]
    if versioned:
        properties = {"v": {"const": codec.VERSION}, **properties}
        required = ["v", *required]
    return {"description": about, "type": "object", "properties": properties, "required": required}


def _check_schema(check: Check) -> dict[str, Any]:
    return _SCHEMAS[check[0]](check)


def _object_reference(check: Check) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{_NAMES[id(check)]}"}


def _map_schema(check: Check) -> dict[str, Any]:
    number = {"minimum": -codec.MAX_NUMBER, "maximum": codec.MAX_NUMBER}
    values: list[dict[str, Any]] = [
        {"type": "string", "maxLength": codec.MAX_MAP_TEXT},
        {"type": "number", **number},
        {"type": "boolean"},
        {"type": "array", "maxItems": codec.MAX_MAP_LIST, "items": {"type": "integer", **number}},
    ]
    return {
        "type": "object",
        "maxProperties": check[1],
        "propertyNames": {"minLength": 1, "maxLength": codec.MAX_MAP_NAME},
        "additionalProperties": {"anyOf": values},
    }


_SCHEMAS: dict[str, Callable[[Check], dict[str, Any]]] = {
    "object": _object_reference,
    "map": _map_schema,
    "list": lambda check: {
        "type": "array",
        "items": _check_schema(check[1]),
        "minItems": check[2],
        "maxItems": check[3],
    },
    "int": lambda check: {"type": "integer", "minimum": check[1], "maximum": check[2]},
    "number": lambda check: {"type": "number", "minimum": check[1], "maximum": check[2]},
    "text": lambda check: {"type": "string", "minLength": check[1], "maxLength": check[2]},
    "hex": lambda check: {"type": "string", "pattern": f"^[0-9a-f]{{{check[1]}}}$"},
    "id": lambda check: {"type": "string", "pattern": f"^[A-Za-z0-9_.-]{{1,{check[1]}}}$"},
    "bool": lambda _: {"type": "boolean"},
    "one of": lambda check: {"enum": list(check[1])},
}


if __name__ == "__main__":
    sys.exit(main())
