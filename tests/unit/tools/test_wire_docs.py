"""docs/wire.md and docs/wire.schema.json say what the codec does."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from firmware.wire import codec, messages
from tools.check import wire_docs
from tools.check.wire_docs import UndescribedError, check_descriptions, definition_name, field_names, generated, schema

EXAMPLES = {
    kind: json.loads((wire_docs.EXAMPLES / f"{kind.replace('/', '-')}.json").read_text()) for kind in messages.BY_KIND
}
WITH_OUTCOME = {
    outcome: [(kind, one) for kind, examples in EXAMPLES.items() for one in examples if one["outcome"] == outcome]
    for outcome in ("accepted", "refused")
}


def named(value):
    return value["about"] if isinstance(value, dict) else value


def validator(kind):
    return Draft202012Validator({**schema(), "$ref": f"#/$defs/{definition_name(kind)}"})


@pytest.mark.parametrize("path", [wire_docs.PAGE, wire_docs.SCHEMA], ids=str)
def test_the_generated_file_is_fresh(path):
    assert path.read_text() == generated()[path], "run: python -m tools.check.wire_docs"


def test_the_schema_is_a_json_schema():
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(("kind", "example"), WITH_OUTCOME["accepted"], ids=named)
def test_the_schema_accepts_what_the_codec_accepts(kind, example):
    decoded = codec.decode(messages.BY_KIND[kind], json.dumps(example["payload"]).encode())
    assert list(validator(kind).iter_errors(decoded)) == []


# JSON Schema counts an emoji's half as a character.
REFUSED = [(kind, example) for kind, example in WITH_OUTCOME["refused"] if "Half of an emoji" not in example["about"]]


@pytest.mark.parametrize(("kind", "example"), REFUSED, ids=named)
def test_the_schema_refuses_what_the_codec_refuses(kind, example):
    assert not validator(kind).is_valid(example["payload"])


def test_a_field_without_description_stops_the_generator():
    with pytest.raises(UndescribedError, match=r"got none for events\.colour"):
        check_descriptions({*field_names(), "events.colour"})


def test_a_description_without_field_stops_the_generator():
    with pytest.raises(UndescribedError, match=r"got none for status\.fw"):
        check_descriptions(set(field_names()) - {"status.fw"})


def test_every_topic_and_field_is_on_the_page():
    page = generated()[wire_docs.PAGE]
    for kind in messages.BY_KIND:
        assert f"### {kind}\n" in page
    for name in field_names():
        assert f"| `{name.rpartition('.')[2]}` |" in page


def test_writing_and_checking_agree(tmp_path, monkeypatch, capsys):
    examples = wire_docs.EXAMPLES.resolve()
    (tmp_path / "docs").mkdir()
    (tmp_path / wire_docs.EXAMPLES.parent).mkdir(parents=True)
    (tmp_path / wire_docs.EXAMPLES).symlink_to(examples)
    monkeypatch.chdir(tmp_path)
    assert wire_docs.main(["--check"]) == 1
    assert not wire_docs.PAGE.exists()
    assert wire_docs.main([]) == 0
    assert wire_docs.main(["--check"]) == 0
    Path("docs/wire.md").write_text("stale")
    assert wire_docs.main(["--check"]) == 1
    assert "docs/wire.md is stale; run: python -m tools.check.wire_docs" in capsys.readouterr().out
