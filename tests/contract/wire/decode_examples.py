"""Decode every example of the wire contract and print what came of it; runs on CPython and, unchanged, on MicroPython.

Arguments: the repository, then the files of examples. Prints a JSON list with one outcome per example.
"""

import binascii
import json
import sys

sys.path.insert(0, sys.argv[1])
from firmware.wire import codec, messages


def payload_of(example):
    if "payload" in example:
        return json.dumps(example["payload"]).encode()
    if "hex" in example:
        return binascii.unhexlify(example["hex"])
    if "repeat" in example:
        return example["repeat"][0].encode() * example["repeat"][1]
    return example["text"].encode()


def outcome_of(kind, example):
    try:
        return {"outcome": "accepted", "decoded": codec.decode(messages.BY_KIND[kind], payload_of(example))}
    except codec.WireError as error:
        return {"outcome": "refused", "reason": str(error)}


def kind_of(file_name):
    kind = file_name.replace("\\", "/").split("/")[-1][: -len(".json")]
    # Malformed payloads are refused before their fields are looked at, so any kind does.
    return "status" if kind == "malformed" else kind.replace("-", "/")


def outcomes_in(file_names):
    outcomes = []
    for file_name in file_names:
        with open(file_name) as file:  # noqa: PTH123 - MicroPython has no pathlib
            outcomes += [outcome_of(kind_of(file_name), example) for example in json.load(file)]
    return outcomes


if __name__ == "__main__":
    print(json.dumps(outcomes_in(sys.argv[2:])))  # noqa: T201 - what the test reads
