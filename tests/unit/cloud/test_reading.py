"""Reports of events are read as the codec reads them: the same messages, the same refusals."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.devices.reading import read
from firmware.wire import codec, messages, topics
from firmware.wire.codec import WireError, decode

INSTALL = "9f3c2a7be4d01586"
EVENT = {"event_id": f"{INSTALL}-1-7", "event_type": "open", "seq": 7, "occurred_at": 2**41, "age_ms": 5, "err_ms": 50}
PERF = {name: 5 for name, _, check in messages.PERF[1] if check[0] != "id"} | {"charge_mc": 0.25, "wake": "a.b_c-d"}
MESSAGE = {
    "v": 1,
    "fw": "1.0",
    "install": INSTALL,
    "boot": 1,
    "after": {"install": INSTALL, "boot": 1, "seq": 6},
    "batt_mv": 4012,
    "rssi": -61,
    "clk": "ntp",
    "lost": 0,
    "perf": PERF,
    "events": [EVENT | {"dur_ms": 9}],
}
TEXT = json.dumps(MESSAGE)
# Every value of the message by its place.
PLACES = [
    *((name,) for name in MESSAGE),
    *((name, inner) for name in ("after", "perf") for inner in MESSAGE[name]),
    *(("events", 0), *(("events", 0, name) for name in MESSAGE["events"][0])),
]
LIMITS = (0, 60_000, 2**32, 2**53, 2**63, 10**9, messages.MAX_AGE)
EDGES = [limit + step for limit in LIMITS for step in (-1, 0, 1)]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(EDGES)
    | st.floats()
    | st.text()
    | st.text("0123456789abcdef", min_size=15, max_size=17)
    | st.text("aZ9_-.\n", max_size=66)
    | st.sampled_from(messages.EVENT[1][1][2][1])
    | st.characters(categories=["Cs"])  # surrogates
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


def outcome(way, payload):
    """Return the message with the types of its numbers, or why it is refused."""
    try:
        return repr(sorted(way(payload).items()))
    except WireError as error:
        return str(error)


def is_read_alike(payload):
    expected = outcome(lambda given: decode(messages.EVENTS, given), payload)
    assert outcome(lambda given: read(topics.EVENTS, given), payload) == expected


def changed(place, change):
    message = copy.deepcopy(MESSAGE)
    holder = message
    for name in place[:-1]:
        holder = holder[name]
    change(holder, place[-1])
    return message


@given(st.sampled_from(PLACES), VALUES, st.booleans())
def test_whatever_a_value_is_the_message_is_read_as_by_the_codec(place, value, ascii_only):
    text = json.dumps(changed(place, lambda holder, name: holder.__setitem__(name, value)), ensure_ascii=ascii_only)
    is_read_alike(text.encode(errors="surrogatepass"))


@pytest.mark.parametrize("place", PLACES)
def test_whatever_is_left_out_the_message_is_read_as_by_the_codec(place):
    is_read_alike(json.dumps(changed(place, lambda holder, name: holder.pop(name))).encode())


@given(st.text(), VALUES)
def test_what_is_not_in_the_contract_is_left_out(name, value):
    is_read_alike(json.dumps({name: value} | MESSAGE).encode())
    is_read_alike(json.dumps(changed(("events", 0), lambda holder, at: holder[at].setdefault(name, value))).encode())


@given(st.binary(max_size=40), st.integers(0, len(TEXT)))
def test_whatever_bytes_come_in_between_the_message_is_read_as_by_the_codec(noise, at):
    is_read_alike(TEXT[:at].encode() + noise + TEXT[at:].encode())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"boot": 1', '"boot": 2, "boot": 3'),
        ('"boot": 1', '"boot": -2, "boot": 3'),
        ('"boot": 1', '"boot": 3, "boot": null'),
        ('"v": 1', '"v": 1, "v": 2'),
        ('"v": 1', '"v": true'),
        ('"v": 1', '"v": 1.0'),
        ('"boot": 1', '"boot": -0'),
        ('"boot": 1', '"boot": 01'),
        ('"boot": 1', '"boot": 1e0'),
        ('"boot": 1', f'"boot": 1{"0" * 5000}'),
        ('"lost": 0', '"lost": 0, "new": NaN'),
        ('"charge_mc": 0.25', '"charge_mc": 1e999'),
        ('"charge_mc": 0.25', '"charge_mc": 123456.789012345678'),
        ('"charge_mc": 0.25', '"charge_mc": 5.0'),
        ('"charge_mc": 0.25', '"charge_mc": -0.0'),
        ('"boot"', '"b\\u006fot"'),
        ('"fw": "1.0"', '"fw": "\\ud83d\\ude00"'),
        ('"lost": 0', '"lost": 0, "new": "\\ud83d"'),
        ('"lost": 0', f'"lost": 0, "new": {"[" * 900}{"]" * 900}'),
    ],
)
def test_whatever_json_can_say_in_two_ways_is_read_as_by_the_codec(before, after):
    assert before in TEXT
    is_read_alike(TEXT.replace(before, after).encode())


def test_a_message_that_is_too_long_is_refused():
    is_read_alike(TEXT.encode() + b" " * codec.MAX_PAYLOAD_BYTES)


def test_other_kinds_are_the_codecs():
    assert read(topics.STATUS, b'{"v": 1, "online": true}') == {"v": 1, "online": True}
