"""The same examples decode to the same outcome on CPython (cloud, gateway) and on MicroPython (board)."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.wire import codec, messages
from tools.parts.micropython import find_micropython

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
FILES = sorted((HERE / "examples").glob("*.json"))
EXAMPLES = [(file.stem, example) for file in FILES for example in json.loads(file.read_text())]


def named(value):
    return value["about"] if isinstance(value, dict) else value


def expected_outcome(example, **other):
    wanted = {**example, **other}
    if wanted["outcome"] == "refused":
        return {"outcome": "refused", "reason": wanted["reason"]}
    return {"outcome": "accepted", "decoded": wanted.get("decoded", wanted.get("payload"))}


def outcomes_of(interpreter):
    command = [interpreter, HERE / "decode_examples.py", ROOT, *FILES]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout)


def test_every_message_kind_has_accepted_and_refused_examples():
    for kind in messages.BY_KIND:
        outcomes = {example["outcome"] for stem, example in EXAMPLES if stem == kind.replace("/", "-")}
        assert outcomes == {"accepted", "refused"}, kind


def test_every_field_of_the_contract_is_in_an_accepted_example():
    seen = set()

    def note(value):
        if isinstance(value, dict):
            seen.update(value)
            for item in value.values():
                note(item)
        elif isinstance(value, list):
            for item in value:
                note(item)

    for _, example in EXAMPLES:
        if example["outcome"] == "accepted":
            note(example.get("payload"))
    fields = {name for table in messages.BY_KIND.values() for name, _, _ in table}
    assert fields <= seen


def test_cpython_decodes_every_example_as_expected():
    got = outcomes_of(sys.executable)
    wanted = [expected_outcome(example) for _, example in EXAMPLES]
    assert differences(got, wanted) == []


def test_micropython_decodes_every_example_as_expected():
    micropython = find_micropython()
    assert micropython is not None, "expected MicroPython; run: pillarbox setup --for-tests"
    got = outcomes_of(micropython)
    wanted = [expected_outcome(example, **example.get("micropython", {})) for _, example in EXAMPLES]
    assert differences(got, wanted) == []


def differences(got, wanted):
    assert len(got) == len(wanted) == len(EXAMPLES)
    return [
        (example["about"], one, other)
        for (_, example), one, other in zip(EXAMPLES, got, wanted, strict=True)
        if one != other
    ]


ACCEPTED = [(stem, example) for stem, example in EXAMPLES if example["outcome"] == "accepted" and "payload" in example]


@pytest.mark.parametrize(("stem", "example"), ACCEPTED, ids=named)
def test_an_accepted_example_survives_encoding(stem, example):
    fields = messages.BY_KIND[stem.replace("-", "/")]
    decoded = codec.decode(fields, json.dumps(example["payload"]).encode())
    assert codec.decode(fields, codec.encode(fields, decoded)) == decoded
