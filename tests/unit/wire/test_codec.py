"""The codec: every payload is decoded or refused with a reason, never anything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.wire import codec, messages
from firmware.wire.codec import WireError, decode, encode, expected, validate
from firmware.wire.topics import MAX_PAYLOAD_BYTES

KINDS = st.sampled_from(sorted(messages.BY_KIND))
STATUS = {"v": 1, "online": True}
EVENT = {"event_id": "a-1-0", "event_type": "open", "seq": 0, "err_ms": 0}
EVENTS = {"v": 1, "fw": "1", "install": "0" * 16, "boot": 1, "clk": "none", "lost": 0, "events": [EVENT]}
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.characters(categories=["Cs"])  # surrogates
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


def valid(check):
    """Return a strategy of the values that ``check`` must let pass."""
    kind = check[0]
    if kind == "object":
        return objects(check[1])
    if kind == "list":
        return st.lists(valid(check[1]), min_size=check[2], max_size=min(check[3], 3))
    plain = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    whole = st.integers(-codec.MAX_NUMBER, codec.MAX_NUMBER)
    return {
        "int": lambda: st.integers(check[1], check[2]),
        "number": lambda: st.integers(check[1], check[2]) | st.floats(check[1], check[2]),
        "text": lambda: st.text(
            st.characters(exclude_categories=["Cs"]), min_size=check[1], max_size=min(check[2], 16)
        ),
        "hex": lambda: st.text("0123456789abcdef", min_size=check[1], max_size=check[1]),
        "id": lambda: st.from_regex(r"\A[A-Za-z0-9_.-]{1,64}\Z"),
        "bool": st.booleans,
        "one of": lambda: st.sampled_from(check[1]),
        "map": lambda: st.dictionaries(
            plain.filter(bool), plain | whole | st.booleans() | st.lists(whole, max_size=3), max_size=4
        ),
    }[kind]()


def objects(fields):
    return st.fixed_dictionaries(
        {name: valid(check) for name, required, check in fields if required},
        optional={name: valid(check) for name, required, check in fields if not required},
    )


def outcome(kind, payload):
    """Return the decoded message, or the refusal; any other exception fails the test."""
    try:
        return decode(messages.BY_KIND[kind], payload)
    except WireError as error:
        return error


@given(KINDS, st.binary())
def test_any_bytes_are_decoded_or_refused(kind, payload):
    assert isinstance(outcome(kind, payload), (dict, WireError))


@given(KINDS, VALUES, st.booleans())
def test_any_json_is_decoded_or_refused(kind, value, ascii_only):
    payload = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert isinstance(outcome(kind, payload), (dict, WireError))


FRAGMENTS = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    '"',
    '"v":1',
    '"online":',
    "true",
    "NaN",
    "-Infinity",
    "1e999",
    "-0",
    "9" * 400,
]
FRAGMENTS += ['"\\ud800"', '"\\udc00"', "\\", "\x00", "\ufeff", "\u2028"]


@given(st.lists(st.sampled_from(FRAGMENTS)))
def test_any_heap_of_json_is_decoded_or_refused(fragments):
    assert isinstance(outcome("status", "".join(fragments).encode()), (dict, WireError))


@given(KINDS, st.data())
def test_what_one_side_encodes_the_other_decodes(kind, data):
    fields = messages.BY_KIND[kind]
    message = data.draw(objects(fields))
    assert decode(fields, encode(fields, message)) == {**message, "v": 1}


@given(KINDS, st.data(), VALUES)
def test_a_wrong_value_anywhere_is_refused_or_right_after_all(kind, data, value):
    fields = messages.BY_KIND[kind]
    message = data.draw(objects(fields))
    name = data.draw(st.sampled_from([name for name, _, _ in fields]))
    got = outcome(kind, json.dumps({**message, "v": 1, name: value}).encode())
    if isinstance(got, dict):
        assert got == decode(fields, encode(fields, got))
    else:
        assert str(got).startswith(name)


@given(st.text())
def test_a_reason_is_short_and_can_be_stored(text):
    refusal = outcome("status", json.dumps({"v": 1, "online": text}).encode())
    assert str(refusal).isprintable()
    assert len(str(refusal)) < 200


@pytest.mark.parametrize(
    "payload", [b"[" * MAX_PAYLOAD_BYTES, b'{"v":' * 20000, b'{"v":1,"online":' + b"[" * 60000], ids=len
)
def test_deep_nesting_is_refused(payload):
    with pytest.raises(WireError, match="expected JSON in UTF-8"):
        decode(messages.STATUS, payload)


@pytest.mark.parametrize("digits", [20, 400, 4300, 4301, 100_000])
def test_a_number_of_any_length_is_refused(digits):
    with pytest.raises(WireError):
        decode(messages.STATUS, b'{"v":' + b"9" * digits + b"}")


def test_a_payload_of_the_largest_size_is_decoded_and_one_byte_more_is_refused():
    payload = json.dumps(STATUS).encode()
    padded = payload + b" " * (MAX_PAYLOAD_BYTES - len(payload))
    assert decode(messages.STATUS, padded) == STATUS
    with pytest.raises(WireError, match="expected at most 131072 bytes, got 131073"):
        decode(messages.STATUS, padded + b" ")


def test_a_message_that_grows_too_large_is_not_encoded():
    settings = {f"setting-{number}": "ü" * 500 for number in range(32)}
    message = {"rev": 1, "settings": settings}
    assert len(encode(messages.DESIRED, message)) < MAX_PAYLOAD_BYTES
    event = {**EVENT, "event_id": "x" * 64}
    # Every field fits, the whole does not.
    image = {"image_id": "x", "sha256": "0" * 64, "bytes": 1, "width": 1, "height": 1, "err_ms": 0}
    scores = {f"{number}": "ü" * 500 for number in range(16)}
    images = {"count": 16, "images": [{**image, "scores": scores}] * 16, "event_id": event["event_id"]}
    with pytest.raises(WireError, match="expected at most 131072 bytes, got"):
        encode(messages.IMAGES, images)


@pytest.mark.parametrize("count", [0, 129])
def test_a_list_has_the_length_that_the_contract_says(count):
    with pytest.raises(WireError, match=rf"events: expected a list of 1 to 128, got a list of {count}"):
        validate(messages.EVENTS, {**EVENTS, "events": [EVENT] * count})


def test_a_list_may_be_as_long_as_the_contract_says():
    assert len(validate(messages.EVENTS, {**EVENTS, "events": [EVENT] * 128})["events"]) == 128


def test_a_wrong_item_is_named_with_its_place():
    wrong = [EVENT, {**EVENT, "seq": -1}]
    with pytest.raises(WireError, match=r"^events\[1\]\.seq: expected a whole number from 0 to 4294967295, got -1$"):
        validate(messages.EVENTS, {**EVENTS, "events": wrong})


@pytest.mark.parametrize(
    "settings",
    [
        {"": 1},
        {"x" * 41: 1},
        {"\ud800": 1},
        {"s": "x" * 501},
        {"s": "\udfff"},
        {"s": None},
        {"s": {}},
        {"s": [1.5]},
        {"s": [True]},
        {"s": [1] * 17},
        {"s": float("nan")},
        {"s": float("inf")},
        {"s": 2**53},
        {"s": -(2**53)},
        {str(number): 0 for number in range(33)},
    ],
    ids=str,
)
def test_named_values_are_flat_and_can_be_kept(settings):
    with pytest.raises(WireError, match=r"^settings: expected at most 32 named texts, numbers, booleans or lists"):
        validate(messages.DESIRED, {"v": 1, "rev": 1, "settings": settings})


def test_named_values_may_be_of_every_kind():
    settings = {"x" * 40: "x" * 500, "whole": 2**53 - 1, "part": -0.5, "yes": True, "list": [-1] * 16}
    assert validate(messages.DESIRED, {"v": 1, "rev": 1, "settings": settings})["settings"] == settings


def test_encoding_drops_what_the_contract_does_not_know():
    assert json.loads(encode(messages.STATUS, {"online": True, "mood": "good", "fw": None})) == STATUS


def test_encoding_writes_utf8_because_micropython_reads_escapes_in_halves():
    assert "📬".encode() in encode(messages.STATUS, {"online": True, "fw": "📬"})


def test_encoding_checks_like_decoding():
    with pytest.raises(WireError, match=r"^online: expected true or false, got nothing$"):
        encode(messages.STATUS, {})


def test_neither_message_nor_payload_is_changed():
    message = {"online": True, "mood": "good"}
    encode(messages.STATUS, message)
    assert message == {"online": True, "mood": "good"}


def checks(fields):
    for _, _, check in fields:
        yield check
        if check[0] == "object":
            yield from checks(check[1])
        elif check[0] == "list":
            yield check[1]
            yield from checks(check[1][1])


@pytest.mark.parametrize("kind", messages.BY_KIND)
def test_every_check_can_say_what_it_expects(kind):
    for check in checks(messages.BY_KIND[kind]):
        assert expected(check)
